"""When objects occur: RFC cases by hand, and recurring-ical-events as the oracle over random series."""

from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import icalendar
import pytest
import recurring_ical_events
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.ical.budget import Budget, BudgetSpent
from mailserver.ical.lines import parse
from mailserver.ical.reach import EVER, NEVER
from mailserver.ical.recurrence import Series
from mailserver.ical.zones import Zones

BERLIN = ZoneInfo("Europe/Berlin")


def series_of(*components: str, kind: str = "VEVENT") -> Series:
    text = "".join(f"BEGIN:{kind}\nUID:1\n{component}\nEND:{kind}\n" for component in components)
    root = parse(f"BEGIN:VCALENDAR\n{text}END:VCALENDAR\n".encode())
    return Series(root.components, Zones(root))


def starts(
    series: Series, start: datetime | None = None, end: datetime | None = None, zone: object = UTC, limit: int = 50
) -> list[str]:
    """Of the instances, in UTC."""
    window = [int(at.timestamp() * 1000) if at else default for at, default in ((start, NEVER), (end, EVER))]
    found = islice(series.occurrences(*window, zone, Budget()), limit)  # type: ignore[arg-type]
    instants = sorted(occurrence.start.seconds(zone) for occurrence in found if occurrence.start)  # type: ignore[arg-type]
    return [f"{datetime.fromtimestamp(instant, UTC):%m%dT%H%M}" for instant in instants]


CASES = [
    ("weekly over the end of summer time keeps its wall clock time",
     ["DTSTART;TZID=Europe/Berlin:20261019T100000\nRRULE:FREQ=WEEKLY;COUNT=3"], "1019T0800 1026T0900 1102T0900"),
    ("UTC is not moved by summer time", ["DTSTART:20261019T100000Z\nRRULE:FREQ=WEEKLY;COUNT=3"],
     "1019T1000 1026T1000 1102T1000"),
    ("a time in the gap is read with the offset before it",
     ["DTSTART;TZID=Europe/Berlin:20260328T023000\nRRULE:FREQ=DAILY;COUNT=3"], "0328T0130 0329T0130 0330T0030"),
    ("of a time that comes twice the first is meant",
     ["DTSTART;TZID=Europe/Berlin:20261024T023000\nRRULE:FREQ=DAILY;COUNT=3"], "1024T0030 1025T0030 1026T0130"),
    ("UNTIL in UTC", ["DTSTART;TZID=Europe/Berlin:20261023T100000\nRRULE:FREQ=DAILY;UNTIL=20261025T090000Z"],
     "1023T0800 1024T0800 1025T0900"),
    ("UNTIL as a DATE is its whole day", ["DTSTART:20260101T100000Z\nRRULE:FREQ=DAILY;UNTIL=20260102"],
     "0101T1000 0102T1000"),
    ("EXDATE in another zone", ["DTSTART;TZID=Europe/Berlin:20260101T100000\nRRULE:FREQ=DAILY;COUNT=3\n"
     "EXDATE:20260102T090000Z"], "0101T0900 0103T0900"),
    ("EXDATE as a DATE takes the day out", ["DTSTART:20260101T100000Z\nRRULE:FREQ=DAILY;COUNT=3\n"
     "EXDATE;VALUE=DATE:20260102"], "0101T1000 0103T1000"),
    ("EXDATE may take out DTSTART", ["DTSTART:20260101T100000Z\nRRULE:FREQ=DAILY;COUNT=2\nEXDATE:20260101T100000Z"],
     "0102T1000"),
    ("RDATE adds, also a PERIOD", ["DTSTART:20260101T100000Z\nRDATE:20260105T120000Z,20260103T100000Z\n"
     "RDATE;VALUE=PERIOD:20260107T100000Z/PT1H"], "0101T1000 0103T1000 0105T1200 0107T1000"),
    ("DTSTART is in the set where the rule does not meet it",
     ["DTSTART:20260106T100000Z\nRRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=2"], "0106T1000 0112T1000 0119T1000"),
    ("an override moves one", ["DTSTART:20260101T100000Z\nRRULE:FREQ=DAILY;COUNT=3",
     "RECURRENCE-ID:20260102T100000Z\nDTSTART:20260109T080000Z"], "0101T1000 0103T1000 0109T0800"),
    ("an override of a DATE-TIME may name only the day", ["DTSTART:20260101T100000Z\nRRULE:FREQ=DAILY;COUNT=2",
     "RECURRENCE-ID;VALUE=DATE:20260102\nDTSTART:20260102T110000Z"], "0101T1000 0102T1100"),
    ("an override that the rule does not meet counts too", ["DTSTART:20260101T100000Z\nRRULE:FREQ=DAILY;COUNT=2",
     "RECURRENCE-ID:20260201T100000Z\nDTSTART:20260201T100000Z"], "0101T1000 0102T1000 0201T1000"),
    ("overrides alone: who was invited to two of them", ["RECURRENCE-ID:20260101T100000Z\nDTSTART:20260101T100000Z",
     "RECURRENCE-ID:20260108T100000Z\nDTSTART:20260109T100000Z"], "0101T1000 0109T1000"),
    ("THISANDFUTURE moves all that follow", ["DTSTART:20260101T100000Z\nRRULE:FREQ=DAILY;COUNT=4",
     "RECURRENCE-ID;RANGE=THISANDFUTURE:20260103T100000Z\nDTSTART:20260103T123000Z"],
     "0101T1000 0102T1000 0103T1230 0104T1230"),
    ("a floating time is where the reader is", ["DTSTART:20260701T100000\nRRULE:FREQ=DAILY;COUNT=2"],
     "0701T0800 0702T0800"),
    ("an unknown zone without rules floats", ["DTSTART;TZID=Nowhere:20260701T100000"], "0701T0800"),
    ("a zone of Microsoft's", ["DTSTART;TZID=Pacific Standard Time:20260701T100000"], "0701T1700"),
    ("a zone behind a vendor's prefix", ["DTSTART;TZID=/freeassociation.sourceforge.net/Asia/Tokyo:20260701T100000"],
     "0701T0100"),
    ("a task that recurs by its DUE", ["DUE:20260101T100000Z\nRRULE:FREQ=DAILY;COUNT=2"], "0101T1000 0102T1000"),
    ("two rules are one set", ["DTSTART:20260101T100000Z\nRRULE:FREQ=DAILY;COUNT=2\nRRULE:FREQ=WEEKLY;COUNT=2"],
     "0101T1000 0102T1000 0108T1000"),
    ("a leap second and an event of the year 9999", ["DTSTART:99991231T235960Z"], "1231T2359"),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "components", "expected"), CASES, ids=[case[0] for case in CASES])
