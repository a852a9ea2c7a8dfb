"""The times that a recurrence rule makes, by the wall clock. RFC 5545 §3.3.10.

Times are naive all the way: what a zone makes of them is decided later. A rule jumps to a window years after its start
without counting its way there (unless COUNT makes it), and every loop spends of a budget, because strangers write
rules. Where dateutil iterates from the start, and can be made to search ten thousand years, this does not.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta

from mailserver.ical.budget import Budget
from mailserver.ical.rule_days import PERIODS, daily, day_test
from mailserver.ical.rules import Frequency, Rule

LATEST = datetime(9998, 1, 1)  # nothing recurs after it
DAY = timedelta(days=1)

_UNITS = {Frequency.HOURLY: 3600, Frequency.MINUTELY: 60, Frequency.SECONDLY: 1}  # seconds


def instances(
    rule: Rule,
    start: datetime,
    after: datetime,
    before: datetime,
    budget: Budget,
    *,
    until: datetime | None = None,
    is_date: bool = False,
) -> Iterator[datetime]:
    """The rule's times with after ≤ time < before, in order; all naive.

    `until`: the last time, by the wall clock of `start`. `is_date`: the series has dates, so parts below the day
    count for nothing. `start` itself is only in it where the rule meets it. Raises BudgetSpent.
    """
    if until is not None and until < before:
        before = until + timedelta(microseconds=1)
    if is_date and rule.frequency in _UNITS:
        rule = replace(rule, frequency=Frequency.DAILY)
    before = min(before, LATEST)
    step = _step(rule, start)
    if step is None:
        made = _sets(_explicit(rule, start), start, after, before, budget, is_date)
    else:
        made = _steps(start, step, rule.count, after, before, budget)
    for time in made:
        if time >= before:
            return
        if time >= after:
            yield time


def _steps(
    start: datetime, step: timedelta, count: int | None, after: datetime, before: datetime, budget: Budget
) -> Iterator[datetime]:
    number = max(0, (after - start) // step) if after > start else 0
    last = (before - start) // step
    if count is not None:
        last = min(last, count - 1)
    if number > last:
        return
    time = start + number * step
    for _ in range(number, last):
        budget.spend(1)
        yield time
        time += step
    yield time


def _step(rule: Rule, start: datetime) -> timedelta | None:
    """How far apart all its times are, where that is one length: then the n-th is known without those before it."""
    if rule.months or rule.year_days or rule.month_days or rule.week_numbers or rule.positions:
        return None
    if rule.hours or rule.minutes or rule.seconds:
        return None
    if rule.frequency == Frequency.WEEKLY and {day for _, day in rule.days} <= {start.weekday()}:
        return _capped(rule.interval * 604_800)
    if rule.days:
        return None
    if rule.frequency == Frequency.DAILY:
        return _capped(rule.interval * 86_400)
    unit = _UNITS.get(rule.frequency)
    return _capped(rule.interval * unit) if unit else None


def _capped(seconds: int) -> timedelta:
    return timedelta(seconds=min(seconds, 400_000_000_000))  # more than there are in ten thousand years


def _explicit(rule: Rule, start: datetime) -> Rule:
    """What the rule leaves out is taken from the start. RFC 5545 §3.3.10."""
    if rule.week_numbers and not rule.days and not rule.year_days and not rule.month_days:
        return replace(rule, days=frozenset({(0, start.weekday())}))
    if rule.week_numbers or rule.year_days or rule.month_days or rule.days:
        return rule
    if rule.frequency == Frequency.YEARLY:
        return replace(rule, months=rule.months or frozenset({start.month}), month_days=frozenset({start.day}))
    if rule.frequency == Frequency.MONTHLY:
        return replace(rule, month_days=frozenset({start.day}))
    if rule.frequency == Frequency.WEEKLY:
        return replace(rule, days=frozenset({(0, start.weekday())}))
    return rule


def _sets(
    rule: Rule, start: datetime, after: datetime, before: datetime, budget: Budget, is_date: bool
) -> Iterator[datetime]:
    """Period after period: its times, those at the wanted positions, those from the start on, as many as COUNT says."""
    left = rule.count
    skip_to = after if left is None else start
    periods = _fine_periods if rule.frequency in _UNITS and not is_date else _day_periods
    for times in periods(rule, start, max(skip_to, start), before, budget, is_date):
        for time in _at_positions(times, rule.positions) if rule.positions else times:
            if time < start:
                continue
            if left is not None:
                if left == 0:
                    return
                left -= 1
            yield time


def _at_positions(times: list[datetime], positions: frozenset[int]) -> list[datetime]:
    length = len(times)
    wanted = {position - 1 if position > 0 else length + position for position in positions}
    return [times[index] for index in sorted(wanted) if 0 <= index < length]


def _day_periods(
    rule: Rule, start: datetime, after: datetime, before: datetime, budget: Budget, is_date: bool
) -> Iterator[list[datetime]]:
    clock = [timedelta()] if is_date else _clock(rule, start, budget)
    zero = datetime(1, 1, 1)
    for days in PERIODS.get(rule.frequency, daily)(rule, start, after, before, budget):
        budget.spend(len(days) * len(clock) // 4)
        yield [zero + timedelta(days=day - 1) + time for day in days for time in clock]


def _clock(rule: Rule, start: datetime, budget: Budget) -> list[timedelta]:
    """The times of a day, in order."""
    budget.spend(max(1, len(rule.hours)) * max(1, len(rule.minutes)) * max(1, len(rule.seconds)) // 4)
    return sorted(
        {
            timedelta(hours=hour, minutes=minute, seconds=min(second, 59))
            for hour in rule.hours or {start.hour}
            for minute in rule.minutes or {start.minute}
            for second in rule.seconds or {start.second}
        }
    )


def _fine_periods(
    rule: Rule, start: datetime, after: datetime, before: datetime, budget: Budget, _: bool
) -> Iterator[list[datetime]]:
    """HOURLY, MINUTELY, SECONDLY: the n-th period begins at start + n × interval; days, hours and minutes that are
    not wanted are jumped over."""
    unit = _UNITS[rule.frequency]
    step = timedelta(seconds=min(rule.interval * unit, 400_000_000_000))
    base = start - timedelta(seconds=(start.minute * 60 + start.second) % unit if unit > 1 else 0)
    number = max(0, (after - base) // step - 1)
    meets = day_test(rule)
    last = (before - base) // step
    while number <= last:
        time = base + number * step
        budget.spend(1)
        nearest = _next_wanted(rule, unit, time, meets)
        if nearest > time:
            number += -((time - nearest) // step)
            continue
        budget.spend(max(1, len(rule.minutes)) * max(1, len(rule.seconds)) // 4)
        yield _within(rule, unit, time, start)
        number += 1


def _next_wanted(rule: Rule, unit: int, time: datetime, meets: Callable[[date], bool]) -> datetime:
    """The time itself, or where the next day, hour, minute or second begins after one that is not wanted."""
    if not meets(time):
        return time.replace(hour=0, minute=0, second=0) + DAY
    if rule.hours and time.hour not in rule.hours:
        return time.replace(minute=0, second=0) + timedelta(hours=1)
    if unit <= 60 and rule.minutes and time.minute not in rule.minutes:
        return time.replace(second=0) + timedelta(minutes=1)
    if unit == 1 and rule.seconds and time.second not in rule.seconds:
        return time + timedelta(seconds=1)
    return time


def _within(rule: Rule, unit: int, time: datetime, start: datetime) -> list[datetime]:
    """The times of an hour, a minute or a second."""
    if unit == 1:
        return [time]
    seconds = sorted({min(second, 59) for second in rule.seconds or {start.second}})
    if unit == 60:
        return [time.replace(second=second) for second in seconds]
    return [
        time.replace(minute=minute, second=second)
        for minute in sorted(rule.minutes or {start.minute})
        for second in seconds
    ]
