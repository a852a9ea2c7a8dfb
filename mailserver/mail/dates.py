"""Dates of mail: RFC 5322 §3.3 with the obsolete forms of §4.3 in, RFC 5322 out."""

import re
from datetime import date
from functools import lru_cache

LONGEST = 200  # octets of a Date field that are looked at
MAX_DAYS = 500  # that are kept in each form

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTH_NUMBERS = {name.lower().encode(): number for number, name in enumerate(_MONTHS, 1)}
# In minutes. Military letters were defined the wrong way round in RFC 822 and mean nothing, RFC 5322 §4.3.
_ZONES = {
    b"ut": 0, b"gmt": 0, b"utc": 0, b"est": -300, b"edt": -240, b"cst": -360, b"cdt": -300, b"mst": -420, b"mdt": -360,
    b"pst": -480, b"pdt": -420, b"cet": 60, b"cest": 120, b"bst": 60, b"jst": 540,
}  # fmt: skip
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_DAY = 86400
_FIRST_SECOND = (date.min.toordinal() - _EPOCH_DAY) * _DAY
_LAST_SECOND = (date.max.toordinal() - _EPOCH_DAY) * _DAY + _DAY - 1

_DATE = re.compile(
    rb"\s*+(?:[A-Za-z]{2,9}+\.?,?\s*+)?([0-9]{1,2}+)[\s-]++([A-Za-z]{3})[A-Za-z]{0,6}+\.?[\s-]++([0-9]{2,4}+),?\s++"
    rb"([0-9]{1,2}+)\s*+:\s*+([0-9]{2})(?:\s*+:\s*+([0-9]{2})(?:\.[0-9]{1,9}+)?+)?+\s*+(?:([+-])([0-9]{2}):?([0-9]{2})|([A-Za-z]{1,5}+))?+"
)
_COMMENT = re.compile(rb"\([^()]*+\)")


def parse(field: bytes) -> tuple[int, int] | None:
    """(epoch seconds, zone in minutes east of UTC), or None where no date can be made out. Never raises."""
    field = field[:LONGEST]
    found = _DATE.match(field) or (_DATE.match(_COMMENT.sub(b" ", field)) if b"(" in field else None)
    if found is None:
        return None
    day, month, year, hour, minute, second, sign, zone_hours, zone_minutes, zone_name = found.groups()
    midnight = _midnight(day, month, year)
    hours, minutes, seconds = int(hour), int(minute), int(second or 0)
    if midnight is None or hours > 23 or minutes > 59 or seconds > 60:
        return None
    zone = _zone(sign, zone_hours, zone_minutes) if sign else _ZONES.get((zone_name or b"").lower(), 0)
    return midnight + hours * 3600 + minutes * 60 + seconds - zone * 60, zone


@lru_cache(MAX_DAYS)
def _midnight(day: bytes, month_name: bytes, year: bytes) -> int | None:
    """In epoch seconds, as if the zone were UTC; None where there is no such day. Most mail is of the last few days."""
    month = _MONTH_NUMBERS.get(month_name.lower())
    if month is None:
        return None
    try:
        return (date(_full_year(year), month, int(day)).toordinal() - _EPOCH_DAY) * _DAY
    except ValueError:
        return None


def _full_year(digits: bytes) -> int:
    """Two digits are of 1950 to 2049, three are years after 1900. RFC 5322 §4.3."""
    year = int(digits)
    if len(digits) == 2 and year < 50:
        return 2000 + year
    return 1900 + year if len(digits) < 4 else year


def _zone(sign: bytes, zone_hours: bytes, zone_minutes: bytes) -> int:
    """An offset of a day or more says nothing and is read as UTC."""
    hours, minutes = int(zone_hours), int(zone_minutes)
    if hours > 23 or minutes > 59:
        return 0
    offset = hours * 60 + minutes
    return -offset if sign == b"-" else offset


def format_date(epoch: int, zone: int = 0) -> str:
    """The value of a Date field, RFC 5322 §3.3: Thu, 01 Jan 1970 00:00:00 +0000.

    Moments outside the years 1 to 9999 become the nearest inside.
    """
    day, second = divmod(min(max(epoch + zone * 60, _FIRST_SECOND), _LAST_SECOND), _DAY)
    hours, minutes = divmod(abs(zone), 60)
    clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
    return f"{_day(day)} {clock} {'-' if zone < 0 else '+'}{hours:02}{minutes:02}"


@lru_cache(MAX_DAYS)
def _day(epoch_day: int) -> str:
    day = date.fromordinal(epoch_day + _EPOCH_DAY)
    return f"{_DAYS[day.weekday()]}, {day.day:02} {_MONTHS[day.month - 1]} {day.year:04}"