def test_occurrences(reason: str, components: list[str], expected: str) -> None:
    kind = "VTODO" if "DUE" in components[0] else "VEVENT"
    assert starts(series_of(*components, kind=kind), zone=BERLIN) == expected.split()


def ms(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp() * 1000)  # type: ignore[arg-type,misc]


# (reason, kind, component, range start, range end, met); times on 2026-01-01, RFC 4791 §9.9
REACHES = [
    ("ends where the range begins", "VEVENT", "DTSTART:20260101T090000Z\nDTEND:20260101T100000Z", 10, 11, False),
    ("ends in it", "VEVENT", "DTSTART:20260101T090000Z\nDTEND:20260101T100001Z", 10, 11, True),
    ("begins where it ends", "VEVENT", "DTSTART:20260101T110000Z\nDTEND:20260101T120000Z", 10, 11, False),
    ("is longer than it", "VEVENT", "DTSTART:20251201T110000Z\nDTEND:20260201T120000Z", 10, 11, True),
    ("no length, at the start", "VEVENT", "DTSTART:20260101T100000Z", 10, 11, True),
    ("no length, at the end", "VEVENT", "DTSTART:20260101T110000Z", 10, 11, False),
    ("DURATION:PT0S, at the start", "VEVENT", "DTSTART:20260101T100000Z\nDURATION:PT0S", 10, 11, True),
    ("an end before its start has no length", "VEVENT",
     "DTSTART:20260101T100000Z\nDTEND:20250101T100000Z", 10, 11, True),
    ("DURATION", "VEVENT", "DTSTART:20260101T080000Z\nDURATION:PT2H1S", 10, 11, True),
    ("a day", "VEVENT", "DTSTART;VALUE=DATE:20260101", 22, 23, True),
    ("a day is one day", "VEVENT", "DTSTART;VALUE=DATE:20251231", 1, 2, False),
    ("a DATE without VALUE", "VEVENT", "DTSTART:20260101", 22, 23, True),
    ("DTEND of a day is excluded", "VEVENT", "DTSTART;VALUE=DATE:20251230\nDTEND;VALUE=DATE:20260101", 0, 1, False),
    ("DTEND on the same day", "VEVENT", "DTSTART;VALUE=DATE:20260101\nDTEND;VALUE=DATE:20260101", 9, 10, True),
    ("task: start and duration", "VTODO", "DTSTART:20260101T080000Z\nDURATION:PT2H", 10, 11, True),
    ("task: duration over", "VTODO", "DTSTART:20260101T080000Z\nDURATION:PT1H", 10, 11, False),
    ("task: start at the end of the range", "VTODO", "DTSTART:20260101T110000Z\nDURATION:PT1H", 10, 11, False),
    ("task: start and due", "VTODO", "DTSTART:20260101T080000Z\nDUE:20260101T100000Z", 10, 11, False),
    ("task: due in it", "VTODO", "DTSTART:20260101T080000Z\nDUE:20260101T103000Z", 10, 11, True),
    ("task: due at the end", "VTODO", "DTSTART:20260101T080000Z\nDUE:20260101T110000Z", 10, 11, True),
    ("task: start alone", "VTODO", "DTSTART:20260101T100000Z", 10, 11, True),
    ("task: start alone, at the end", "VTODO", "DTSTART:20260101T110000Z", 10, 11, False),
    ("task: due alone, at the end", "VTODO", "DUE:20260101T110000Z", 10, 11, True),
    ("task: due alone, at the start", "VTODO", "DUE:20260101T100000Z", 10, 11, False),
    ("task: completed between", "VTODO", "CREATED:20250101T000000Z\nCOMPLETED:20260301T000000Z", 10, 11, True),
    ("task: completed before", "VTODO", "COMPLETED:20260101T095959Z", 10, 11, False),
    ("task: completed at the end", "VTODO", "COMPLETED:20260101T110000Z", 10, 11, True),
    ("task: created before the end", "VTODO", "CREATED:20260101T105959Z", 10, 11, True),
    ("task: created at the end", "VTODO", "CREATED:20260101T110000Z", 10, 11, False),
    ("task: nothing said", "VTODO", "SUMMARY:x", 10, 11, True),
    ("task: CREATED of old Apple calendars", "VTODO", "CREATED:00001231T000000Z", 10, 11, True),
    ("journal: a day", "VJOURNAL", "DTSTART;VALUE=DATE:20260101", 10, 11, True),
    ("journal: a time", "VJOURNAL", "DTSTART:20260101T100000Z", 10, 11, True),
    ("journal: later", "VJOURNAL", "DTSTART:20260101T110000Z", 10, 11, False),
    ("journal: no time is never", "VJOURNAL", "SUMMARY:x", 10, 11, False),
    ("busy: by its own span", "VFREEBUSY", "DTSTART:20260101T080000Z\nDTEND:20260101T100000Z", 10, 11, True),
    ("busy: by its periods", "VFREEBUSY", "FREEBUSY:20260101T080000Z/PT3H", 10, 11, True),
    ("busy: no period in it", "VFREEBUSY", "FREEBUSY:20260101T080000Z/PT1H,20260101T110000Z/PT1H", 10, 11, False),
    ("availability without an end", "VAVAILABILITY", "DTSTART:20250101T000000Z", 10, 11, True),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "kind", "component", "start", "end", "met"), REACHES, ids=[r[0] for r in REACHES])
