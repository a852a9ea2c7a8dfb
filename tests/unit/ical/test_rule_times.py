"""Recurrence rules: the RFC's own examples, dateutil as the oracle, and rules that would run for ever."""

from datetime import datetime, timedelta
from itertools import islice, takewhile

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.errors import InvalidCalendarData
from mailserver.ical.budget import Budget, BudgetSpent
from mailserver.ical.rule_times import LATEST, instances
from mailserver.ical.rules import rule_of

START = datetime(1997, 9, 2, 9, 0, 0)


def times(rule: str, start: datetime = START, count: int = 12) -> list[str]:
    value = rule_of(rule)
    found = instances(value, start, start, LATEST, Budget(), until=value.until)
    return [f"{time:%Y%m%dT%H%M%S}" for time in islice(found, count)]


# RFC 5545 §3.8.5.3, the days (and hours) that the text lists; times in America/New_York
EXAMPLES = [
    ("FREQ=DAILY;COUNT=10", START, "0902 0903 0904 0905 0906 0907 0908 0909 0910 0911"),
    ("FREQ=DAILY;INTERVAL=10;COUNT=5", START, "0902 0912 0922 1002 1012"),
    ("FREQ=WEEKLY;INTERVAL=2;WKST=SU", START, "0902 0916 0930 1014 1028 1111 1125 1209 1223 0106 0120 0203"),
    ("FREQ=WEEKLY;COUNT=10;WKST=SU;BYDAY=TU,TH", START, "0902 0904 0909 0911 0916 0918 0923 0925 0930 1002"),
    ("FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH", START, "0902 0904 0916 0918 0930 1002 1014 1016"),
    ("FREQ=MONTHLY;COUNT=10;BYDAY=1FR", datetime(1997, 9, 5, 9), "0905 1003 1107 1205 0102 0206 0306 0403 0501 0605"),
    ("FREQ=MONTHLY;INTERVAL=2;COUNT=4;BYDAY=1SU,-1SU", datetime(1997, 9, 7, 9), "0907 0928 1102 1130"),
    ("FREQ=MONTHLY;COUNT=6;BYDAY=-2MO", datetime(1997, 9, 22, 9), "0922 1020 1117 1222 0119 0216"),
    ("FREQ=MONTHLY;BYMONTHDAY=-3;COUNT=6", datetime(1997, 9, 28, 9), "0928 1029 1128 1229 0129 0226"),
    ("FREQ=MONTHLY;COUNT=6;BYMONTHDAY=1,-1", datetime(1997, 9, 30, 9), "0930 1001 1031 1101 1130 1201"),
    ("FREQ=YEARLY;COUNT=4;BYMONTH=6,7", datetime(1997, 6, 10, 9), "0610 0710 0610 0710"),
    ("FREQ=YEARLY;INTERVAL=3;COUNT=10;BYYEARDAY=1,100,200", datetime(1997, 1, 1, 9),
     "0101 0410 0719 0101 0409 0718 0101 0410 0719 0101"),
    ("FREQ=YEARLY;BYDAY=20MO;COUNT=3", datetime(1997, 5, 19, 9), "0519 0518 0517"),
    ("FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO;COUNT=3", datetime(1997, 5, 12, 9), "0512 0511 0517"),
    ("FREQ=YEARLY;BYMONTH=3;BYDAY=TH;COUNT=5", datetime(1997, 3, 13, 9), "0313 0320 0327 0305 0312"),
    ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13;COUNT=5", START, "0213 0313 1113 0813 1013"),
    ("FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13;COUNT=4", datetime(1997, 9, 13, 9), "0913 1011 1108 1213"),
    ("FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8;COUNT=3", datetime(1996, 11, 5, 9),
     "1105 1107 1102"),
    ("FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3", datetime(1997, 9, 4, 9), "0904 1007 1106"),
    ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2;COUNT=7", datetime(1997, 9, 29, 9),
     "0929 1030 1127 1230 0129 0226 0330"),
    ("FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO", datetime(1997, 8, 5, 9), "0805 0810 0819 0824"),
    ("FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU", datetime(1997, 8, 5, 9), "0805 0817 0819 0831"),
    ("FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5", datetime(2007, 1, 15, 9), "0115 0130 0215 0315 0330"),
    ("FREQ=YEARLY;COUNT=3", datetime(1996, 2, 29, 9), "0229 0229 0229"),  # an invalid date is left out
    ("FREQ=DAILY;UNTIL=19970904T090000", START, "0902 0903 0904"),
    ("FREQ=DAILY;UNTIL=19970904", START, "0902 0903 0904"),  # a DATE means its whole day
    ("FREQ=DAILY;UNTIL=19970101", START, ""),
    ("FREQ=WEEKLY;BYDAY=MO,FR;BYSETPOS=1;COUNT=2", START, "0908 0915"),  # of the whole week, also of the first
    ("FREQ=MONTHLY;BYDAY=SU,1WE;COUNT=6", START, "0903 0907 0914 0921 0928 1001"),  # items of BYDAY add up
]  # fmt: skip


