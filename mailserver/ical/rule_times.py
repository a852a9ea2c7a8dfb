"""The times that a recurrence rule makes, by the wall clock. RFC 5545 §3.3.10.

Times are naive all the way: what a zone makes of them is decided later. A rule jumps to a window years after its start
without counting its way there (unless COUNT makes it), and every loop spends of a budget, because strangers write
rules. Where dateutil iterates from the start, and can be made to search ten thousand years, this does not.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta

from mailserver.ical.rules import Frequency, Rule

MAX_STEPS = 100_000  # days and times looked at for one question; some 50 ms
LATEST = datetime(9998, 1, 1)  # nothing recurs after it
DAY = timedelta(days=1)

_UNITS = {Frequency.HOURLY: 3600, Frequency.MINUTELY: 60, Frequency.SECONDLY: 1}  # seconds


class BudgetSpent(Exception):  # noqa: N818 - a finding
    """The rule would need more looking at than a question is worth."""


class Budget:
    """How much may still be looked at."""

    __slots__ = ("left",)

    def __init__(self, steps: int = MAX_STEPS) -> None:
        self.left = steps

    def spend(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise BudgetSpent


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
    clock = [timedelta()] if is_date else _clock(rule, start)
    zero = datetime(1, 1, 1)
    for days in _PERIODS.get(rule.frequency, _daily)(rule, start, after, before, budget):
        budget.spend(len(days) * len(clock) // 4)
        yield [zero + timedelta(days=day - 1) + time for day in days for time in clock]


def _clock(rule: Rule, start: datetime) -> list[timedelta]:
    """The times of a day, in order."""
    return sorted(
        {
            timedelta(hours=hour, minutes=minute, seconds=min(second, 59))
            for hour in rule.hours or {start.hour}
            for minute in rule.minutes or {start.minute}
            for second in rule.seconds or {start.second}
        }
    )


Days = list[int]  # ordinals of the Gregorian calendar, in order


def _daily(rule: Rule, start: datetime, after: datetime, before: datetime, budget: Budget) -> Iterator[Days]:
    first, step = start.toordinal(), rule.interval
    meets = _day_test(rule)
    for day in range(first + max(0, after.toordinal() - first) // step * step, before.toordinal() + 1, step):
        budget.spend(1)
        if meets(date.fromordinal(day)):
            yield [day]


def _weekly(rule: Rule, start: datetime, after: datetime, before: datetime, budget: Budget) -> Iterator[Days]:
    first = start.toordinal() - (start.weekday() - rule.week_start) % 7
    step = 7 * rule.interval
    week = sorted((day - rule.week_start) % 7 for day in {day for _, day in rule.days} or range(7))
    meets = None if _is_plain_week(rule) else _day_test(rule)
    last = before.toordinal()
    for begin in range(first + max(0, after.toordinal() - first) // step * step, last + 1, step):
        budget.spend(1)
        days = [begin + day for day in week if 0 < begin + day <= _LAST_DAY]
        yield days if meets is None else [day for day in days if meets(date.fromordinal(day))]


def _is_plain_week(rule: Rule) -> bool:
    return not (rule.months or rule.year_days or rule.month_days or rule.week_numbers)


def _monthly(rule: Rule, start: datetime, after: datetime, before: datetime, budget: Budget) -> Iterator[Days]:
    first = start.year * 12 + start.month - 1
    now, last = after.year * 12 + after.month - 1, before.year * 12 + before.month - 1
    for month in range(first + max(0, now - first) // rule.interval * rule.interval, last + 1, rule.interval):
        budget.spend(1)
        year, index = divmod(month, 12)
        if not rule.months or index + 1 in rule.months:
            yield _days_of_month(rule, year, index + 1, budget)


def _yearly(rule: Rule, start: datetime, after: datetime, before: datetime, budget: Budget) -> Iterator[Days]:
    first = start.year
    by_month = not (rule.week_numbers or rule.year_days) and bool(rule.months or rule.month_days)
    for year in range(
        first + max(0, after.year - first) // rule.interval * rule.interval, before.year + 1, rule.interval
    ):
        budget.spend(1)
        if by_month and (rule.months or not any(which for which, _ in rule.days)):
            months = sorted(rule.months) or range(1, 13)
            yield [day for month in months for day in _days_of_month(rule, year, month, budget)]
        else:
            yield _days_of_year(rule, year, budget)


def _days_of_month(rule: Rule, year: int, month: int, budget: Budget) -> Days:
    """The days of a month that every part but BYMONTH meets; ordinals of BYDAY count within the month."""
    first = date(year, month, 1).toordinal()
    length = _month_length(year, month)
    if rule.month_days:
        wanted = {day if day > 0 else length + 1 + day for day in rule.month_days}
        days = sorted(first + day - 1 for day in wanted if 0 < day <= length)
    else:
        days = list(range(first, first + length))
    budget.spend(len(days) // 4 + 1)
    if rule.days:
        met = _weekdays_in(rule.days, first, length)
        days = [day for day in days if day in met]
    if rule.year_days or rule.week_numbers:
        meets = _year_test(rule)
        days = [day for day in days if meets(date.fromordinal(day))]
    return days


def _days_of_year(rule: Rule, year: int, budget: Budget) -> Days:
    """Ordinals of BYDAY count within the year, but within the month where BYMONTH is there."""
    first = date(year, 1, 1).toordinal()
    length = 366 if _month_length(year, 2) == 29 else 365
    budget.spend(length // 2)
    days = list(range(first, first + length))
    if rule.days:
        if rule.months:
            spans = [(date(year, month, 1).toordinal(), _month_length(year, month)) for month in rule.months]
        else:
            spans = [(first, length)]
        met = set().union(*(_weekdays_in(rule.days, begin, size) for begin, size in spans))
        days = [day for day in days if day in met]
    plain = _without_days(rule)
    return [day for day in days if plain(date.fromordinal(day))]


def _weekdays_in(wanted: frozenset[tuple[int, int]], first: int, length: int) -> set[int]:
    """The days of a span that BYDAY means."""
    met = set[int]()
    for which, weekday in wanted:
        begin = first + (weekday - (first - 1)) % 7  # ordinal 1 is a Monday
        all_of_them = range(begin, first + length, 7)
        if which == 0:
            met.update(all_of_them)
        elif abs(which) <= len(all_of_them):
            met.add(all_of_them[which - 1 if which > 0 else which])
    return met


def _day_test(rule: Rule) -> Callable[[date], bool]:
    """Every part that limits days; ordinals of BYDAY count for nothing here."""
    weekdays = {day for _, day in rule.days}
    rest = _without_days(rule)
    return lambda day: (not weekdays or day.weekday() in weekdays) and rest(day)


def _without_days(rule: Rule) -> Callable[[date], bool]:
    year_test = _year_test(rule)

    def meets(day: date) -> bool:
        if rule.months and day.month not in rule.months:
            return False
        if rule.month_days and not (
            day.day in rule.month_days or day.day - _month_length(day.year, day.month) - 1 in rule.month_days
        ):
            return False
        return year_test(day)

    return meets


def _year_test(rule: Rule) -> Callable[[date], bool]:
    """BYYEARDAY and BYWEEKNO."""

    def meets(day: date) -> bool:
        if rule.year_days:
            number = day.timetuple().tm_yday
            length = 366 if _month_length(day.year, 2) == 29 else 365
            if number not in rule.year_days and number - length - 1 not in rule.year_days:
                return False
        if rule.week_numbers:
            week, weeks = _week_of(day, rule.week_start)
            return week in rule.week_numbers or week - weeks - 1 in rule.week_numbers
        return True

    return meets


def _week_of(day: date, week_start: int) -> tuple[int, int]:
    """(number of its week, weeks of the year that this week belongs to); week 1 has four days of the year."""
    ordinal = day.toordinal()
    for year in (day.year + 1, day.year, day.year - 1):
        first = _first_week(year, week_start)
        if ordinal >= first:
            return (ordinal - first) // 7 + 1, (_first_week(year + 1, week_start) - first) // 7
    return 1, 52


def _first_week(year: int, week_start: int) -> int:
    """The ordinal of the day where week 1 begins."""
    january = 365 * (year - 1) + (year - 1) // 4 - (year - 1) // 100 + (year - 1) // 400 + 1
    begin = january - ((january - 1) % 7 - week_start) % 7
    return begin if january - begin <= 3 else begin + 7


def _month_length(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 or year % 400 == 0) else 28
    return 30 if month in {4, 6, 9, 11} else 31


_LAST_DAY = date.max.toordinal()
_PERIODS = {Frequency.YEARLY: _yearly, Frequency.MONTHLY: _monthly, Frequency.WEEKLY: _weekly}


def _fine_periods(
    rule: Rule, start: datetime, after: datetime, before: datetime, budget: Budget, _: bool
) -> Iterator[list[datetime]]:
    """HOURLY, MINUTELY, SECONDLY: the n-th period begins at start + n × interval; days, hours and minutes that are
    not wanted are jumped over."""
    unit = _UNITS[rule.frequency]
    step = timedelta(seconds=min(rule.interval * unit, 400_000_000_000))
    base = start - timedelta(seconds=(start.minute * 60 + start.second) % unit if unit > 1 else 0)
    number = max(0, (after - base) // step - 1)
    meets = _day_test(rule)
    last = (before - base) // step
    while number <= last:
        time = base + number * step
        budget.spend(1)
        nearest = _next_wanted(rule, unit, time, meets)
        if nearest > time:
            number += -((time - nearest) // step)
            continue
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