def test_time_ranges(reason: str, kind: str, component: str, start: int, end: int, met: bool) -> None:
    series = series_of(component, kind=kind)
    window = (ms(2026, 1, 1, start), ms(2026, 1, 1, end))
    assert bool(list(series.occurrences(*window, UTC, Budget()))) is met
    assert bool(list(series.reaches(*window, Budget()))) is met
    assert any(reach.overlaps(*window) for reach, _ in series.reaches(NEVER, EVER, Budget())) is met


def test_dtend_is_as_many_seconds_each_time_and_duration_as_many_days() -> None:
    """RFC 5545 §3.8.5.3: over the night when summer time ends."""
    night = "DTSTART;TZID=Europe/Berlin:20261023T220000\n{}\nRRULE:FREQ=DAILY;COUNT=2"
    for end, hours in (("DTEND;TZID=Europe/Berlin:20261024T220000", 24), ("DURATION:P1D", 25)):
        *_, last = series_of(night.format(end)).occurrences(NEVER, EVER, UTC, Budget())
        assert last.start is not None
        assert last.end is not None
        assert last.end - last.start.seconds(UTC) == hours * 3600


@pytest.mark.parametrize(
    ("component", "hours"),
    [
        ("DTSTART:20260101T100000\nRDATE;VALUE=PERIOD:20260103T100000/PT2H", 2),  # floating, both
        ("DTSTART;TZID=Europe/Berlin:20260101T100000\nRDATE;VALUE=PERIOD:20260103T100000/PT2H", 2),
        ("DTSTART;TZID=Europe/Berlin:20260101T100000\nRDATE;VALUE=PERIOD:20260103T100000/20260103T130000", 3),
        ("DTSTART;TZID=Europe/Berlin:20260101T100000\nRDATE;VALUE=PERIOD:20260103T100000Z/PT1H", 1),
    ],
)
def test_a_period_is_as_long_for_every_reader(component: str, hours: int) -> None:
    *_, last = series_of(component).occurrences(NEVER, EVER, ZoneInfo("Pacific/Auckland"), Budget())
    assert last.start is not None
    assert last.end is not None
    assert last.end - last.start.seconds(ZoneInfo("Pacific/Auckland")) == hours * 3600


