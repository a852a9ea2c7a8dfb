"""The days that a recurrence rule means, period after period. RFC 5545 §3.3.10."""

from collections.abc import Callable, Iterator
from datetime import date, datetime

from mailserver.ical.budget import Budget
from mailserver.ical.rules import Frequency, Rule

Days = list[int]  # ordinals of the Gregorian calendar, in order


def daily(rule: Rule, start: datetime, after: datetime, before: datetime, budget: Budget) -> Iterator[Days]:
    first, step = start.toordinal(), rule.interval
    meets = day_test(rule)
    for day in range(first + max(0, after.toordinal() - first) // step * step, before.toordinal() + 1, step):
        budget.spend(1)
        if meets(date.fromordinal(day)):
            yield [day]


def _weekly(rule: Rule, start: datetime, after: datetime, before: datetime, budget: Budget) -> Iterator[Days]:
    first = start.toordinal() - (start.weekday() - rule.week_start) % 7
    step = 7 * rule.interval
    week = sorted((day - rule.week_start) % 7 for day in {day for _, day in rule.days} or range(7))
    meets = None if _is_plain_week(rule) else day_test(rule)
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


def day_test(rule: Rule) -> Callable[[date], bool]:
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
PERIODS = {Frequency.YEARLY: _yearly, Frequency.MONTHLY: _monthly, Frequency.WEEKLY: _weekly}