@pytest.mark.parametrize(("rule", "start", "days"), EXAMPLES)
def test_examples_of_the_rfc(rule: str, start: datetime, days: str) -> None:
    assert [time[4:8] for time in times(rule, start)] == days.split()


FINE = [
    ("FREQ=HOURLY;INTERVAL=3;UNTIL=19970902T170000", "09:00:00 12:00:00 15:00:00"),
    ("FREQ=MINUTELY;INTERVAL=15;COUNT=6", "09:00:00 09:15:00 09:30:00 09:45:00 10:00:00 10:15:00"),
    ("FREQ=MINUTELY;INTERVAL=90;COUNT=4", "09:00:00 10:30:00 12:00:00 13:30:00"),
    ("FREQ=DAILY;BYHOUR=9,10;BYMINUTE=0,20,40;COUNT=5", "09:00:00 09:20:00 09:40:00 10:00:00 10:20:00"),
    ("FREQ=MINUTELY;INTERVAL=20;BYHOUR=9,10;COUNT=5", "09:00:00 09:20:00 09:40:00 10:00:00 10:20:00"),
    ("FREQ=HOURLY;BYMINUTE=10,5;COUNT=4", "09:05:00 09:10:00 10:05:00 10:10:00"),
    ("FREQ=SECONDLY;BYSECOND=0,30;COUNT=4", "09:00:00 09:00:30 09:01:00 09:01:30"),
    ("FREQ=HOURLY;BYMINUTE=10,20,30;BYSETPOS=-1;COUNT=2", "09:30:00 10:30:00"),
]


@pytest.mark.parametrize(("rule", "clock"), FINE)
def test_rules_below_the_day(rule: str, clock: str) -> None:
    assert [f"{time[9:11]}:{time[11:13]}:{time[13:]}" for time in times(rule)] == clock.split()


def test_a_date_knows_no_hours() -> None:
    rule = rule_of("FREQ=HOURLY;BYHOUR=9,10")
    found = instances(rule, datetime(2026, 1, 1), datetime(2026, 1, 3), datetime(2026, 1, 5), Budget(), is_date=True)
    assert list(found) == [datetime(2026, 1, 3), datetime(2026, 1, 4)]


REFUSED = [
    "", "COUNT=1", "FREQ=", "FREQ=FORTNIGHTLY", "FREQ=DAILY;COUNT=0", "FREQ=DAILY;COUNT=-1",
    "FREQ=DAILY;COUNT=x", "FREQ=DAILY;COUNT=٣", "FREQ=DAILY;UNTIL=20261301", "FREQ=DAILY;UNTIL=20260101T250000Z",
    "FREQ=DAILY;BYDAY=XX", "FREQ=DAILY;BYDAY=0MO", "FREQ=MONTHLY;BYDAY=54MO",
    "FREQ=YEARLY;BYMONTH=13",
    "FREQ=YEARLY;BYMONTH=0", "FREQ=MONTHLY;BYMONTHDAY=32", "FREQ=MONTHLY;BYMONTHDAY=0", "FREQ=YEARLY;BYYEARDAY=367",
    "FREQ=YEARLY;BYWEEKNO=54", "FREQ=DAILY;BYHOUR=24", "FREQ=DAILY;BYMINUTE=60", "FREQ=DAILY;BYSECOND=61",
    "FREQ=DAILY;BYSETPOS=0", "FREQ=DAILY;WKST=XX", "FREQ=DAILY;FREQ=DAILY", "FREQ=DAILY;NONSENSE=1", "FREQ=DAILY;BYDAY",
    "FREQ=DAILY;BYMONTH=" + ",".join(["1"] * 5000),
]  # fmt: skip


@pytest.mark.parametrize("rule", REFUSED)
def test_rules_that_say_nothing_possible_are_refused(rule: str) -> None:
    with pytest.raises(InvalidCalendarData, match=r"^RRULE: "):
        rule_of(rule)


TOLERATED = [
    "FREQ=DAILY;", "FREQ=DAILY;UNTIL=99991231", "freq=weekly;byday=mo", "FREQ=DAILY;X-ODD=1",
    "RSCALE=CHINESE;FREQ=YEARLY;BYMONTH=5L;SKIP=FORWARD",
    "FREQ=DAILY;COUNT=3;UNTIL=20270101", "FREQ=WEEKLY;BYDAY=1MO", "FREQ=DAILY;BYSECOND=60",
    "FREQ=DAILY;COUNT=10000000000000",
]  # fmt: skip


@pytest.mark.parametrize("rule", TOLERATED)
def test_rules_that_clients_write_are_taken(rule: str) -> None:
    rule_of(rule)