def test_a_floating_end_is_what_the_clock_shows() -> None:
    """Over the night when summer time begins: from one to four are two hours."""
    (only,) = series_of("DTSTART:20260329T010000\nDTEND:20260329T040000").occurrences(NEVER, EVER, BERLIN, Budget())
    assert only.start is not None
    assert only.end is not None
    assert only.end - only.start.seconds(BERLIN) == 2 * 3600


def test_a_zone_is_found_by_its_name_with_and_without_backslashes() -> None:
    text = OWN_ZONE.replace("Mine", "(UTC+01:00) Bern\\, Rome")
    zones = Zones(parse(f"BEGIN:VCALENDAR\n{text}END:VCALENDAR\n".encode()))
    assert zones.find("(UTC+01:00) Bern, Rome") is not None
    assert zones.find("(UTC+01:00) Bern\\, Rome") is not None


def test_bounds_hold_every_occurrence() -> None:
    assert series_of("DTSTART:20260101T100000Z\nRRULE:FREQ=DAILY").bounds().until == EVER
    ends = series_of("DTSTART:20260101T100000Z\nRRULE:FREQ=DAILY;UNTIL=20260601T000000Z").bounds()
    assert ms(2026, 6, 1) <= ends.until < ms(2026, 6, 10)
    moved = series_of(
        "DTSTART:20260101T100000Z\nRRULE:FREQ=DAILY;UNTIL=20260110T000000Z",
        "RECURRENCE-ID:20260103T100000Z\nDTSTART:20300103T100000Z",
    )
    assert moved.bounds().until > ms(2030, 1, 3)


OWN_ZONE = """BEGIN:VTIMEZONE
TZID:Mine
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE
"""


@given(st.datetimes(datetime(1997, 1, 1), datetime(2037, 1, 1)))
def test_rules_of_an_own_zone_are_those_of_the_place_it_copies(local: datetime) -> None:
    local = local.replace(microsecond=0, minute=local.minute // 30 * 30, second=0)
    root = parse(f"BEGIN:VCALENDAR\n{OWN_ZONE}END:VCALENDAR\n".encode())
    zone = Zones(root).find("Mine")
    assert zone is not None
    assert local.replace(tzinfo=zone).utcoffset() == local.replace(tzinfo=BERLIN).utcoffset()
    instant = local.replace(tzinfo=UTC)
    assert instant.astimezone(zone).replace(tzinfo=None) == instant.astimezone(BERLIN).replace(tzinfo=None)


ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]
RULES = [
    "FREQ=DAILY", "FREQ=DAILY;INTERVAL=3;COUNT=20", "FREQ=WEEKLY;BYDAY=MO,WE,FR",
    "FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=SU",
    "FREQ=MONTHLY;BYDAY=-1SU", "FREQ=MONTHLY;BYMONTHDAY=31", "FREQ=MONTHLY;BYDAY=2TU;COUNT=9", "FREQ=YEARLY",
    "FREQ=YEARLY;BYMONTH=3,10;BYDAY=-1SU", "FREQ=DAILY;UNTIL=20260601", "FREQ=WEEKLY;UNTIL=20261101T000000Z",
]  # fmt: skip


