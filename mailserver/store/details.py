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


def read(rx: Rx, messages: Sequence[tuple[int, int]], columns: Detail) -> list[StoredDetail]:
    """For (uid, content id) each, in their order; contents that are gone are left out."""
    fields = list(dict.fromkeys(field for column, names in _FIELDS.items() if column in columns for field in names))
    rows = rx.all(
        f"SELECT {', '.join(['c.id', *fields])} FROM json_each(?) j JOIN contents c ON c.id = j.value",
        json.dumps([content_id for _, content_id in messages]),
    )
    kept = {row[0]: row[1:] for row in rows}
    decoded = [(place, _DECODE[field]) for place, field in enumerate(fields) if field in _DECODE]
    found: list[StoredDetail] = []
    for uid, content_id in messages:
        if (row := kept.get(content_id)) is not None:
            values = dict(zip(fields, row, strict=True))
            for place, decode in decoded:
                values[fields[place]] = decode(row[place])
            found.append(StoredDetail(uid, **values))
    return found
