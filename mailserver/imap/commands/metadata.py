"""GETMETADATA and SETMETADATA: notes of clients on mailboxes and on the server. RFC 5464."""

from collections.abc import Mapping

from mailserver.imap.row import Row
from mailserver.imap.session import Session
from mailserver.imap.states import AUTHENTICATED
from mailserver.imap.wire import metadata_items, writer
from mailserver.imap.wire.metadata_items import GetMetadata, SetMetadata

CAPABILITY = b"METADATA"


async def get(s: Session, c: GetMetadata) -> bytes:
    """Values over MAXSIZE are left out, and the longest of them is told. RFC 5464 §4.2.1"""
    found = await s.mailboxes.annotations.get(s.user_id, c.name, c.entries, c.options.depth)
    limit = c.options.max_size
    lengths = [len(value) for value in found.values() if value is not None and limit is not None]
    longest = max(lengths, default=0)
    told = {entry: value for entry, value in found.items() if value is None or limit is None or len(value) <= limit}
    if told:
        s.untagged(metadata(s, c.name, told))
    if limit is not None and longest > limit:
        return b"[METADATA LONGENTRIES %d] GETMETADATA completed" % longest
    return b"GETMETADATA completed"


async def set_(s: Session, c: SetMetadata) -> bytes:
    await s.mailboxes.annotations.set(s.user_id, c.name, c.changes)
    return b"SETMETADATA completed"


def metadata(s: Session, name: str, values: Mapping[str, bytes | None]) -> bytes:
    """The response, for LIST-METADATA too."""
    pairs = b" ".join(
        b"%b %b" % (writer.astring(entry.encode("ascii")), _value(value)) for entry, value in values.items()
    )
    return b"METADATA %b (%b)" % (s.name(name) if name else b'""', pairs)


def _value(value: bytes | None) -> bytes:
    """value = nstring / literal8"""
    if value is not None and b"\0" in value:
        return writer.literal8(value)
    return writer.nstring(value)


ROWS = {
    "GETMETADATA": Row(metadata_items.parse_get, get, AUTHENTICATED, capability=CAPABILITY),
    "SETMETADATA": Row(metadata_items.parse_set, set_, AUTHENTICATED, capability=CAPABILITY),
}
