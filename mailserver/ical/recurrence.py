"""A component with its overrides, and when it occurs. RFC 5545 §3.8.4.4, §3.8.5.

Wall clock times are made first (rule_times), then each gets its instant from its own day's offset. DTSTART is always
in the set, an override counts also where the rule does not meet its RECURRENCE-ID, a DATE among EXDATE takes a whole
day out: what calendars in use do. DTEND means the same number of seconds each time, DURATION the same days (§3.8.5.3).
"""

import heapq
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from mailserver.errors import InvalidCalendarData
from mailserver.ical import reach
from mailserver.ical.lines import Component, Line
from mailserver.ical.reach import EVER, NEVER, Reach
from mailserver.ical.rule_times import LATEST, Budget, instances
from mailserver.ical.rules import Rule, rule_of
from mailserver.ical.times import Duration, Moment, Period, duration_of, local_of, moment_of, moments_of, seconds_of
from mailserver.ical.times import plus as plus_duration
from mailserver.ical.zones import Zones

MAX_RULES = 20  # RFC 5545 §3.8.5.3: there should be one
MAX_DATES = 20_000  # of RDATE and EXDATE of one object
_EARLIEST = datetime(1, 1, 3)
_SLACK = timedelta(days=2)  # between wall clocks of two zones, and a gap


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time that a component occurs."""

    component: Component  # the master, or the override that is in force then
    start: Moment | None  # None: a task without times
    end: int | None  # seconds since the epoch; None: without length of its own
    reach: Reach
    recurrence_id: Moment | None  # None: it does not recur


@dataclass(frozen=True, slots=True)
class Length:
    """How long one component is, whenever it begins."""

    kind: str  # the component's name
    exact: int | None = None  # seconds, from DTEND or DUE with a zone
    nominal: Duration | None = None  # by the calendar
    is_due: bool = False  # of DUE

    def end(self, local: datetime, start: int, zone: tzinfo) -> int:
        if self.exact is not None:
            return start + self.exact
        return plus_duration(local, self.nominal, zone) if self.nominal else start

    def reach(self, start: int, end: int) -> Reach:
        if self.kind == "VEVENT":
            return reach.of_event(start, end)
        if self.kind == "VFREEBUSY":
            return reach.of_free_busy(start, end)
        if self.kind == "VAVAILABILITY":
            return reach.of_availability(start, end if end > start else None)
        if self.kind == "VJOURNAL":
            return reach.of_event(start, end) if end > start else reach.of_point(start)
        if self.exact is None and self.nominal is None:
            return reach.of_point(start)
        return reach.of_task(start, end) if self.is_due else reach.of_task_with_duration(start, end)

    @property
    def longest(self) -> timedelta:
        days = self.nominal.days if self.nominal else 0
        seconds = abs(self.exact or 0) + abs(self.nominal.seconds if self.nominal else 0)
        return min(timedelta(days=abs(days), seconds=seconds), timedelta(days=400_000))


class Series:
    """All components of one UID. Reading it raises InvalidCalendarData where a time or a rule can not be read."""

    def __init__(self, components: Sequence[Component], zones: Zones) -> None:
        self.zones = zones
        self.master = next((part for part in components if part.line("RECURRENCE-ID") is None), None)
        self.overrides = [part for part in components if part is not self.master]
        self.anchor = _anchor(self.master, zones) if self.master else None
        self.length = _length(self.master, self.anchor, zones) if self.master and self.anchor else Length("VEVENT")
        self._rules: list[Rule] = []
        self._added: list[tuple[datetime, int | None]] = []  # (wall clock, end of a PERIOD)
        self._dates: set[date] = set()  # whole days taken out
        self._instants: set[int] = set()  # taken out, also by an override
        self._locals: set[datetime] = set()  # the same, where no zone is known
        self._later: list[_Later] = []
        if self.master and self.anchor:
            self._read_rules(self.master, self.anchor)
            self._read_overrides(self.anchor)

    @property
    def recurs(self) -> bool:
        return bool(self._rules or self._added)

    @property
    def is_floating(self) -> bool:
        """Whether some instant depends on the zone of whoever asks."""
        anchors = [self.anchor, *(_anchor(part, self.zones) for part in self.overrides)]
        return any(anchor is not None and anchor.zone is None for anchor in anchors)

    def _read_rules(self, master: Component, anchor: Moment) -> None:
        rules = master.all("RRULE")
        if len(rules) > MAX_RULES:
            raise InvalidCalendarData(f"more than {MAX_RULES} RRULE")
        self._rules = [rule_of(line.value) for line in rules]
        count = 0
        for line in master.all("RDATE"):
            count = _counted(count, line.value)
            self._added += [_added(value, anchor) for value in moments_of(line, self.zones)]
        self._added.sort(key=lambda added: added[0])
        for line in master.all("EXDATE"):
            count = _counted(count, line.value)
            for value in moments_of(line, self.zones):
                self._take_out(value.start if isinstance(value, Period) else value, anchor)

    def _read_overrides(self, anchor: Moment) -> None:
        for part in self.overrides:
            line = part.line("RECURRENCE-ID")
            original = moment_of(line, self.zones) if line else anchor
            self._take_out(original, anchor)
            begin = _anchor(part, self.zones)
            if line and begin and (line.param("RANGE") or "").upper() == "THISANDFUTURE":
                since = _in_zone(original, anchor.zone)
                shift = _in_zone(begin, anchor.zone) - since
                self._later.append(_Later(since, shift, part, begin, _length(part, begin, self.zones)))
        self._later.sort(key=lambda later: later.since)

    def _take_out(self, moment: Moment, anchor: Moment) -> None:
        if moment.is_date or anchor.is_date:
            self._dates.add(moment.local.date())
        elif moment.zone is None or anchor.zone is None:
            self._locals.add(moment.local if anchor.zone is None else _in_zone(moment, anchor.zone))
        else:
            self._instants.add(seconds_of(moment.local, moment.zone))

    # ---- when ----

    def occurrences(self, start: int, end: int, floating: tzinfo, budget: Budget) -> Iterator[Occurrence]:
        """Those that overlap the range (milliseconds; NEVER and EVER for none), overrides first, then in order.

        Raises BudgetSpent after what was found within it.
        """
        for part in self.overrides:
            found = self._override(part, floating)
            if found and found.reach.overlaps(start, end):
                yield found
        yield from self._made_between(start, end, floating, budget)

    def _made_between(self, start: int, end: int, floating: tzinfo, budget: Budget) -> Iterator[Occurrence]:
        if self.master is None:
            return
        if self.anchor is None:
            yield from self._timeless(self.master, start, end, floating)
            return
        after, before = self._window(start, end, floating)
        for local, period_end in self._locals_of(after, before, floating, budget):
            made = self._made(local, period_end, floating)
            if made is not None and made.reach.overlaps(start, end):
                yield made

    def reaches(self, start: int, end: int, budget: Budget) -> Iterator[tuple[Reach, bool]]:
        """(reach, whether it floats) of the same, floating times read as UTC; lean, for there may be thousands."""
        for part in self.overrides:
            found = self._override(part, UTC)
            if found and found.start and found.reach.overlaps(start, end):
                yield found.reach, found.start.zone is None
        if self.anchor is None or self._later:
            for made in self._made_between(start, end, UTC, budget):
                yield made.reach, made.start is not None and made.start.zone is None
            return
        zone, is_floating, length = self.anchor.zone or UTC, self.anchor.zone is None, self.length
        after, before = self._window(start, end, UTC)
        for local, period_end in self._locals_of(after, before, UTC, budget):
            if (self._locals and local in self._locals) or (self._dates and local.date() in self._dates):
                continue
            instant = seconds_of(local, zone)
            if not is_floating and instant in self._instants:
                continue
            found_reach = length.reach(instant, period_end or length.end(local, instant, zone))
            if found_reach.overlaps(start, end):
                yield found_reach, is_floating

    def overrides_outside(self, start: int, end: int, floating: tzinfo) -> list[Component]:
        """Overrides that neither are in the range nor take the place of an instance that would be."""
        outside = []
        for part in self.overrides:
            line = part.line("RECURRENCE-ID")
            own = self._override(part, floating)
            if line is None or own is None or own.reach.overlaps(start, end):
                continue
            original = moment_of(line, self.zones)
            begin = original.seconds(floating)
            was = self.length.reach(begin, self.length.end(original.local, begin, original.zone or floating))
            goes_on = (line.param("RANGE") or "").upper() == "THISANDFUTURE" and was.since < end
            if not goes_on and not was.overlaps(start, end):
                outside.append(part)
        return outside

    def bounds(self) -> Reach:
        """Every occurrence is within; a floating time is read as UTC. EVER: it never ends, or nobody can tell."""
        since, until = EVER, NEVER
        for part in self.overrides:
            found = self._override(part, UTC)
            if found:
                since, until = min(since, found.reach.since), max(until, found.reach.until)
        if self.master is None:
            return Reach(since, until)
        if self.anchor is None:
            for timeless in self._timeless(self.master, NEVER, EVER, UTC):
                since, until = min(since, timeless.reach.since), max(until, timeless.reach.until)
            return Reach(since, until)
        slack = self._slack()
        first = min([self.anchor.local, *(added for added, _ in self._added[:1])])
        last = max([self.anchor.local, *(added for added, _ in self._added[-1:])])
        for rule in self._rules:
            last = max(last, _until(rule, self.anchor) or LATEST)
        lowest = seconds_of(max(first, _EARLIEST + slack) - slack, UTC) * 1000
        highest = EVER if last >= LATEST else seconds_of(last + slack, UTC) * 1000
        period_ends = [end * 1000 for _, end in self._added if end is not None]
        return Reach(min(since, lowest), max([until, highest, *period_ends]))

    def _timeless(self, master: Component, start: int, end: int, floating: tzinfo) -> Iterator[Occurrence]:
        for found in _reaches_without_start(master, self.zones, floating):
            if found.overlaps(start, end):
                yield Occurrence(master, None, None, found, None)

    def _override(self, part: Component, floating: tzinfo) -> Occurrence | None:
        line = part.line("RECURRENCE-ID")
        original = moment_of(line, self.zones) if line else None
        begin = _anchor(part, self.zones) or original
        if begin is None:
            return None
        length = _length(part, begin, self.zones)
        start = begin.seconds(floating)
        end = length.end(begin.local, start, begin.zone or floating)
        return Occurrence(part, begin, end, length.reach(start, end), original)

    def _slack(self) -> timedelta:
        longest = max([self.length.longest, *(later.length.longest + abs(later.shift) for later in self._later)])
        ends = [end - seconds_of(at, UTC) for at, end in self._added if end is not None]
        return max(longest, timedelta(seconds=min(max(ends, default=0), 10**10))) + _SLACK

    def _window(self, start: int, end: int, floating: tzinfo) -> tuple[datetime, datetime]:
        """The range by the wall clock of the series, with room for its length and for offsets."""
        zone = self.anchor.zone or floating if self.anchor else floating
        slack = self._slack()
        after, before = local_of(start // 1000, zone), local_of(end // 1000 + 1, zone)
        ahead = max([_SLACK, *(abs(later.shift) + _SLACK for later in self._later)])
        return max(after, _EARLIEST + slack) - slack, min(before, LATEST - ahead) + ahead

    def _locals_of(
        self, after: datetime, before: datetime, floating: tzinfo, budget: Budget
    ) -> Iterator[tuple[datetime, int | None]]:
        """Wall clock times of the set, in order, each once, overridden and excluded ones among them."""
        anchor = self.anchor
        if anchor is None:
            return
        merged = [iter([(anchor.local, None)]), iter(self._added)]
        for rule in self._rules:
            made = instances(
                rule, anchor.local, after, before, budget, until=_until(rule, anchor), is_date=anchor.is_date
            )
            merged.append((local, None) for local in made)
        last = None
        for local, period_end in heapq.merge(*merged, key=lambda item: item[0]) if self.recurs else merged[0]:
            if local != last and (local < before or not self.recurs):
                yield local, period_end
            last = local

    def _made(self, local: datetime, period_end: int | None, floating: tzinfo) -> Occurrence | None:
        anchor, master = self.anchor, self.master
        if anchor is None or master is None or local in self._locals or local.date() in self._dates:
            return None
        zone = anchor.zone or floating
        start = seconds_of(local, zone)
        if start in self._instants and anchor.zone is not None:
            return None
        original = Moment(local, anchor.zone, anchor.is_date) if self.recurs else None
        number = bisect_right(self._later, local, key=lambda later: later.since) if self._later else 0
        if not number:
            end = period_end if period_end is not None else self.length.end(local, start, zone)
            moment = original or anchor
            return Occurrence(master, moment, end, self.length.reach(start, end), original)
        later = self._later[number - 1]
        moved = local + later.shift
        begin = Moment(moved, anchor.zone, later.begin.is_date)
        start = begin.seconds(floating)
        end = later.length.end(moved, start, zone)
        return Occurrence(later.component, begin, end, later.length.reach(start, end), original)


@dataclass(frozen=True, slots=True)
class _Later:
    """An override of an instance and all that follow. RFC 5545 §3.2.13."""

    since: datetime  # wall clock of the series
    shift: timedelta
    component: Component
    begin: Moment
    length: Length


def _anchor(component: Component, zones: Zones) -> Moment | None:
    """DTSTART; the DUE of a task that has only that and recurs all the same."""
    line = component.line("DTSTART")
    if line is None and component.name == "VTODO" and component.line("RRULE"):
        line = component.line("DUE")
    return moment_of(line, zones) if line else None


def _length(component: Component, start: Moment, zones: Zones) -> Length:
    kind = component.name
    line = component.line("DUE" if kind == "VTODO" else "DTEND")
    if line is not None and kind != "VJOURNAL":
        end = moment_of(line, zones)
        is_due = kind == "VTODO"
        if start.zone is not None and end.zone is not None:
            return Length(
                kind, max(0, seconds_of(end.local, end.zone) - seconds_of(start.local, start.zone)), None, is_due
            )
        days, seconds = divmod(max(0, int((end.local - start.local).total_seconds())), 86_400)
        if not (days or seconds) and start.is_date and kind == "VEVENT":
            days = 1  # DTEND on the first day, as some write it, means that day
        return Length(kind, None, Duration(days, seconds), is_due)
    length = component.value("DURATION")
    if length is not None and kind != "VJOURNAL":
        duration = duration_of(length)
        return Length(kind, None, duration if duration.is_positive else Duration(0, 0))
    return Length(kind, None, Duration(1, 0) if start.is_date and kind != "VTODO" else None)


def _reaches_without_start(component: Component, zones: Zones, floating: tzinfo) -> list[Reach]:
    """RFC 4791 §9.9: tasks without DTSTART, VFREEBUSY with periods alone; events and journals are never."""
    if component.name == "VTODO":
        due = component.line("DUE")
        if due is not None:
            return [reach.of_task_due(moment_of(due, zones).seconds(floating))]
        completed, created = (_stamp(component.line(name), zones, floating) for name in ("COMPLETED", "CREATED"))
        return [reach.of_task_without_times(completed, created)]
    return _reaches_of_periods(component, zones, floating)


def _reaches_of_periods(component: Component, zones: Zones, floating: tzinfo) -> list[Reach]:
    if component.name != "VFREEBUSY":
        return []
    periods = [value for line in component.all("FREEBUSY") for value in moments_of(line, zones)]
    return [reach.of_event(*period_seconds(period, floating)) for period in periods if isinstance(period, Period)]


def period_seconds(period: Period, floating: tzinfo) -> tuple[int, int]:
    """(start, end), seconds since the epoch."""
    start = period.start.seconds(floating)
    if isinstance(period.end, Moment):
        return start, period.end.seconds(floating)
    return start, plus_duration(period.start.local, period.end, period.start.zone or floating)


def _stamp(line: Line | None, zones: Zones, floating: tzinfo) -> int | None:
    """Old versions of Apple's calendar write CREATED:00001231T000000Z: what can not be read is not there."""
    try:
        return moment_of(line, zones).seconds(floating) if line else None
    except InvalidCalendarData:
        return None


