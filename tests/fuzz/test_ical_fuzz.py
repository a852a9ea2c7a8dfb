"""Any octets at all are an object or are refused: nothing else is raised, by no query, and nothing takes for ever."""

import contextlib
from datetime import UTC, datetime
from itertools import islice

from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.errors import InvalidCalendarData, TooManyInstances, UnsupportedComponent
from mailserver.ical import busy
from mailserver.ical.budget import Budget, BudgetSpent
from mailserver.ical.check import CalendarObject, valid_object
from mailserver.ical.filters import ComponentFilter, TimeRange, passes
from mailserver.ical.lines import parse, parse_stream
from mailserver.ical.reach import EVER, NEVER
from mailserver.ical.rule_times import LATEST, instances
from mailserver.ical.rules import rule_of
from mailserver.ical.shape import Shape, shaped
from mailserver.ical.write import rewritten

EVENT = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART;TZID=Europe/Berlin:20260105T100000\r\n"
END = b"END:VEVENT\r\nEND:VCALENDAR\r\n"
SEEDS = [
    EVENT + b"DURATION:PT1H\r\nRRULE:FREQ=WEEKLY;COUNT=4\r\nEXDATE:20260112T090000Z\r\n" + END,
    EVENT + b"DTEND;VALUE=DATE:20260107\r\nRDATE;VALUE=PERIOD:20260109T100000Z/PT1H\r\n" + END,
    EVENT + b"RRULE:FREQ=MONTHLY;BYDAY=-1SU\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:1\r\n"
    b"RECURRENCE-ID;RANGE=THISANDFUTURE:20260125T090000Z\r\nDTSTART:20260126T090000Z\r\n" + END,
    EVENT + b"BEGIN:VALARM\r\nTRIGGER;RELATED=END:-PT15M\r\nREPEAT:3\r\nDURATION:PT5M\r\nEND:VALARM\r\n" + END,
    b"BEGIN:VCALENDAR\r\nBEGIN:VTIMEZONE\r\nTZID:Q\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:+0100\r\n"
    b"TZOFFSETTO:+0200\r\nRRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
    b"BEGIN:VTODO\r\nUID:1\r\nDUE;TZID=Q:20260105T100000\r\nRRULE:FREQ=DAILY\r\nEND:VTODO\r\nEND:VCALENDAR\r\n",
    b"BEGIN:VCALENDAR\r\nBEGIN:VFREEBUSY\r\nUID:1\r\nFREEBUSY:20260105T100000Z/PT1H,20260105T100000Z/20260105T110000Z\r\n"
    b"END:VFREEBUSY\r\nEND:VCALENDAR\r\n",
]
SPLICES = [
    *(b"\r\n", b"\n", b"\r", b"\0", b"\xff", b"\r\n ", b"\n\t", b";", b":", b",", b'"', b"=", b"^n", b"\\n", b"Z"),
    *(b"99991231", b"00010101T000000", b"20260230", b"-P9999999W", b"P1D", b"PT999999999S"),
    *(b"/", b"BEGIN:", b"END:VEVENT", b"RRULE:FREQ=SECONDLY\r\n", b"RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31\r\n"),
    *(b";COUNT=1000000000", b";INTERVAL=999999"),
    *(b";UNTIL=00010101", b";BYSETPOS=-1", b";BYWEEKNO=53", b";TZID=../../etc", b";TZID=Europe", b";VALUE=DATE"),
    *(b"EXDATE:", b"RDATE:", b"DTEND:", b"DUE:", b"RECURRENCE-ID:", b";RANGE=THISANDFUTURE", b"TZOFFSETTO:-9959\r\n"),
]
EDITS = st.lists(
    st.tuples(st.integers(0, 500), st.integers(0, 20), st.one_of(st.sampled_from(SPLICES), st.binary(max_size=5))),
    max_size=6,
)
WINDOWS = [
    TimeRange(NEVER, EVER),
    TimeRange(*(int(datetime(2026, month, 1, tzinfo=UTC).timestamp()) * 1000 for month in (1, 3))),
    TimeRange(int(datetime(9990, 1, 1, tzinfo=UTC).timestamp()) * 1000, EVER),
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = draw(st.sampled_from(SEEDS))
    for position, removed, added in draw(EDITS):
        data = data[:position] + added + data[position + removed :]
    return data


@given(st.one_of(mutated(), st.binary(max_size=300), st.lists(st.sampled_from(SPLICES), max_size=40).map(b"".join)))
@settings(max_examples=400, deadline=None)
def test_any_octets_are_an_object_or_are_refused(data: bytes) -> None:
    with contextlib.suppress(InvalidCalendarData):
        parse_stream(data)
    try:
        found = valid_object(parse(data))
    except (InvalidCalendarData, UnsupportedComponent):
        return
    look(found, data)


def look(found: CalendarObject, data: bytes) -> None:
    assert parse(rewritten(found.root)).lines == found.root.lines
    bounds = found.series.bounds()
    for window in WINDOWS:
        with contextlib.suppress(BudgetSpent):
            for reach, _ in islice(found.series.reaches(window.start, window.end, Budget(2000)), 100):
                assert bounds.since <= reach.since
                assert reach.until <= bounds.until
        for kind in ("VEVENT", "VTODO"):
            alarm = ComponentFilter("VALARM", time_range=window)
            inner = ComponentFilter(kind, time_range=window, components=(alarm,))
            passes(found.root, ComponentFilter("VCALENDAR", components=(inner,), any_of=True), UTC)
        busy.of_object(data, window, UTC)
    with contextlib.suppress(TooManyInstances):
        shaped(data, Shape(expand=WINDOWS[1], busy=WINDOWS[1]), UTC)
    shaped(data, Shape(limit=WINDOWS[1]), UTC)


PARTS = ["FREQ=YEARLY", "FREQ=MONTHLY", "FREQ=WEEKLY", "FREQ=DAILY", "FREQ=HOURLY", "FREQ=MINUTELY", "FREQ=SECONDLY",
         "INTERVAL=999999999", "INTERVAL=7", "COUNT=99999999", "COUNT=3", "BYMONTH=2", "BYMONTHDAY=31",
         "BYMONTHDAY=-31",
         "BYYEARDAY=366", "BYYEARDAY=-366", "BYWEEKNO=53", "BYWEEKNO=-53", "BYDAY=53MO", "BYDAY=MO,-1SU", "BYHOUR=23",
         "BYMINUTE=59", "BYSECOND=60", "BYSETPOS=366", "BYSETPOS=-1", "WKST=SU", "UNTIL=99991231",
         "UNTIL=20270101T000000Z",
         "RSCALE=HEBREW", "SKIP=FORWARD", "X-A=1", ""]  # fmt: skip


@given(st.lists(st.sampled_from(PARTS), max_size=6), st.sampled_from([1, 1970, 2026, 9990, 9998, 9999]))
@settings(max_examples=300, deadline=None)
def test_any_rule_makes_times_in_order_within_its_budget(parts: list[str], year: int) -> None:
    try:
        rule = rule_of(";".join(parts))
    except InvalidCalendarData:
        return
    start = datetime(2020, 2, 29, 23, 59, 59)  # noqa: DTZ001 - wall clock
    window = (datetime(year, 1, 1), datetime(year, 12, 31))  # noqa: DTZ001
    budget = Budget(20_000)
    times = list[datetime]()
    with contextlib.suppress(BudgetSpent):
        times.extend(islice(instances(rule, start, *window, budget, until=rule.until), 500))
    assert times == sorted(set(times)) or "BYSECOND=60" in parts
    assert all(max(start, window[0]) <= time < min(window[1], LATEST) for time in times)
