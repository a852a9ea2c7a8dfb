"""DATE, DATE-TIME, DURATION and PERIOD as values, and the instants they stand for. RFC 5545 §3.3.

Instants are seconds since the epoch. A DATE and a floating time get theirs from the zone of whoever asks.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from mailserver.errors import InvalidCalendarData
from mailserver.ical.lines import Line
from mailserver.ical.zones import Zones

MAX_DAYS = 4_000_000  # of a duration; more than ten thousand years

_MOMENT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:[Tt](\d\d)(\d\d)(\d\d)([Zz]?))?", re.ASCII)
_DURATION = re.compile(
    r"([+-]?)P(?:(\d{1,9})W)?(?:(\d{1,9})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})S)?)?", re.ASCII
)
_EPOCH = datetime(1970, 1, 1)
_EPOCH_UTC = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_FIRST, _LAST = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)


@dataclass(frozen=True, slots=True)
class Moment:
    """A DATE or a DATE-TIME."""

    local: datetime  # by the wall clock; midnight of a DATE
    zone: tzinfo | None  # None: a DATE, or floating
    is_date: bool = False

    def seconds(self, floating: tzinfo) -> int:
        return seconds_of(self.local, self.zone or floating)


@dataclass(frozen=True, slots=True)
class Duration:
    """Days are those of the calendar, seconds those of the clock. RFC 5545 §3.3.6."""

    days: int
    seconds: int

    @property
    def is_positive(self) -> bool:
        return self.days * 86_400 + self.seconds > 0


@dataclass(frozen=True, slots=True)
class Period:
    """From a start to an end or for a duration."""

    start: Moment
    end: Moment | Duration


def seconds_of(local: datetime, zone: tzinfo) -> int:
    """The instant of a wall clock time. In a gap the offset before it counts; of two the first is meant."""
    if zone is UTC:
        return (local - _EPOCH) // _SECOND
    return (local.replace(tzinfo=zone) - _EPOCH_UTC) // _SECOND


def local_of(seconds: int, zone: tzinfo) -> datetime:
    """What the wall clock shows; the first or last moment there is where it can show none."""
    try:
        return (_EPOCH_UTC + timedelta(seconds=seconds)).astimezone(zone).replace(tzinfo=None, fold=0)
    except (OverflowError, ValueError):
        return _LAST if seconds > 0 else _FIRST


def plus(local: datetime, duration: Duration, zone: tzinfo) -> int:
    """The instant a duration after a wall clock time: the days by the calendar, then the seconds by the clock."""
    if not duration.days:
        return seconds_of(local, zone) + duration.seconds
    return seconds_of(later(local, timedelta(days=duration.days)), zone) + duration.seconds


def date_text(local: datetime) -> str:
    """As iCalendar writes it; strftime would write the year 33 as "33"."""
    return f"{local.year:04}{local.month:02}{local.day:02}"


def time_text(local: datetime) -> str:
    return f"{date_text(local)}T{local.hour:02}{local.minute:02}{local.second:02}"


def utc_text(seconds: int) -> str:
    """Of an instant; the last moment there is where it would be beyond the year 9999."""
    return time_text(local_of(seconds, UTC)) + "Z"


def later(local: datetime, length: timedelta) -> datetime:
    """The first or last moment there is where it would be beyond."""
    try:
        return local + length
    except OverflowError:
        return _LAST if length > timedelta() else _FIRST


def moment_of(line: Line, zones: Zones) -> Moment:
    """Of DTSTART, DTEND, DUE, RECURRENCE-ID … Raises InvalidCalendarData."""
    return _moment(line.name, line.value, line.param("TZID") if line.raw_params else None, zones)


def moments_of(line: Line, zones: Zones) -> list[Moment | Period]:
    """Of EXDATE, RDATE, FREEBUSY: a list. Raises InvalidCalendarData."""
    tzid = line.param("TZID") if line.raw_params else None
    return [
        _period(line.name, value, tzid, zones) if "/" in value else _moment(line.name, value, tzid, zones)
        for value in line.value.split(",")
        if value
    ]


def duration_of(text: str) -> Duration:
    """Raises InvalidCalendarData."""
    match = _DURATION.fullmatch(text.strip().upper())
    if match is None or not any(match.groups()[1:]):
        raise InvalidCalendarData(f"not a duration: {text[:40]!a}")
    weeks, days, hours, minutes, seconds = (int(number or 0) for number in match.groups()[1:])
    sign = -1 if match[1] == "-" else 1
    whole = min(weeks * 7 + days, MAX_DAYS)
    return Duration(sign * whole, sign * min(hours * 3600 + minutes * 60 + seconds, MAX_DAYS * 86_400))


def _moment(name: str, value: str, tzid: str | None, zones: Zones) -> Moment:
    match = _MOMENT.fullmatch(value.strip())
    if match is None:
        raise InvalidCalendarData(f"{name}: not a date or time: {value[:40]!a}")
    year, month, day, hour, minute, second, utc = match.groups()
    try:
        if hour is None:
            return Moment(datetime(int(year), int(month), int(day)), None, is_date=True)
        if (hour, minute, second) == ("24", "00", "00"):  # as some write the end of a day
            local = later(datetime(int(year), int(month), int(day)), timedelta(days=1))
        else:  # a leap second is the one before it, RFC 5545 §3.3.12
            local = datetime(int(year), int(month), int(day), int(hour), int(minute), min(int(second), 59))
    except ValueError:
        raise InvalidCalendarData(f"{name}: there is no such day or time: {value[:40]}") from None
    if int(second) > 60:
        raise InvalidCalendarData(f"{name}: there is no such day or time: {value[:40]}")
    return Moment(local, UTC if utc else zones.find(tzid) if tzid else None)


def _period(name: str, value: str, tzid: str | None, zones: Zones) -> Period:
    start, _, end = value.partition("/")
    begin = _moment(name, start, tzid, zones)
    return Period(begin, duration_of(end) if "P" in end.upper() else _moment(name, end, tzid, zones))
