"""The iTIP message in a mail, wherever clients put it: beside the text, as an attachment, with or without a charset.

Pure. RFC 6047 §2.4 wants text/calendar with a method; Outlook and phones also send application/ics or a file named
.ics. A message that was forwarded as an attachment is somebody else's: it is not looked into.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from mailserver.errors import InvalidCalendarData
from mailserver.ical import itip_tree
from mailserver.ical.itip_messages import Method
from mailserver.ical.itip_parties import components
from mailserver.ical.itip_tree import Part
from mailserver.mail import charsets, transfer
from mailserver.mail.encoded_words import parameter
from mailserver.mail.scanner import Entity, scan

MAX_PARTS = 8  # calendar parts of one mail that are read
MAX_COMPONENTS = 200  # of one message

_TYPES = frozenset({"text/calendar", "application/ics", "text/x-vcalendar"})
_FILES = frozenset({"application/octet-stream", "text/plain"})  # that are calendars where their name says so
_SIGNS = (b"text/calendar", b"application/ics", b".ics")


@dataclass(frozen=True, slots=True)
class Found:
    method: Method
    uid: str
    calendar: Part


def may_hold_one(octets: bytes) -> bool:
    """A quick look that rules out nearly all mail."""
    lowered = octets.lower()
    return any(sign in lowered for sign in _SIGNS)


def find(message: bytes, max_octets: int) -> Found | None:
    """The first one that can be read; None where there is none. Never raises."""
    count = 0
    for entity in scan(message):
        if not _is_calendar(entity) or _is_embedded(entity):
            continue
        count += 1
        if count > MAX_PARTS:
            return None
        found = _read(message, entity, max_octets)
        if found is not None:
            return found
    return None


def _is_calendar(entity: Entity) -> bool:
    if entity.content.name in _TYPES:
        return True
    name = parameter(entity.disposition[1], b"filename") or entity.content.filename
    return entity.content.name in _FILES and name.lower().endswith(".ics")


def _is_embedded(entity: Entity) -> bool:
    return any(above.content.embeds for above in _above(entity))


def _above(entity: Entity) -> Iterator[Entity]:
    while entity.parent is not None:
        entity = entity.parent
        yield entity


def _read(message: bytes, entity: Entity, max_octets: int) -> Found | None:
    if entity.end - entity.body_start > 2 * max_octets:  # base64 takes a third more
        return None
    octets = transfer.decode(message[entity.body_start : entity.end], entity.encoding.name)
    if len(octets) > max_octets:
        return None
    text = charsets.decode(octets, entity.content.charset) if entity.content.charset else charsets.guess(octets)
    try:
        calendar = itip_tree.parse(text.encode("utf-8", "replace"))
    except InvalidCalendarData:
        return None
    method = _method(calendar, parameter(entity.content.parameters, b"method"))
    scheduled = components(calendar)
    uids = {each.value("UID").strip() for each in scheduled}
    if method is None or not 1 <= len(scheduled) <= MAX_COMPONENTS or len(uids) != 1 or "" in uids:
        return None
    if len({each.name for each in scheduled}) != 1:
        return None
    return Found(method, uids.pop(), calendar)


def _method(calendar: Part, named: str) -> Method | None:
    """As the object says, or the field where it says nothing; where both differ, nobody knows. RFC 6047 §2.4"""
    written, named = calendar.value("METHOD").strip().upper(), named.strip().upper()
    if written and named and written != named:
        return None
    return next((each for each in Method if each == (written or named)), None)
