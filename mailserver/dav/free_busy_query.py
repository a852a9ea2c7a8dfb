"""The question in the address of a free-busy page. Pure.

    start, end   2026-03-01T00:00:00Z (RFC 3339), 20260301T000000Z, or a day: 2026-03-01, 20260301
    period       P14D, in place of end
    token        what stands in the address that its user gave away

Without start it begins today, without an end it is six weeks.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

from mailserver.errors import BadRequest, InvalidCalendarData
from mailserver.groupware.feeds.free_busy import MAX_DAYS
from mailserver.ical.filters import TimeRange
from mailserver.ical.times import duration_of

USUAL = timedelta(days=42)
MAX_FIELDS = 20
MAX_VALUE = 200  # characters
FIRST_YEAR, LAST_YEAR = 1970, 2100

_DAY = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})")
_TIME = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})T(\d{2}):?(\d{2}):?(\d{2})(?:\.\d{1,6})?(Z|[ +-]\d{2}:?\d{2})", re.I)


@dataclass(frozen=True, slots=True)
class Asked:
    window: TimeRange
    token: str | None


def asked(query: str, now: datetime) -> Asked:
    """Raises BadRequest, which says what is right."""
    fields = _fields(query)
    start = _moment("start", fields["start"]) if "start" in fields else _today(now)
    if "end" in fields and "period" in fields:
        raise BadRequest("Give end or period, not both")
    end = _moment("end", fields["end"]) if "end" in fields else start + _period(fields.get("period"))
    if not start < end or end - start > timedelta(days=MAX_DAYS):
        raise BadRequest(f"end comes after start, at most {MAX_DAYS} days later")
    return Asked(TimeRange(_milliseconds(start), _milliseconds(end)), fields.get("token"))


def _fields(query: str) -> Mapping[str, str]:
    """The first of each name."""
    try:
        parsed = parse_qs(query, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise BadRequest("The query is not name=value pairs in UTF-8") from None
    return {name: values[0][:MAX_VALUE] for name, values in parsed.items()}


def _moment(name: str, text: str) -> datetime:
    day, time = _DAY.fullmatch(text), _TIME.fullmatch(text)
    with suppress(ValueError, OverflowError):  # the 32nd, the 25th hour
        if day is not None:
            return _within(datetime(int(day[1]), int(day[2]), int(day[3]), tzinfo=UTC))
        if time is not None:
            numbers = [int(time[number]) for number in range(1, 7)]
            return _within(datetime(*numbers, tzinfo=UTC) - _offset(time[7]))  # type: ignore[arg-type,misc]
    raise BadRequest(f"{name} is a day or a time such as 2026-03-01 or 2026-03-01T09:00:00Z")


def _within(moment: datetime) -> datetime:
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(moment)
    return moment


def _offset(zone: str) -> timedelta:
    """A "+" that was not encoded arrives as a space."""
    if zone in "Zz":
        return timedelta()
    digits = zone[1:].replace(":", "")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return -offset if zone[0] == "-" else offset


def _period(text: str | None) -> timedelta:
    if text is None:
        return USUAL
    try:
        length = duration_of(text)
        return timedelta(days=length.days, seconds=length.seconds)
    except (InvalidCalendarData, OverflowError):
        raise BadRequest("period is a duration such as P14D") from None


def _today(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000
