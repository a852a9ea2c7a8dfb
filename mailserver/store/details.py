"""What is kept of messages' contents, read back by the column: no file is opened for it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Flag, auto
from typing import Any

from mailserver.mail.describe import decode_parts
from mailserver.mail.detail import Part
from mailserver.store.database import Rx


class Detail(Flag):
    """What is asked for; each names fields of StoredDetail."""

    ENVELOPE = auto()
    BODY = auto()
    BODY_STRUCTURE = auto()
    HEADER_FIELDS = auto()  # and header_octets
    PREVIEW = auto()
    PARTS = auto()  # and header_octets
    SENT = auto()  # sent_at and sent_zone


@dataclass(frozen=True, slots=True)
class StoredDetail:
    """One message's columns that were asked for; the others keep their defaults."""

    uid: int
    envelope: bytes = b""
    body: bytes = b""
    body_structure: bytes = b""
    header_fields: bytes = b""
    preview: str = ""
    parts: tuple[Part, ...] = ()
    header_octets: int = 0
    sent_at: int | None = None  # epoch seconds UTC
    sent_zone: int = 0  # minutes east of UTC


_FIELDS: dict[Detail, tuple[str, ...]] = {
    Detail.ENVELOPE: ("envelope",),
    Detail.BODY: ("body",),
    Detail.BODY_STRUCTURE: ("body_structure",),
    Detail.HEADER_FIELDS: ("header_fields", "header_octets"),
    Detail.PREVIEW: ("preview",),
    Detail.PARTS: ("parts", "header_octets"),
    Detail.SENT: ("sent_at", "sent_zone"),
}
_DECODE: dict[str, Callable[[Any], Any]] = {"parts": decode_parts}


def read(rx: Rx, mailbox_id: int, uids: Sequence[int], columns: Detail) -> list[StoredDetail]:
    """By uid; messages that are gone are left out.

    Asked by mailbox and UID, never by content id: those are given again to other people's messages.
    """
    fields = list(dict.fromkeys(field for column, names in _FIELDS.items() if column in columns for field in names))
    rows = rx.all(
        f"""SELECT {", ".join(["m.uid", *(f"c.{field}" for field in fields)])} FROM messages m
            JOIN contents c ON c.id = m.content_id
            WHERE m.mailbox_id = ? AND m.uid IN (SELECT value FROM json_each(?)) ORDER BY m.uid""",
        mailbox_id,
        json.dumps([*uids]),
    )
    decode = [_DECODE.get(field, _as_it_is) for field in fields]
    return [
        StoredDetail(row[0], **{field: read(value) for field, read, value in zip(fields, decode, row[1:], strict=True)})
        for row in rows
    ]


def _as_it_is(value: Any) -> Any:
    return value
