"""What RRULE says, as a value. RFC 5545 §3.3.10.

RSCALE and SKIP (RFC 7529) are kept in the object; here every calendar is the Gregorian one.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from mailserver.errors import InvalidCalendarData

MAX_NUMBER = 10**9  # of COUNT and INTERVAL; larger ones are this
MAX_RULE = 4_000  # characters; every BY part in full has fewer

_WEEKDAYS = {name: number for number, name in enumerate(("MO", "TU", "WE", "TH", "FR", "SA", "SU"))}
_BY_DAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
_UNTIL = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)(Z?))?")
_MONTH = re.compile(r"(\d{1,2})L?")  # "5L" is a leap month, RFC 7529 §4.2


class Frequency(IntEnum):
    YEARLY = 0
    MONTHLY = 1
    WEEKLY = 2
    DAILY = 3
    HOURLY = 4
    MINUTELY = 5
    SECONDLY = 6


@dataclass(frozen=True, slots=True)
class Rule:
    """A recurrence rule; an empty set is a part that is not there."""

    frequency: Frequency
    interval: int = 1
    count: int | None = None
    until: datetime | None = None  # as written; a DATE is its last second
    until_is_utc: bool = False
    months: frozenset[int] = frozenset()
    week_numbers: frozenset[int] = frozenset()
    year_days: frozenset[int] = frozenset()
    month_days: frozenset[int] = frozenset()
    days: frozenset[tuple[int, int]] = frozenset()  # (which one or 0 for every one, Monday is 0)
    hours: frozenset[int] = frozenset()
    minutes: frozenset[int] = frozenset()
    seconds: frozenset[int] = frozenset()
    positions: frozenset[int] = frozenset()
    week_start: int = 0


def rule_of(value: str) -> Rule:
    """Raises InvalidCalendarData, with the part that is wrong."""
    if len(value) > MAX_RULE:
        raise InvalidCalendarData("RRULE: too long")
    parts: dict[str, str] = {}
    for part in map(str.strip, value.upper().split(";")):
        name, equals, text = part.partition("=")
        if not part or (equals and not text):  # a trailing ";", as Exchange writes it; a part that says nothing
            continue
        if not equals or name in parts or not (name in _PARTS or name.startswith("X-")):
            raise InvalidCalendarData(f"RRULE: {part[:40]!a}")
        parts[name] = text
    fields: dict[str, object] = {}
    for name, text in parts.items():
        try:
            fields |= _PARTS[name](text) if name in _PARTS else {}
        except (ValueError, KeyError):
            raise InvalidCalendarData(f"RRULE: {name}={text[:40]!a} is not possible") from None
    if "frequency" not in fields:
        raise InvalidCalendarData("RRULE: FREQ is missing")
    return Rule(**fields)  # type: ignore[arg-type]


def _numbers(field: str, low: int, high: int, *, negative: bool = False) -> Callable[[str], dict[str, object]]:
    def read(text: str) -> dict[str, object]:
        numbers = frozenset(int(number) for number in text.split(","))
        if not all(low <= (abs(number) if negative else number) <= high for number in numbers):
            raise ValueError(text)
        return {field: numbers}

    return read


def _count(field: str) -> Callable[[str], dict[str, object]]:
    def read(text: str) -> dict[str, object]:
        if not text.isascii() or not text.isdigit() or len(text) > 100 or int(text) == 0:
            raise ValueError(text)
        return {field: min(int(text), MAX_NUMBER)}

    return read


def _until(text: str) -> dict[str, object]:
    match = _UNTIL.fullmatch(text)
    if match is None:
        raise ValueError(text)
    day = datetime(int(match[1]), int(match[2]), int(match[3]))
    if match[4] is None:
        return {"until": day + timedelta(seconds=86_399)}
    time = timedelta(hours=int(match[4]), minutes=int(match[5]), seconds=min(int(match[6]), 59))
    if time > timedelta(days=1) or int(match[5]) > 59:
        raise ValueError(text)
    return {"until": day + time, "until_is_utc": match[7] == "Z"}


def _by_day(text: str) -> dict[str, object]:
    days = set()
    for item in text.split(","):
        match = _BY_DAY.fullmatch(item.strip())
        if match is None or (match[1] and not 1 <= abs(int(match[1])) <= 53):
            raise ValueError(text)
        days.add((int(match[1] or 0), _WEEKDAYS[match[2]]))
    return {"days": frozenset(days)}


def _by_month(text: str) -> dict[str, object]:
    matches = [_MONTH.fullmatch(item) for item in text.split(",")]
    months = frozenset(int(match[1]) for match in matches if match)
    if not all(matches) or not all(1 <= month <= 12 for month in months):
        raise ValueError(text)
    return {"months": months}


_PARTS: dict[str, Callable[[str], dict[str, object]]] = {
    "FREQ": lambda text: {"frequency": Frequency[text]},
    "INTERVAL": lambda text: {"interval": 1} if text == "0" else _count("interval")(text),  # each, for every program
    "COUNT": _count("count"),
    "UNTIL": _until,
    "BYMONTH": _by_month,
    "BYWEEKNO": _numbers("week_numbers", 1, 53, negative=True),
    "BYYEARDAY": _numbers("year_days", 1, 366, negative=True),
    "BYMONTHDAY": _numbers("month_days", 1, 31, negative=True),
    "BYDAY": _by_day,
    "BYHOUR": _numbers("hours", 0, 23),
    "BYMINUTE": _numbers("minutes", 0, 59),
    "BYSECOND": _numbers("seconds", 0, 60),
    "BYSETPOS": _numbers("positions", 1, 366, negative=True),
    "WKST": lambda text: {"week_start": _WEEKDAYS[text]},
    "RSCALE": lambda _: {},
    "SKIP": lambda _: {},
}
