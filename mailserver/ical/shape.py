"""What of an object a client wants to see: some components and properties, instances, a part of the overrides.

RFC 4791 §9.6. What is left out is left out of the answer alone: the object stays as it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from itertools import islice

from mailserver.errors import InvalidCalendarData, TooManyInstances
from mailserver.ical import write
from mailserver.ical.budget import Budget, BudgetSpent
from mailserver.ical.filters import TimeRange
from mailserver.ical.lengths import period_seconds
from mailserver.ical.lines import Component, Line, parse
from mailserver.ical.recurrence import MAX_INSTANCES, Occurrence, Series
from mailserver.ical.times import (
    Moment,
    Period,
    date_text,
    duration_of,
    local_of,
    moment_of,
    moments_of,
    time_text,
    utc_text,
)
from mailserver.ical.zones import Zones

_RECURRING = frozenset({"RRULE", "RDATE", "EXDATE", "EXRULE", "RECURRENCE-ID"})
_TIMES = frozenset({"DTSTART", "DTEND", "DUE"})


@dataclass(frozen=True, slots=True)
class Part:
    """CALDAV:comp: what of a component is wanted."""

    name: str  # upper case
    properties: tuple[tuple[str, bool], ...] | None = None  # (name, without its value); None: all
    components: tuple["Part", ...] | None = None  # None: all


@dataclass(frozen=True, slots=True)
class Shape:
    """CALDAV:calendar-data in a request."""

    part: Part | None = None
    expand: TimeRange | None = None
    limit: TimeRange | None = None  # limit-recurrence-set
    busy: TimeRange | None = None  # limit-freebusy-set

    @property
    def is_whole(self) -> bool:
        return self == Shape()


def shaped(data: bytes, shape: Shape, floating: tzinfo) -> bytes:
    """Raises InvalidCalendarData, TooManyInstances."""
    root = parse(data)
    if shape.expand is not None:
        root = _expanded(root, shape.expand, floating)
    elif shape.limit is not None:
        root = _limited(root, shape.limit, floating)
    if shape.busy is not None:
        root = _less_busy(root, shape.busy, floating)
    return write.rewritten(_cut(root, shape.part) if shape.part else root)


# --- some components and properties ---------------------------------------------------------------------------------


def _cut(component: Component, part: Part) -> Component:
    lines = component.lines
    if part.properties is not None:
        without_value = dict(part.properties)
        lines = tuple(
            line._replace(value="") if without_value[line.name] else line
            for line in lines
            if line.name in without_value
        )
    inside = component.components
    if part.components is not None:
        wanted = {each.name: each for each in part.components}
        inside = tuple(_cut(each, wanted[each.name]) for each in inside if each.name in wanted)
    return replace(component, lines=lines, components=inside)


# --- instances ------------------------------------------------------------------------------------------------------


def _expanded(root: Component, window: TimeRange, floating: tzinfo) -> Component:
    """Each instance in the range as a component of its own: times in UTC, no rules, no zones. RFC 4791 §9.6.5."""
    zones = Zones(root)
    made = [part for series in _all_series(root, zones) for part in _instances(series, window, floating, zones)]
    others = [part for part in root.components if part.line("UID") is None and part.name != "VTIMEZONE"]
    return replace(root, components=(*others, *made))


def _all_series(root: Component, zones: Zones) -> Iterator[Series]:
    groups: dict[tuple[str, str], list[Component]] = {}
    for part in root.components:
        uid = part.value("UID")
        if uid is not None and part.name != "VTIMEZONE":
            groups.setdefault((part.name, uid), []).append(part)
    return (Series(group, zones) for group in groups.values())


def _instances(series: Series, window: TimeRange, floating: tzinfo, zones: Zones) -> list[Component]:
    try:
        found = list(islice(series.occurrences(window.start, window.end, floating, Budget()), MAX_INSTANCES + 1))
    except BudgetSpent:
        found = []
        too_many = True
    else:
        too_many = len(found) > MAX_INSTANCES
    if too_many:
        raise TooManyInstances(f"It occurs more than {MAX_INSTANCES} times in this time range: ask for a shorter one")
    found.sort(key=lambda each: each.reach.since)
    return [_instance(each, zones, floating) for each in found]


def _instance(found: Occurrence, zones: Zones, floating: tzinfo) -> Component:
    part, lines = found.component, list[Line]()
    ends = part.line("DUE" if part.name == "VTODO" else "DTEND")
    for line in part.lines:
        if line.name in _RECURRING or (line.name in _TIMES and found.start is not None):
            continue
        lines.append(_exact(line, found) if line.name == "DURATION" else _in_utc(line, zones))
    if found.start is not None:
        if part.line("DTSTART"):
            lines.append(_moment_line("DTSTART", found.start))
        if ends is not None and found.end is not None:
            lines.append(_end_line(ends, found.end, zones, found.start.zone, floating))
    if found.recurrence_id is not None:
        lines.append(_moment_line("RECURRENCE-ID", found.recurrence_id))
    return replace(part, lines=tuple(lines))


def _end_line(line: Line, end: int, zones: Zones, zone: tzinfo | None, floating: tzinfo) -> Line:
    is_date = moment_of(line, zones).is_date
    if is_date or zone is None:
        return _moment_line(line.name, Moment(local_of(end, zone or floating), None, is_date))
    return Line(line.name, "", utc_text(end))


def _exact(line: Line, found: Occurrence) -> Line:
    """A day is not 24 hours in every night, and an added PERIOD has a length of its own: seconds, where the zone is
    gone."""
    if found.start is None or found.start.zone is None or found.end is None:
        return line
    seconds = found.end - found.start.seconds(UTC)
    length = duration_of(line.value)
    return line if length.days * 86_400 + length.seconds == seconds else line._replace(value=f"PT{max(0, seconds)}S")


def _moment_line(name: str, moment: Moment) -> Line:
    if moment.is_date:
        return Line(name, ";VALUE=DATE", date_text(moment.local))
    if moment.zone is None:
        return Line(name, "", time_text(moment.local))
    return Line(name, "", utc_text(moment.seconds(UTC)))


def _in_utc(line: Line, zones: Zones) -> Line:
    """Other times with a zone, such as those of X- properties; what is no time stays."""
    if not line.raw_params or line.param("TZID") is None:
        return line
    try:
        moment = moment_of(line, zones)
    except InvalidCalendarData:
        return line
    return line if moment.zone is None else Line(line.name, "", utc_text(moment.seconds(UTC)))


# --- a part of the overrides and of the periods ---------------------------------------------------------------------


def _limited(root: Component, window: TimeRange, floating: tzinfo) -> Component:
    """The master, and the overrides that change what is seen in the range. RFC 4791 §9.6.6."""
    zones = Zones(root)
    start, end = window.start, window.end
    outside = (part for series in _all_series(root, zones) for part in series.overrides_outside(start, end, floating))
    dropped = set(map(id, outside))
    return replace(root, components=tuple(part for part in root.components if id(part) not in dropped))


def _less_busy(root: Component, window: TimeRange, floating: tzinfo) -> Component:
    """FREEBUSY values in the range. RFC 4791 §9.6.7."""
    zones = Zones(root)
    parts = [
        replace(part, lines=tuple(_less(part, window, floating, zones))) if part.name == "VFREEBUSY" else part
        for part in root.components
    ]
    return replace(root, components=tuple(parts))


def _less(part: Component, window: TimeRange, floating: tzinfo, zones: Zones) -> Iterator[Line]:
    for line in part.lines:
        if line.name != "FREEBUSY":
            yield line
            continue
        kept = [
            text
            for text, period in zip(filter(None, line.value.split(",")), moments_of(line, zones), strict=True)
            if isinstance(period, Period) and _touches(period_seconds(period, floating), window)
        ]
        if kept:
            yield line._replace(value=",".join(kept))


def _touches(span: tuple[int, int], window: TimeRange) -> bool:
    return window.start < span[1] * 1000 and window.end > span[0] * 1000
