"""Calendars as feeds: what of an object goes out, and what of an outside object makes it another one. Pure.

Octets are kept where something is only left out: alarms are one's own business, in both directions.
"""

import hashlib
import re

from mailserver.ical import write
from mailserver.ical.lines import Component, parse

_ANY_BORDER = rb"[ \t]*:[ \t]*VALARM[ \t]*(?:\r?\n|\Z)"
_ALARM_BEGINS = re.compile(rb"^BEGIN" + _ANY_BORDER, re.I | re.M)
_ALARM_ENDS = re.compile(rb"^END" + _ANY_BORDER, re.I | re.M)
_STAMPS = re.compile(
    rb"^(?:DTSTAMP|LAST-MODIFIED|CREATED)[^:\r\n]*:[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*(?:\r?\n|\Z)", re.I | re.M
)
_FOLD = re.compile(rb"\r?\n[ \t]")
_CLASS = re.compile(rb"^CLASS(?:;[^:\r\n]*)?:[ \t]*([^\r\n]*)", re.I | re.M)

# What says when somebody is busy, and nothing else.
_TIMES = frozenset(
    {
        "DTSTAMP",
        "DTSTART",
        "DTEND",
        "DURATION",
        "RRULE",
        "RDATE",
        "EXDATE",
        "RECURRENCE-ID",
        "SEQUENCE",
        "STATUS",
        "TRANSP",
    }
)
BUSY = "Busy"
EDGE = 1000  # octets at both ends of a file that are looked at for borders
REFRESH = "PT1H"  # how often a program may look again, RFC 7986 §5.7


def begin(name: str, zone: str | None) -> bytes:
    """The first lines; END:VCALENDAR is the last. `zone`: where floating times are."""
    title = write.escaped(name)
    lines = [
        b"BEGIN:VCALENDAR\r\n",
        write.line("VERSION", "2.0"),
        write.line("PRODID", write.PRODID),
        write.line("CALSCALE", "GREGORIAN"),
        write.line("METHOD", "PUBLISH"),
        write.line("NAME", title),
        write.line("X-WR-CALNAME", title),
        *([write.line("X-WR-TIMEZONE", write.escaped(zone))] if zone else []),
        write.line("REFRESH-INTERVAL", REFRESH, {"VALUE": "DURATION"}),
        write.line("X-PUBLISHED-TTL", REFRESH),
    ]
    return b"".join(lines)


def without_alarms(data: bytes) -> bytes:
    """All other octets as they are; linear also where an alarm has no end."""
    kept, at = list[bytes](), 0
    while (begins := _ALARM_BEGINS.search(data, at)) and (ends := _ALARM_ENDS.search(data, begins.end())):
        kept.append(data[at : begins.start()])
        at = ends.end()
    return b"".join((*kept, data[at:]))


def is_private(data: bytes) -> bool:
    """Some part of it is not for everybody; a CLASS that is not known is private, RFC 5545 §3.8.1.3."""
    return any(value.strip().upper() != b"PUBLIC" for value in _CLASS.findall(_FOLD.sub(b"", data)))


def busy(data: bytes, uid: str) -> bytes:
    """The object with the times it takes and nothing else; b"" where it takes none. Raises InvalidCalendarData.

    `uid`: in place of its own, which may name people and places.
    """
    root = parse(data)
    events = root.named("VEVENT")
    if all(_takes_no_time(event) for event in events):
        return b""
    zones = [write.rewritten(zone) for zone in root.named("VTIMEZONE")]
    return write.calendar([*zones, *(_shown(event, uid) for event in events)])


def meaning(data: bytes) -> bytes:
    """Digest of what a person sees: servers write new DTSTAMPs with every answer."""
    return hashlib.blake2b(_STAMPS.sub(b"", data), digest_size=16).digest()


def _takes_no_time(event: Component) -> bool:
    return _word(event, "TRANSP") == "TRANSPARENT" or _word(event, "STATUS") == "CANCELLED"


def _word(event: Component, name: str) -> str:
    return (event.value(name) or "").strip().upper()


def _shown(event: Component, uid: str) -> bytes:
    kept = [write.relined(line) for line in event.lines if line.name in _TIMES]
    return write.component("VEVENT", [write.line("UID", uid), *kept, write.line("SUMMARY", BUSY)])


def is_whole(data: bytes) -> bool:
    """It begins and ends as a calendar does: what was cut off does not, nor does a page that asks for a login."""
    begins = data[:EDGE].removeprefix(b"\xef\xbb\xbf").lstrip().upper()
    return begins.startswith(b"BEGIN:VCALENDAR") and data[-EDGE:].rstrip().upper().endswith(b"END:VCALENDAR")