BOMBS = [
    "FREQ=SECONDLY", "FREQ=SECONDLY;COUNT=1000000000", "FREQ=DAILY;COUNT=1000000000", "FREQ=YEARLY;INTERVAL=1000000000",
    "FREQ=SECONDLY;INTERVAL=1000000000", "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=31", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=31", "FREQ=SECONDLY;INTERVAL=60;BYSECOND=30",
    "FREQ=MINUTELY;BYYEARDAY=366;BYMONTH=1",
    "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31;COUNT=5", "FREQ=YEARLY;BYWEEKNO=53;BYMONTH=6", "FREQ=HOURLY;BYSETPOS=366",
    "FREQ=SECONDLY;BYHOUR=9;BYMINUTE=59;BYSECOND=59;COUNT=1000000000", "FREQ=SECONDLY;BYSECOND=1;COUNT=100000000",
    "FREQ=YEARLY;BYDAY=53MO;BYMONTH=2", "FREQ=DAILY;BYHOUR=0,1,2,3,4,5,6;BYMINUTE=0,1,2,3,4,5,6;BYSECOND=0,1,2,3,4,5,6",
]  # fmt: skip


@pytest.mark.parametrize("rule", BOMBS)
@pytest.mark.parametrize("year", [1997, 2026, 9990])
def test_no_rule_looks_at_more_than_its_budget(rule: str, year: int) -> None:
    budget, window = Budget(), (datetime(year, 10, 1), datetime(year, 11, 1))
    try:
        found = list(islice(instances(rule_of(rule), START, *window, budget), 3000))
    except BudgetSpent:
        assert budget.left < 0
    else:
        assert budget.left >= 0
        assert found == sorted(found)
        assert all(window[0] <= time < window[1] for time in found)


PLAIN = {"BYMONTH": st.integers(1, 12), "BYHOUR": st.integers(0, 23), "BYMINUTE": st.integers(0, 59)}
MONTH_DAYS = st.integers(1, 28) | st.integers(-28, -1)
YEAR_DAYS = st.integers(1, 365) | st.integers(-365, -1)
WEEKDAYS = st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"])
# dateutil takes "MO,1WE" for the Mondays that are first Wednesdays; here each item adds days, as the RFC has it
NTH_DAYS = st.tuples(st.sampled_from(["1", "2", "-1", "-2", "4"]), WEEKDAYS).map("".join)
# what limits days: never two that can not be met together, for dateutil searches for them until the year 9999
DAY_PARTS = {
    "YEARLY": [
        ("BYDAY", WEEKDAYS),
        ("BYDAY", NTH_DAYS),
        ("BYMONTHDAY", MONTH_DAYS),
        ("BYYEARDAY", YEAR_DAYS),
    ],
    "MONTHLY": [("BYDAY", WEEKDAYS), ("BYDAY", NTH_DAYS), ("BYMONTHDAY", MONTH_DAYS)],
    "WEEKLY": [("BYDAY", WEEKDAYS)],
    "DAILY": [("BYDAY", WEEKDAYS), ("BYMONTHDAY", MONTH_DAYS)],
    "HOURLY": [("BYDAY", WEEKDAYS), ("BYMONTHDAY", MONTH_DAYS)],
    "MINUTELY": [("BYDAY", WEEKDAYS)],
}


@st.composite
def rules(draw: st.DrawFn) -> str:
    frequency = draw(st.sampled_from(sorted(DAY_PARTS)))
    parts = [f"FREQ={frequency}", f"INTERVAL={draw(st.integers(1, 4))}", f"WKST={draw(WEEKDAYS)}"]
    chosen = draw(st.lists(st.sampled_from(DAY_PARTS[frequency]), max_size=1))
    if frequency == "YEARLY" and draw(st.booleans()):
        chosen = [("BYDAY", WEEKDAYS), ("BYWEEKNO", st.integers(1, 53) | st.integers(-53, -1))]
    allowed = [
        name for name in PLAIN if name != "BYMONTH" or not {"BYYEARDAY", "BYWEEKNO"} & {part for part, _ in chosen}
    ]
    chosen += [(name, PLAIN[name]) for name in draw(st.lists(st.sampled_from(allowed), unique=True, max_size=2))]
    for name, values in chosen:
        parts.append(f"{name}={','.join(map(str, draw(st.lists(values, min_size=1, max_size=4, unique=True))))}")
    # of the week of DTSTART dateutil counts only what is left; an interval is the whole week
    if chosen and frequency != "WEEKLY" and draw(st.booleans()):
        parts.append(f"BYSETPOS={draw(st.sampled_from(['1', '-1', '1,-1']))}")
    if draw(st.booleans()):
        parts.append(f"COUNT={draw(st.integers(1, 30))}")
    return ";".join(parts)


@given(rules(), st.datetimes(datetime(2020, 1, 1), datetime(2026, 1, 1)), st.integers(0, 1500), st.integers(1, 400))
@settings(max_examples=200, deadline=None)
def test_dateutil_finds_the_same(rule: str, start: datetime, after: int, length: int) -> None:
    start = start.replace(microsecond=0)
    if "MINUTELY" in rule or "HOURLY" in rule:
        after, length = after // 40, length // 40 + 1
    begin, end = start + timedelta(days=after), start + timedelta(days=after + length)
    try:
        oracle = rrulestr(rule, dtstart=start).xafter(begin, inc=True)
        expected = list(islice(takewhile(lambda time: time < end, oracle), 500))
    except ValueError:  # dateutil sees that the rule can never be met
        expected = []
    assert list(islice(instances(rule_of(rule), start, begin, end, Budget(10**7)), 500)) == expected
