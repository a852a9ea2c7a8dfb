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
from itertools import chain

from mailserver.errors import InvalidCalendarData, TooManyInstances
from mailserver.ical.budget import Budget
from mailserver.ical.lengths import Length, anchor_of, length_of, period_end, reaches_without_start
from mailserver.ical.lines import Component
from mailserver.ical.reach import EVER, NEVER, Reach
from mailserver.ical.rule_times import LATEST, instances
from mailserver.ical.rules import Rule, rule_of
from mailserver.ical.times import Moment, Period, local_of, moment_of, moments_of, seconds_of
from mailserver.ical.zones import Zones

MAX_RULES = 20  # RFC 5545 §3.8.5.3: there should be one
MAX_INSTANCES = 5_000  # of RDATE, and of one object in an answer: what CALDAV:max-instances says
MAX_EXCLUDED = 20_000  # EXDATE of one object; a daily one of fifty years has fewer
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


class Series:
    """All components of one UID. Reading it raises InvalidCalendarData where a time or a rule can not be read."""

    def __init__(self, components: Sequence[Component], zones: Zones) -> None:
        self.zones = zones
        self.master = next((part for part in components if part.line("RECURRENCE-ID") is None), None)
        self.overrides = [part for part in components if part is not self.master]
        self.anchor = anchor_of(self.master, zones) if self.master else None
        self.length = length_of(self.master, self.anchor, zones) if self.master and self.anchor else Length("VEVENT")
        self._rules: list[Rule] = []
        self._added: list[tuple[datetime, Period | None]] = []  # (wall clock, what was added where it has an end)
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
        anchors = [self.anchor, *(anchor_of(part, self.zones) for part in self.overrides)]
        return any(anchor is not None and anchor.zone is None for anchor in anchors)

    def _read_rules(self, master: Component, anchor: Moment) -> None:
        rules = master.all("RRULE")
        if len(rules) > MAX_RULES:
            raise InvalidCalendarData(f"more than {MAX_RULES} RRULE")
        self._rules = [rule_of(line.value) for line in rules]
        if _count(master, "RDATE") > MAX_INSTANCES:
            raise TooManyInstances(f"more than {MAX_INSTANCES} RDATE")
        if _count(master, "EXDATE") > MAX_EXCLUDED:
            raise InvalidCalendarData(f"more than {MAX_EXCLUDED} EXDATE")
        for line in master.all("RDATE"):
            self._added += [_added(value, anchor) for value in moments_of(line, self.zones)]
        self._added.sort(key=lambda added: added[0])
        for line in master.all("EXDATE"):
            for value in moments_of(line, self.zones):
                self._take_out(value.start if isinstance(value, Period) else value, anchor)

    def _read_overrides(self, anchor: Moment) -> None:
        for part in self.overrides:
            line = part.line("RECURRENCE-ID")
            original = moment_of(line, self.zones) if line else anchor
            self._take_out(original, anchor)
            begin = anchor_of(part, self.zones)
            if line and begin and (line.param("RANGE") or "").upper() == "THISANDFUTURE":
                since = _in_zone(original, anchor.zone)
                shift = _in_zone(begin, anchor.zone) - since
                self._later.append(_Later(since, shift, part, begin, length_of(part, begin, self.zones)))
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

    def occurrences_of(
        self, part: Component, start: int, end: int, floating: tzinfo, budget: Budget
    ) -> Iterator[Occurrence]:
        """The same of one component: where there are thousands of overrides, each is looked at alone."""
        if part is not self.master:
            found = self._override(part, floating)
            if found and found.reach.overlaps(start, end):
                yield found
        if part is self.master or any(later.component is part for later in self._later):
            made = self._made_between(start, end, floating, budget)
            yield from (each for each in made if each.component is part)

    def _made_between(self, start: int, end: int, floating: tzinfo, budget: Budget) -> Iterator[Occurrence]:
        if self.master is None:
            return
        if self.anchor is None:
            yield from self._timeless(self.master, start, end, floating)
            return
        after, before = self._window(start, end, floating)
        for local, period in self._locals_of(after, before, floating, budget):
            made = self._made(local, period, floating)
            if made is not None and made.reach.overlaps(start, end):
                yield made

    def reaches(self, start: int, end: int, budget: Budget) -> Iterator[tuple[Reach, bool]]:
        """(reach, whether it floats) of the same, floating times read as UTC; lean, for there may be thousands."""
        for part in self.overrides:
            found = self._override(part, UTC)
            if found and found.start and found.reach.overlaps(start, end):
                yield found.reach, found.start.zone is None
        if self.anchor is None:
            for timeless in reaches_without_start(self.master, self.zones, UTC) if self.master else ():
                if timeless.reach.overlaps(start, end):
                    yield timeless.reach, timeless.is_floating
            return
        if self._later:
            for made in self._made_between(start, end, UTC, budget):
                yield made.reach, made.start is not None and made.start.zone is None
            return
        zone, is_floating, length = self.anchor.zone or UTC, self.anchor.zone is None, self.length
        after, before = self._window(start, end, UTC)
        for local, period in self._locals_of(after, before, UTC, budget):
            if (self._locals and local in self._locals) or (self._dates and local.date() in self._dates):
                continue
            instant = seconds_of(local, zone)
            if not is_floating and instant in self._instants:
                continue
            ends = period_end(period, local, zone) if period else length.end(local, instant, zone)
            found_reach = length.reach(instant, ends)
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
            for timeless in reaches_without_start(self.master, self.zones, UTC):
                since, until = min(since, timeless.reach.since), max(until, timeless.reach.until)
            return Reach(since, until)
        slack = self._slack()
        first = min([self.anchor.local, *(added for added, _ in self._added[:1])])
        last = max([self.anchor.local, *(added for added, _ in self._added[-1:])])
        for rule in self._rules:
            last = max(last, _until(rule, self.anchor) or LATEST)
        lowest = seconds_of(max(first, _EARLIEST + slack) - slack, UTC) * 1000
        highest = EVER if last >= LATEST else seconds_of(last + slack, UTC) * 1000
        period_ends = [end * 1000 for end, _ in self._period_ends()]
        return Reach(min(since, lowest), max([until, highest, *period_ends]))

    def _timeless(self, master: Component, start: int, end: int, floating: tzinfo) -> Iterator[Occurrence]:
        for found in reaches_without_start(master, self.zones, floating):
            if found.reach.overlaps(start, end):
                yield Occurrence(master, None, found.due, found.reach, None)

    def _override(self, part: Component, floating: tzinfo) -> Occurrence | None:
        line = part.line("RECURRENCE-ID")
        original = moment_of(line, self.zones) if line else None
        begin = anchor_of(part, self.zones) or original
        if begin is None:
            return None
        length = length_of(part, begin, self.zones)
        start = begin.seconds(floating)
        end = length.end(begin.local, start, begin.zone or floating)
        return Occurrence(part, begin, end, length.reach(start, end), original)

    def _slack(self) -> timedelta:
        longest = max([self.length.longest, *(later.length.longest + abs(later.shift) for later in self._later)])
        lengths = [length for _, length in self._period_ends()]
        return max(longest, timedelta(seconds=min(max(lengths, default=0), 10**10))) + _SLACK

    def _period_ends(self) -> Iterator[tuple[int, int]]:
        """(end, length), seconds; floating times are read as UTC."""
        zone = self.anchor.zone or UTC if self.anchor else UTC
        for local, period in self._added:
            if period is not None:
                end = period_end(period, local, zone)
                yield end, end - seconds_of(local, zone)

    def _window(self, start: int, end: int, floating: tzinfo) -> tuple[datetime, datetime]:
        """The range by the wall clock of the series, with room for its length and for offsets."""
        zone = self.anchor.zone or floating if self.anchor else floating
        slack = self._slack()
        after, before = local_of(start // 1000, zone), local_of(end // 1000 + 1, zone)
        ahead = max([_SLACK, *(abs(later.shift) + _SLACK for later in self._later)])
        return max(after, _EARLIEST + slack) - slack, min(before, LATEST - ahead) + ahead

    def _locals_of(
        self, after: datetime, before: datetime, floating: tzinfo, budget: Budget
    ) -> Iterator[tuple[datetime, Period | None]]:
        """Wall clock times of the set, in order, each once, overridden and excluded ones among them."""
        anchor = self.anchor
        if anchor is None:
            return
        merged: list[Iterator[tuple[datetime, Period | None]]] = [iter([(anchor.local, None)]), iter(self._added)]
        for rule in self._rules:
            made = instances(
                rule, anchor.local, after, before, budget, until=_until(rule, anchor), is_date=anchor.is_date
            )
            merged.append((local, None) for local in made)
        last = None
        is_ordered = not self._added and len(self._rules) <= 1  # nothing of a rule is before DTSTART
        for local, period in chain(*merged) if is_ordered else heapq.merge(*merged, key=lambda item: item[0]):
            if local != last and (local < before or not self.recurs):
                yield local, period
            last = local

    def _made(self, local: datetime, period: Period | None, floating: tzinfo) -> Occurrence | None:
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
            end = period_end(period, local, zone) if period else self.length.end(local, start, zone)
            moment = original or anchor
            return Occurrence(master, moment, end, self.length.reach(start, end), original)
        later = self._later[number - 1]
        moved = local + later.shift
        begin = Moment(moved, anchor.zone or later.begin.zone, later.begin.is_date)
        start = begin.seconds(floating)
        end = later.length.end(moved, start, begin.zone or floating)
        return Occurrence(later.component, begin, end, later.length.reach(start, end), original)


@dataclass(frozen=True, slots=True)
class _Later:
    """An override of an instance and all that follow. RFC 5545 §3.2.13."""

    since: datetime  # wall clock of the series
    shift: timedelta
    component: Component
    begin: Moment
    length: Length


def _added(value: Moment | Period, anchor: Moment) -> tuple[datetime, Period | None]:
    if isinstance(value, Moment):
        if value.is_date and not anchor.is_date:  # only the day is said: the time is that of the series
            return datetime.combine(value.local.date(), anchor.local.time()), None
        return _in_zone(value, anchor.zone) if not anchor.is_date else _midnight(value.local), None
    return _in_zone(value.start, anchor.zone), value


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


def _count(component: Component, name: str) -> int:
    """Of values, counted before they are read."""
    return sum(line.value.count(",") + 1 for line in component.all(name))