@st.composite
def objects(draw: st.DrawFn) -> str:
    zone = draw(st.sampled_from(ZONES))
    is_date = draw(st.booleans())
    start = draw(st.datetimes(datetime(2025, 1, 1), datetime(2026, 6, 1))).replace(microsecond=0, second=0, minute=0)
    head = f";VALUE=DATE:{start:%Y%m%d}" if is_date else f";TZID={zone}:{start:%Y%m%dT%H%M%S}"

    def at(days: int, hours: int = 0) -> str:
        moved = start + timedelta(days=days, hours=hours)
        return f";VALUE=DATE:{moved:%Y%m%d}" if is_date else f";TZID={zone}:{moved:%Y%m%dT%H%M%S}"

    master = f"DTSTART{head}\nDURATION:{'P1D' if is_date else 'PT1H'}\n"
    if draw(st.booleans()):
        rule = draw(st.sampled_from(RULES))
        if "T000000Z" in rule and is_date:
            rule = "FREQ=WEEKLY"
        if rule.endswith("UNTIL=20260601") and not is_date:
            rule += "T120000Z"  # a DATE here is the day's last second to us, its first to the other; see the table
        master += f"RRULE:{rule}\n"
    days = st.integers(0, 60)
    master += "".join(f"RDATE{at(day)}\n" for day in draw(st.lists(days, max_size=3, unique=True)))
    left_out = draw(st.lists(days, max_size=4, unique=True))
    master += "".join(f"EXDATE{at(day)}\n" for day in left_out)
    overrides = [
        f"RECURRENCE-ID{at(day)}\nDTSTART{at(day + moved, hours)}\nDURATION:{'P1D' if is_date else 'PT2H'}\n"
        for day, moved, hours in draw(
            st.lists(st.tuples(days, st.integers(-40, 40), st.integers(1, 5)), max_size=2, unique_by=lambda t: t[0])
        )
        if day not in left_out  # of one that is left out and told anew, each program thinks something else
    ]
    return "".join(f"BEGIN:VEVENT\nUID:1\n{part}END:VEVENT\n" for part in [master, *overrides])


@given(objects(), st.integers(0, 700), st.integers(1, 60))
@settings(max_examples=150, deadline=None)
def test_recurring_ical_events_finds_the_same(text: str, day: int, length: int) -> None:
    data = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{text}END:VCALENDAR\n"
    begin = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=day)
    end = begin + timedelta(days=length)
    found = recurring_ical_events.of(icalendar.Calendar.from_ical(data)).between(begin, end)
    expected = sorted((_instant(event["DTSTART"].dt), "RECURRENCE-ID" in event) for event in found)
    root = parse(data.encode())
    ours = Series(root.components, Zones(root)).occurrences(
        int(begin.timestamp()) * 1000, int(end.timestamp()) * 1000, UTC, Budget()
    )
    assert sorted(made.start.seconds(UTC) for made in ours if made.start) == [instant for instant, _ in expected]


def _instant(value: date) -> int:
    moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


@given(objects())
@settings(max_examples=100, deadline=None)
def test_bounds_hold_and_lean_reaches_are_those_of_the_occurrences(text: str) -> None:
    root = parse(f"BEGIN:VCALENDAR\n{text}END:VCALENDAR\n".encode())
    series = Series(root.components, Zones(root))
    window = (ms(2025, 1, 1), ms(2028, 1, 1))
    full = [made.reach for made in series.occurrences(*window, UTC, Budget())]
    assert [reach for reach, _ in series.reaches(*window, Budget())] == full
    bounds = series.bounds()
    assert all(bounds.since <= reach.since and reach.until <= bounds.until for reach in full)


BOMBS = [
    "DTSTART:19700101T000000Z\nRRULE:FREQ=SECONDLY",
    "DTSTART:19700101T000000Z\nRRULE:FREQ=SECONDLY;COUNT=1000000000",
    "DTSTART:19700101T000000Z\nRRULE:FREQ=SECONDLY;BYSECOND=7;COUNT=1000000000",
    "DTSTART:00010101T000000Z\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31",
    "DTSTART:19700101T000000Z\nDURATION:P999999999D\nRRULE:FREQ=SECONDLY",
    "DTSTART:19700101T000000Z\nRRULE:FREQ=DAILY\nEXDATE:" + ",".join(["19700101T000000Z"] * 20_000),
    "DTSTART:19700101T000000Z\n" + "RRULE:FREQ=MINUTELY\n" * 20,
]


@pytest.mark.parametrize("component", BOMBS, ids=range(len(BOMBS)))
def test_bombs_are_answered_within_the_budget(component: str) -> None:
    series = series_of(component)
    budget = Budget()
    try:
        found = list(islice(series.occurrences(ms(2026, 1, 1), ms(2026, 2, 1), UTC, budget), 2000))
    except BudgetSpent:
        assert budget.left < 0
    else:
        assert len(found) <= 2000
        assert budget.left >= 0
