"""A file of events or contacts as objects to store, one for each UID. Pure."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from mailserver.errors import BadValue
from mailserver.store.collections import Family

MAX_FILE_OCTETS = 1 << 29


@dataclass(frozen=True, slots=True)
class Item:
    """One object of a file."""

    number: int  # its first line, from 1
    uid: str
    data: bytes
    fault: str | None = None
    left_out: str | None = None  # the name of what is no object: nothing of it is stored


def family_of(data: bytes) -> Family:
    """By what the file begins with. Raises BadValue."""
    start = data[:4096].removeprefix(b"\xef\xbb\xbf").lstrip().upper()
    if start.startswith(b"BEGIN:VCALENDAR"):
        return Family.CALENDARS
    if start.startswith(b"BEGIN:VCARD"):
        return Family.ADDRESSBOOKS
    raise BadValue("This is neither a calendar (BEGIN:VCALENDAR) nor a file of contacts (BEGIN:VCARD)")


def items(family: Family, data: bytes) -> Iterator[Item]:
    """The objects of a file in its order, then what of it is left out. Never raises."""
    return _events(data) if family is Family.CALENDARS else _cards(data)


def _events(data: bytes) -> Iterator[Item]:
    from mailserver.ical.split import cut

    found = cut(data)
    for piece in found.pieces:
        yield Item(piece.number, piece.uid, piece.data, piece.fault)
    for left in found.left_out:
        yield Item(left.number, "", b"", left_out=left.name)


def _cards(data: bytes) -> Iterator[Item]:
    from mailserver.vcard.lines import spans

    for span in spans(data):
        octets = data[span.start : span.end]
        yield _card(span.number, octets) if span.fault is None else Item(span.number, "", octets, span.fault)


def _card(number: int, octets: bytes) -> Item:
    """vCard 2.1 becomes 3.0; a card without UID gets one made of its octets."""
    from mailserver.vcard.lines import BadCard, read
    from mailserver.vcard.old import as_version_3

    made = hashlib.sha256(octets).hexdigest()[:32]
    try:
        card = read(octets)
        if card.version == "2.1":
            octets = as_version_3(octets, made)
            card = read(octets)
    except BadCard as fault:
        return Item(number, "", octets, str(fault))
    uid = card.first("UID")
    return Item(number, made, _with_uid(octets, made)) if uid is None else Item(number, uid.value, octets)


def _with_uid(octets: bytes, uid: str) -> bytes:
    """As the last line: VERSION stays the second, where RFC 6350 §6.7.9 wants it, and no folded line is cut."""
    before, end = octets[: (at := octets.upper().rindex(b"END"))], octets[at:]
    return b"".join((before, b"UID:", uid.encode(), b"\r\n", end))
