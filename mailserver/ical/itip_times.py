"""Instances by the moment they stand for, however it is written. RFC 5545 §3.8.4.4.

One client writes RECURRENCE-ID in UTC, the next in the event's zone: both name the same instance.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from mailserver.ical.itip_tree import Line, line
from mailserver.ical.zones import named_zone

MAX_TZID = 200
FIRST_YEAR, LAST_YEAR = 2, 9998  # others leave the range of datetime in some zone

_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)(Z?))?\Z", re.ASCII)
_DURATION = re.compile(r"([+-]?)P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?\Z", re.ASCII)


def moment(value: str, tzid: str) -> date | datetime | None:
    """A date, an aware time, or a floating one where it has no zone that we know; None for what is neither."""
    found = _DATE.match(value.strip())
    if found is None or not FIRST_YEAR <= int(found[1]) <= LAST_YEAR:
        return None
    try:
        day = date(int(found[1]), int(found[2]), int(found[3]))
        if found[4] is None:
            return day
        at = time(int(found[4]), int(found[5]), min(int(found[6]), 59))
        return datetime.combine(day, at, UTC if found[7] else zone(tzid))
    except ValueError:
        return None


def moments(of: Line) -> Iterator[tuple[str, date | datetime | None]]:
    """Each value of the line as written, with what it says."""
    for value in of.value.split(","):
        yield value.strip(), moment(value.partition("/")[0], of.param("TZID"))


def keys(of: Line) -> list[str]:
    """Equal for equal instances."""
    return [_key(value, at, of.param("TZID")) for value, at in moments(of)]


def key(of: Line | None) -> str:
    """Of a RECURRENCE-ID; "" for the whole series."""
    return "" if of is None else keys(of)[0]


def _key(value: str, at: date | datetime | None, tzid: str) -> str:
    if isinstance(at, datetime) and at.tzinfo is not None:
        return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    return value if at is None or not tzid or not isinstance(at, datetime) else f"{tzid}:{value}"


def zone(tzid: str) -> tzinfo | None:
    """By its IANA name, also behind a vendor's prefix, or Microsoft's (Outlook writes "W. Europe Standard Time")."""
    return named_zone(tzid) if 0 < len(tzid) <= MAX_TZID else None


def duration(value: str) -> timedelta | None:
    found = _DURATION.match(value.strip())
    if found is None:
        return None
    weeks, days, hours, minutes, seconds = (int(each or 0) for each in found.groups()[1:])
    try:
        length = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        return None
    return -length if found[1] == "-" else length


def moved(of: Line, to: Line, start: Line) -> Line:
    """The line (DTEND, DUE) as far from `to` as it was from `start`; itself where one of the times says nothing."""
    try:
        return _moved(of, to, start)
    except OverflowError:  # it would end after the year 9999
        return of


def _moved(of: Line, to: Line, start: Line) -> Line:
    was, begins, at = (next(moments(each))[1] for each in (of, start, to))
    if isinstance(was, datetime) and isinstance(begins, datetime) and isinstance(at, datetime):
        if (was.tzinfo is None) != (begins.tzinfo is None):
            return of
        # in wall time where both are in one zone: an hour stays an hour on the clock, RFC 5545 §3.8.5.3
        length = was - begins if was.tzinfo is begins.tzinfo else was.astimezone(UTC) - begins.astimezone(UTC)
        ends = at + length
        if was.tzinfo is not None and at.tzinfo is not None and not _same_zone(of, to):
            ends = ends.astimezone(was.tzinfo)
        return line(of.name, f"{ends:%Y%m%dT%H%M%S}" + "Z" * (of.value.strip()[-1:] == "Z"), of.params)
    if isinstance(was, datetime) or isinstance(begins, datetime) or isinstance(at, datetime):
        return of
    if was is None or begins is None or at is None:
        return of
    return line(of.name, f"{at + (was - begins):%Y%m%d}", of.params)


def _same_zone(one: Line, other: Line) -> bool:
    return (one.param("TZID"), one.value[-1:] == "Z") == (other.param("TZID"), other.value[-1:] == "Z")


def first_value(of: Line) -> str:
    return of.value.split(",", 1)[0].strip()
