"""What is stored of a calendar object beside its octets: the columns that show it, and when it occurs."""

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache, partial

from mailserver.errors import InvalidCalendarData
from mailserver.groupware.accepted import Accepted
from mailserver.groupware.calendars import index
from mailserver.ical.check import CalendarObject, valid_object
from mailserver.ical.lines import parse
from mailserver.ical.zones import zone_of
from mailserver.store.collections import Collection
from mailserver.store.database import Value

SHOWN_CHARACTERS = 1_000  # of summary, description, location in lists; the object has all of it

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def accept(data: bytes, collection: Collection) -> Accepted:
    """Raises InvalidCalendarData, UnsupportedComponent."""
    found = valid_object(parse(data), collection.components)
    return Accepted(
        found.uid,
        found.kind,
        _columns(found),
        partial(index.write, found, extent=index.AT_FIRST),
        is_scheduled=any(part.line("ORGANIZER") for part in found.components),
    )


def zone_of_collection(collection: Collection) -> tzinfo:
    """Where floating times and days are: the calendar's own time zone, else UTC."""
    return zone_of_texts(collection.timezone, collection.timezone_id)


@lru_cache(200)
def zone_of_texts(vtimezone: str | None, name: str | None) -> tzinfo:
    for text in (vtimezone, name):
        try:
            zone = zone_of(text) if text else None
        except InvalidCalendarData:  # of a calendar that an older version or another program wrote
            zone = None
        if zone is not None:
            return zone
    return UTC


def _columns(found: CalendarObject) -> dict[str, Value]:
    shown, series = found.shown, found.series
    columns: dict[str, Value] = {
        name.lower(): text[:SHOWN_CHARACTERS] if (text := shown.text(name)) else None
        for name in ("SUMMARY", "DESCRIPTION", "LOCATION")
    }
    rule = shown.value("RRULE")
    return (
        columns
        | {"recurrence_rule": rule[:SHOWN_CHARACTERS] if rule else None}
        | _times(found)
        | {"all_day": int(series.anchor.is_date) if series.anchor else 0}
    )


def _times(found: CalendarObject) -> dict[str, Value]:
    """UTC; of whole days and floating times the wall clock: a day is that day, whatever zone its calendar has."""
    anchor = found.series.anchor
    if anchor is None:
        return {}
    start = anchor.seconds(UTC)
    end = found.series.length.end(anchor.local, start, anchor.zone or UTC)
    return {"start_time": _text(start), "end_time": _text(max(start, end))}


def _text(seconds: int) -> str | None:
    try:
        return (_EPOCH + timedelta(seconds=seconds)).isoformat(" ", "seconds")[:19]  # strftime cuts the year 33 short
    except OverflowError:
        return None
