"""Which objects a calendar-query asks for. RFC 4791 §9.7 to §9.9.

A comp-filter is about one component at a time: an override that is in the time range and has the wanted property
counts, a property of one and the time of another do not. A negated text finds lines that do not match, never a
component without the property.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import tzinfo
from enum import StrEnum
from itertools import islice

from mailserver.errors import InvalidCalendarData
from mailserver.ical import alarms
from mailserver.ical.budget import Budget, BudgetSpent
from mailserver.ical.lines import Component, Line
from mailserver.ical.reach import Reach
from mailserver.ical.recurrence import Occurrence, Series
from mailserver.ical.times import moment_of
from mailserver.ical.zones import Zones
from mailserver.mail.casemap import fold

MAX_OCCURRENCES = 20_000  # of one object looked at for one question


class Collation(StrEnum):
    ASCII_CASEMAP = "i;ascii-casemap"  # RFC 4790 §9.2
    OCTET = "i;octet"  # RFC 4790 §9.3
    UNICODE_CASEMAP = "i;unicode-casemap"  # RFC 5051


def _ascii_lower(text: str) -> str:
    return text.lower() if text.isascii() else text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "replace")


KEYS: dict[Collation, Callable[[str], str]] = {
    Collation.ASCII_CASEMAP: _ascii_lower,
    Collation.OCTET: lambda text: text,
    Collation.UNICODE_CASEMAP: fold,
}


@dataclass(frozen=True, slots=True)
class TextMatch:
    text: str
    collation: Collation = Collation.ASCII_CASEMAP
    is_negated: bool = False

    def passes(self, value: str) -> bool:
        key = KEYS[self.collation]
        return (key(self.text) in key(value)) is not self.is_negated


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Milliseconds since the epoch, the end excluded; NEVER and EVER where it is open."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ParameterFilter:
    name: str  # upper case
    is_not_defined: bool = False
    match: TextMatch | None = None  # None: any value


@dataclass(frozen=True, slots=True)
class PropertyFilter:
    name: str  # upper case
    is_not_defined: bool = False
    time_range: TimeRange | None = None
    match: TextMatch | None = None
    parameters: tuple[ParameterFilter, ...] = ()
    any_of: bool = False  # test="anyof", which CalendarServer brought


@dataclass(frozen=True, slots=True)
class ComponentFilter:
    name: str  # upper case
    is_not_defined: bool = False
    time_range: TimeRange | None = None
    properties: tuple[PropertyFilter, ...] = ()
    components: tuple["ComponentFilter", ...] = ()
    any_of: bool = False


@dataclass(slots=True)
class _Object:
    """What is being judged, with what was found out about it."""

    root: Component
    floating: tzinfo
    zones: Zones
    budget: Budget = field(default_factory=Budget)  # of all questions together
    series: dict[int, Series] = field(default_factory=dict)  # by the identity of each component

    def series_of(self, component: Component) -> Series:
        """Of all components of its name and UID: the overrides belong to it."""
        if id(component) not in self.series:
            uid = component.value("UID")
            alike = [part for part in self.root.components if part.name == component.name and part.value("UID") == uid]
            if not any(part is component for part in alike):
                alike = [component]
            self.series.update(dict.fromkeys(map(id, alike), Series(alike, self.zones)))
        return self.series[id(component)]

    def occurrences(self, part: Component, start: int, end: int) -> Iterator[Occurrence]:
        """Raises BudgetSpent after what was found within it."""
        found = self.series_of(part).occurrences_of(part, start, end, self.floating, self.budget)
        return islice(found, MAX_OCCURRENCES)


def passes(root: Component, wanted: ComponentFilter, floating: tzinfo) -> bool:
    """Whether an object passes; `floating`: the zone of times without one. False where its times can not be read."""
    try:
        return _component(_Object(root, floating, Zones(root)), root, (), wanted)
    except InvalidCalendarData:
        return False


def occurs(root: Component, kind: str, window: TimeRange, floating: tzinfo) -> bool:
    """Whether any component of this kind is in the range."""
    return passes(root, ComponentFilter("VCALENDAR", components=(ComponentFilter(kind, time_range=window),)), floating)


def _component(it: _Object, part: Component, above: tuple[Component, ...], wanted: ComponentFilter) -> bool:
    return part.name == wanted.name and _any_or_all(wanted.any_of, _tests(it, part, above, wanted))


def _tests(it: _Object, part: Component, above: tuple[Component, ...], wanted: ComponentFilter) -> Iterator[bool]:
    for each in wanted.properties:
        yield _property(it, part, each)
    if wanted.time_range is not None:
        yield _is_in(it, part, above, wanted.time_range)
    for inner in wanted.components:
        found = part.named(inner.name)
        if inner.is_not_defined:
            yield not found
        else:
            yield any(_component(it, each, (*above, part), inner) for each in found)


def _is_in(it: _Object, part: Component, above: tuple[Component, ...], window: TimeRange) -> bool:
    if part.name == "VALARM":
        return bool(above) and _rings(it, part, above[-1], window)
    try:
        return any(True for _ in it.occurrences(part, window.start, window.end))
    except BudgetSpent:  # nobody can tell in time
        return True


def _rings(it: _Object, alarm: Component, owner: Component, window: TimeRange) -> bool:
    """RFC 4791 §9.9: a trigger or a repetition of it is in the range."""
    trigger = alarms.trigger_of(alarm, it.zones)
    if trigger is None:
        return False
    if trigger.absolute is not None:
        return trigger.rings(trigger.absolute.seconds(it.floating), window.start, window.end)
    early, late = trigger.margins
    try:
        return any(
            trigger.rings(anchor, window.start, window.end)
            for found in it.occurrences(owner, window.start - late, window.end - early)
            if (anchor := _anchor(found, trigger, it.floating)) is not None
        )
    except BudgetSpent:
        return True


def _anchor(found: Occurrence, trigger: alarms.Trigger, floating: tzinfo) -> int | None:
    """What its alarm is relative to; a task that is only due has no other time."""
    begin = found.start.seconds(floating) if found.start else found.end
    return found.end if trigger.is_from_end and found.end is not None else begin


def _property(it: _Object, part: Component, wanted: PropertyFilter) -> bool:
    lines = part.all(wanted.name)
    if wanted.is_not_defined:
        return not lines
    return any(_any_or_all(wanted.any_of, _line_tests(it, line, wanted)) for line in lines)


def _line_tests(it: _Object, line: Line, wanted: PropertyFilter) -> Iterator[bool]:
    if wanted.time_range is not None:
        yield _line_is_in(it, line, wanted.time_range)
    if wanted.match is not None:
        yield wanted.match.passes(line.text)
    for each in wanted.parameters:
        yield _parameter(line, each)


def _line_is_in(it: _Object, line: Line, window: TimeRange) -> bool:
    try:
        moment = moment_of(line, it.zones)
    except InvalidCalendarData:
        return False
    start = moment.seconds(it.floating) * 1000
    return Reach(start, start + (86_400_000 if moment.is_date else 1)).overlaps(window.start, window.end)


def _parameter(line: Line, wanted: ParameterFilter) -> bool:
    values = line.params.get(wanted.name, ())
    if wanted.is_not_defined or wanted.match is None:
        return bool(values) is not wanted.is_not_defined
    return any(map(wanted.match.passes, values))


def _any_or_all(any_of: bool, results: Iterable[bool]) -> bool:
    """Nothing to test: it passes."""
    if not any_of:
        return all(results)
    found = list(results)
    return any(found) or not found
