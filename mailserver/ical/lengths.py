"""Where a component begins, how long it is, and what ranges of time it is in. RFC 4791 §9.9, RFC 5545 §3.8.5.3."""

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from mailserver.errors import InvalidCalendarData
from mailserver.ical import reach
from mailserver.ical.lines import Component, Line
from mailserver.ical.reach import Reach
from mailserver.ical.times import Duration, Moment, Period, duration_of, later, moment_of, moments_of, seconds_of
from mailserver.ical.times import plus as plus_duration
from mailserver.ical.zones import Zones

_LONGEST = timedelta(days=400_000)  # what is longer is looked for no further back


@dataclass(frozen=True, slots=True)
class Length:
    """How long one component is, whenever it begins."""

    kind: str  # the component's name
    exact: int | None = None  # seconds, from DTEND or DUE with a zone
    nominal: Duration | None = None  # by the calendar
    wall: timedelta | None = None  # by the wall clock, from DTEND or DUE that float as the start does
    is_due: bool = False  # of DUE

    def end(self, local: datetime, start: int, zone: tzinfo) -> int:
        if self.exact is not None:
            return start + self.exact
        if self.wall is not None:
            return seconds_of(later(local, self.wall), zone)
        if self.nominal is None or not self.nominal.days:
            return start + (self.nominal.seconds if self.nominal else 0)
        return plus_duration(local, self.nominal, zone)

    def reach(self, start: int, end: int) -> Reach:
        if self.kind == "VEVENT":
            return reach.of_event(start, end)
        if self.kind == "VFREEBUSY":
            return reach.of_free_busy(start, end)
        if self.kind == "VAVAILABILITY":
            return reach.of_availability(start, end if end > start else None)
        if self.kind == "VJOURNAL":
            return reach.of_event(start, end) if end > start else reach.of_point(start)
        if self.exact is None and self.nominal is None and self.wall is None:
            return reach.of_point(start)
        return reach.of_task(start, end) if self.is_due else reach.of_task_with_duration(start, end)

    @property
    def longest(self) -> timedelta:
        days = self.nominal.days if self.nominal else 0
        seconds = abs(self.exact or 0) + abs(self.nominal.seconds if self.nominal else 0)
        return min(timedelta(days=abs(days), seconds=seconds) + abs(self.wall or timedelta()), _LONGEST)


def anchor_of(component: Component, zones: Zones) -> Moment | None:
    """DTSTART; the DUE of a task that has only that and recurs all the same."""
    line = component.line("DTSTART")
    if line is None and component.name == "VTODO" and component.line("RRULE"):
        line = component.line("DUE")
    return moment_of(line, zones) if line else None


def length_of(component: Component, start: Moment, zones: Zones) -> Length:
    kind = component.name
    line = component.line("DUE" if kind == "VTODO" else "DTEND")
    if line is not None and kind != "VJOURNAL":
        return _length_to(moment_of(line, zones), start, kind)
    length = component.value("DURATION")
    if length is not None and kind != "VJOURNAL":
        duration = duration_of(length)
        return Length(kind, None, duration if duration.is_positive else Duration(0, 0))
    return Length(kind, None, Duration(1, 0) if start.is_date and kind != "VTODO" else None)


def _length_to(end: Moment, start: Moment, kind: str) -> Length:
    """An event that ends before it begins has no length; a task may be due before it begins."""
    is_due = kind == "VTODO"
    least = -_LONGEST if is_due else timedelta()
    if start.zone is not None and end.zone is not None:
        seconds = seconds_of(end.local, end.zone) - seconds_of(start.local, start.zone)
        return Length(kind, max(int(least.total_seconds()), seconds), is_due=is_due)
    wall = max(least, end.local - start.local)
    if not wall and start.is_date and kind == "VEVENT":
        wall = timedelta(days=1)  # DTEND on the first day, as some write it, means that day
    if start.zone is None:
        return Length(kind, wall=wall, is_due=is_due)
    return Length(kind, nominal=Duration(wall.days, wall.seconds), is_due=is_due)


@dataclass(frozen=True, slots=True)
class Timeless:
    """What a component without DTSTART is in."""

    reach: Reach
    is_floating: bool
    due: int | None = None  # seconds since the epoch


def reaches_without_start(component: Component, zones: Zones, floating: tzinfo) -> list[Timeless]:
    """RFC 4791 §9.9: tasks without DTSTART, VFREEBUSY with periods alone; events and journals are never."""
    if component.name == "VTODO":
        return [_reach_of_task(component, zones, floating)]
    if component.name != "VFREEBUSY":
        return []
    values = [value for line in component.all("FREEBUSY") for value in moments_of(line, zones)]
    return [
        Timeless(reach.of_event(*period_seconds(value, floating)), value.start.zone is None)
        for value in values
        if isinstance(value, Period)
    ]


def _reach_of_task(component: Component, zones: Zones, floating: tzinfo) -> Timeless:
    line = component.line("DUE")
    if line is not None:
        moment = moment_of(line, zones)
        due = moment.seconds(floating)
        return Timeless(reach.of_task_due(due), moment.zone is None, due)
    stamps = [_stamp(component.line(name), zones) for name in ("COMPLETED", "CREATED")]
    completed, created = (stamp.seconds(floating) if stamp else None for stamp in stamps)
    is_floating = any(stamp is not None and stamp.zone is None for stamp in stamps)
    return Timeless(reach.of_task_without_times(completed, created), is_floating)


def period_seconds(period: Period, floating: tzinfo) -> tuple[int, int]:
    """(start, end), seconds since the epoch."""
    return period.start.seconds(floating), period_end(period, period.start.local, period.start.zone or floating)


def period_end(period: Period, local: datetime, zone: tzinfo) -> int:
    """Seconds since the epoch: its end where it begins at this wall clock time of the zone."""
    return period.end.seconds(zone) if isinstance(period.end, Moment) else plus_duration(local, period.end, zone)


def _stamp(line: Line | None, zones: Zones) -> Moment | None:
    """Old versions of Apple's calendar write CREATED:00001231T000000Z: what can not be read is not there."""
    try:
        return moment_of(line, zones) if line else None
    except InvalidCalendarData:
        return None
