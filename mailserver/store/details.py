"""What is kept of messages' contents, read back by the column: no file is opened for it."""

from collections.abc import Sequence
from enum import Flag, auto

import msgspec

from mailserver.mail.describe import decode_parts
from mailserver.mail.detail import Part
from mailserver.store.database import Rx
from mailserver.store.uid_choice import among


class Detail(Flag):
    """What is asked for; each names fields of StoredDetail."""

    ENVELOPE = auto()
    BODY = auto()
    BODY_STRUCTURE = auto()
    HEADER_FIELDS = auto()  # and header_octets
    PREVIEW = auto()
    PARTS = auto()  # and header_octets
    SENT = auto()  # sent_at and sent_zone


class StoredDetail(msgspec.Struct, frozen=True, gc=False):
    """One message's columns that were asked for; the others keep their defaults.

    A struct of msgspec's, because lists of messages are made of them: a frozen dataclass takes some ten times as long.
    """

    uid: int
    envelope: bytes = b""
    body: bytes = b""
    body_structure: bytes = b""
    header_fields: bytes = b""
    preview: str = ""
    header_octets: int = 0
    sent_at: int | None = None  # epoch seconds UTC
    sent_zone: int = 0  # minutes east of UTC
    parts: tuple[Part, ...] = ()  # last: the only one that is not as its column has it


_FIELDS: dict[Detail, tuple[str, ...]] = {
    Detail.ENVELOPE: ("envelope",),
    Detail.BODY: ("body",),
    Detail.BODY_STRUCTURE: ("body_structure",),
    Detail.HEADER_FIELDS: ("header_fields", "header_octets"),
    Detail.PREVIEW: ("preview",),
    Detail.PARTS: ("parts", "header_octets"),
    Detail.SENT: ("sent_at", "sent_zone"),
}
# The columns in the order of StoredDetail's fields, with what stands for one that was not asked for.
_DEFAULTS = {
    "envelope": "x''",
    "body": "x''",
    "body_structure": "x''",
    "header_fields": "x''",
    "preview": "''",
    "header_octets": "0",
    "sent_at": "NULL",
    "sent_zone": "0",
}


def read(rx: Rx, mailbox_id: int, uids: Sequence[int], columns: Detail) -> list[StoredDetail]:
    """By uid; messages that are gone are left out.

    Asked by mailbox and UID, never by content id: those are given again to other people's messages.
    """
    asked = {field for column, names in _FIELDS.items() if column in columns for field in names}
    where, bound = among(uids, "m.uid")
    rows = rx.all(
        f"""SELECT {_selected(asked)} FROM messages m JOIN contents c ON c.id = m.content_id
            WHERE m.mailbox_id = ? AND {where} ORDER BY m.uid""",
        mailbox_id,
        *bound,
    )
    if "parts" in asked:
        rows = [(*row[:-1], decode_parts(row[-1])) for row in rows]
    return [StoredDetail(*row) for row in rows]


def _selected(asked: set[str]) -> str:
    """Every field of StoredDetail in its order, so that a row is one call."""
    fields = [f"c.{field}" if field in asked else default for field, default in _DEFAULTS.items()]
    return ", ".join(["m.uid", *fields, *(["c.parts"] if "parts" in asked else [])])