def _added(value: Moment | Period, anchor: Moment) -> tuple[datetime, int | None]:
    if isinstance(value, Moment):
        if value.is_date and not anchor.is_date:  # only the day is said: the time is that of the series
            return datetime.combine(value.local.date(), anchor.local.time()), None
        return _in_zone(value, anchor.zone) if not anchor.is_date else _midnight(value.local), None
    start = value.start
    return _in_zone(start, anchor.zone), period_seconds(value, UTC)[1]


def _midnight(local: datetime) -> datetime:
    return datetime.combine(local.date(), datetime.min.time())


def _in_zone(moment: Moment, zone: tzinfo | None) -> datetime:
    """What the wall clock of a zone shows; a floating time shows the same everywhere."""
    if zone is None or moment.zone is None or moment.zone is zone:
        return moment.local
    return local_of(seconds_of(moment.local, moment.zone), zone)


def _until(rule: Rule, anchor: Moment) -> datetime | None:
    """The last time by the wall clock of the series."""
    if rule.until is None or not rule.until_is_utc or anchor.zone is None:
        return rule.until
    return local_of(seconds_of(rule.until, UTC), anchor.zone)


def _counted(count: int, value: str) -> int:
    count += value.count(",") + 1
    if count > MAX_DATES:
        raise InvalidCalendarData(f"more than {MAX_DATES} EXDATE and RDATE")
    return count
