"""Queries over the index find exactly what looking at every object would find. RFC 4791 §7.8, behaviours 6."""

import random
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest

from mailserver.errors import InvalidCalendarData, UnsupportedComponent
from mailserver.groupware.calendars import free_busy, index, rolling
from mailserver.groupware.calendars.queries import Queries
from mailserver.groupware.collections import Collections
from mailserver.groupware.members import MemberPath, Members
from mailserver.groupware.wanted import CollectionChanges
from mailserver.ical.filters import ComponentFilter, PropertyFilter, TextMatch, TimeRange, passes
from mailserver.ical.lines import parse
from mailserver.ical.reach import EVER, NEVER
from mailserver.store import occurrences
from mailserver.store.collections import Family
from mailserver.store.store import Store
from tests.fakes import FakeClock

CALENDARS = Family.CALENDARS
HOME = "work"
ZONES: list[tzinfo] = [UTC, ZoneInfo("Europe/Berlin"), ZoneInfo("Pacific/Kiritimati"), ZoneInfo("America/Los_Angeles")]


def calendar(text: str) -> bytes:
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{text}END:VCALENDAR\r\n".encode()


def event(uid: str, *lines: str, kind: str = "VEVENT") -> bytes:
    body = "".join(f"{line}\r\n" for line in lines)
    return calendar(f"BEGIN:{kind}\r\nUID:{uid}\r\n{body}END:{kind}\r\n")


def ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def at(kind: str, start: int, end: int) -> ComponentFilter:
    return ComponentFilter("VCALENDAR", components=(ComponentFilter(kind, time_range=TimeRange(start, end)),))


async def found(store: Store, user_id: int, wanted: ComponentFilter, zone: tzinfo | None = None) -> set[str]:
    queries = Queries(store)
    plan = await queries.plan(user_id, HOME, wanted, zone)
    return {member.uid async for piece in queries.passing(plan, with_data=False) for member, _ in piece}


def some_event(chance: random.Random, number: int, now: datetime) -> bytes:
    start = now + timedelta(days=chance.randint(-900, 900), hours=chance.randint(0, 23))
    kind = chance.choice(["VEVENT", "VEVENT", "VEVENT", "VTODO", "VJOURNAL"])
    form = chance.choice(["utc", "zone", "floating", "date"])
    head = {
        "utc": f"DTSTART:{start:%Y%m%dT%H%M%SZ}",
        "zone": f"DTSTART;TZID=Europe/Berlin:{start:%Y%m%dT%H%M%S}",
        "floating": f"DTSTART:{start:%Y%m%dT%H%M%S}",
        "date": f"DTSTART;VALUE=DATE:{start:%Y%m%d}",
    }[form]
    lines = [head]
    if chance.random() < 0.7:
        lines.append(
            f"DURATION:{chance.choice(['P1D', 'P3D', 'P40D', 'P100D'] if form == 'date' else ['PT1H', 'P2D', 'PT30H'])}"
        )
    if chance.random() < 0.4:
        lines.append(
            "RRULE:"
            + chance.choice(
                ["FREQ=DAILY;COUNT=5", "FREQ=WEEKLY", "FREQ=MONTHLY;BYDAY=-1SU", "FREQ=YEARLY", "FREQ=DAILY;INTERVAL=9"]
            )
        )
    if kind == "VTODO" and chance.random() < 0.3:
        lines = [f"COMPLETED:{start:%Y%m%dT%H%M%SZ}"] if chance.random() < 0.5 else []
    return event(str(number), *lines, kind=kind)


@pytest.mark.parametrize("seed", range(3))
async def test_the_index_finds_what_looking_at_all_finds(
    store: Store, members: Members, user_id: int, clock: FakeClock, seed: int
) -> None:
    chance = random.Random(seed)
    objects = {str(number): some_event(chance, number, clock.now()) for number in range(120)}
    for uid, data in objects.items():
        await members.put(user_id, CALENDARS, HOME, f"{uid}.ics", data)
    for _ in range(25):
        begin = clock.now() + timedelta(days=chance.randint(-1500, 1500), hours=chance.randint(0, 23))
        end = begin + timedelta(hours=chance.choice([1, 24, 24 * 31, 24 * 400]))
        zone, kind = chance.choice(ZONES), chance.choice(["VEVENT", "VTODO", "VJOURNAL"])
        wanted = at(kind, *chance.choice([(ms(begin), ms(end)), (ms(begin), EVER), (NEVER, ms(end))]))
        expected = {uid for uid, data in objects.items() if passes(parse(data), wanted, zone)}
        assert await found(store, user_id, wanted, zone) == expected


async def test_a_changed_moved_or_removed_object_is_where_it_is_now(
    store: Store, members: Members, user_id: int, clock: FakeClock
) -> None:
    day = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    today = at("VEVENT", ms(day), ms(day + timedelta(days=1)))
    await members.put(user_id, CALENDARS, HOME, "a.ics", event("a", f"DTSTART:{day:%Y%m%dT}120000Z"))
    assert await found(store, user_id, today) == {"a"}
    await members.put(user_id, CALENDARS, HOME, "a.ics", event("a", "DTSTART:20010101T120000Z"))
    assert await found(store, user_id, today) == set()
    await members.put(
        user_id, CALENDARS, HOME, "a.ics", event("a", f"DTSTART:{day:%Y%m%dT}130000Z", "RRULE:FREQ=DAILY")
    )
    assert await found(store, user_id, today) == {"a"}
    await members.move(
        user_id, MemberPath(CALENDARS, HOME, "a.ics"), MemberPath(CALENDARS, HOME, "b.ics"), overwrite=False
    )
    assert await found(store, user_id, today) == {"a"}
    await members.remove(user_id, CALENDARS, HOME, "b.ics")
    assert await found(store, user_id, today) == set()
    assert await store.read(lambda rx: rx.all("SELECT * FROM occurrences")) == []
    assert await store.read(lambda rx: rx.all("SELECT * FROM occurrence_gaps")) == []


async def test_what_another_program_writes_is_found_at_once_and_indexed_later(
    store: Store, members: Members, user_id: int, clock: FakeClock
) -> None:
    stored = await members.put(user_id, CALENDARS, HOME, "a.ics", event("a", "DTSTART:20010101T120000Z"))
    new = event("a", f"DTSTART:{clock.now():%Y%m%dT%H%M%SZ}").decode()
    await store.write(lambda tx: tx.run("UPDATE calendar_events SET icalendar_data = ?, etag = 'x'", new))
    now = at("VEVENT", ms(clock.now()) - 1000, ms(clock.now()) + 1000)
    assert await found(store, user_id, now) == {"a"}
    assert await store.read(occurrences.count, stored.member.id) == 0
    assert await store.write(rolling.roll) == 1
    assert await store.write(rolling.roll) == 0
    assert await store.read(occurrences.count, stored.member.id) == 1
    assert await found(store, user_id, now) == {"a"}


async def test_damaged_data_of_another_program_is_passed_over(
    store: Store, members: Members, user_id: int, clock: FakeClock
) -> None:
    await members.put(user_id, CALENDARS, HOME, "a.ics", event("a", "DTSTART:20260101T120000Z"))
    await store.write(lambda tx: tx.run("UPDATE calendar_events SET icalendar_data = 'nonsense', etag = 'x'"))
    assert await found(store, user_id, at("VEVENT", NEVER, EVER)) == set()
    assert await store.write(rolling.roll) == 1
    assert await store.write(rolling.roll) == 0


async def test_the_window_begins_small_and_rolls_on(
    store: Store, members: Members, user_id: int, clock: FakeClock
) -> None:
    data = event("a", f"DTSTART:{clock.now():%Y%m%dT%H%M%SZ}", "RRULE:FREQ=WEEKLY")
    stored = await members.put(user_id, CALENDARS, HOME, "a.ics", data)
    before = await store.read(occurrences.gap, stored.member.id)
    assert before is not None
    assert before.indexed_until == ms(clock.now()) + index.AT_FIRST.ahead_ms
    assert await store.write(rolling.roll) == 1
    wide = await store.read(occurrences.gap, stored.member.id)
    assert wide is not None
    assert wide.indexed_until == ms(clock.now()) + index.WIDE.ahead_ms
    assert await store.write(rolling.roll) == 0
    await clock.advance(400 * 86_400)
    assert await store.write(rolling.roll) == 1
    after = await store.read(occurrences.gap, stored.member.id)
    assert after is not None
    assert after.indexed_until == ms(clock.now()) + index.WIDE.ahead_ms


async def test_what_ends_is_looked_up_whole_where_that_is_little(
    store: Store, members: Members, user_id: int, clock: FakeClock
) -> None:
    begins, until = f"DTSTART:{clock.now():%Y%m%dT%H%M%SZ}", f"{clock.now() + timedelta(days=300):%Y%m%dT%H%M%SZ}"
    few = await members.put(user_id, CALENDARS, HOME, "a.ics", event("a", begins, f"RRULE:FREQ=WEEKLY;UNTIL={until}"))
    many = await members.put(user_id, CALENDARS, HOME, "b.ics", event("b", begins, f"RRULE:FREQ=DAILY;UNTIL={until}"))
    assert await store.read(occurrences.count, few.member.id) == 43
    assert await store.read(occurrences.gap, few.member.id) is None
    assert await store.read(occurrences.count, many.member.id) < 100
    later = at("VEVENT", ms(clock.now()) + 200 * occurrences.DAY_MS, ms(clock.now()) + 202 * occurrences.DAY_MS)
    assert await found(store, user_id, later) == {"b"}
    assert await store.write(rolling.roll) == 1
    assert await store.read(occurrences.count, many.member.id) == 301
    assert await store.read(occurrences.gap, many.member.id) is None


async def test_bombs_are_stored_and_queried(store: Store, members: Members, user_id: int, clock: FakeClock) -> None:
    rules = ["FREQ=SECONDLY", "FREQ=SECONDLY;COUNT=1000000000", "FREQ=SECONDLY;BYSECOND=5;COUNT=1000000000"]
    for number, rule in enumerate([*rules, "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31"]):
        data = event(str(number), "DTSTART:20200101T000000Z", f"RRULE:{rule}")
        stored = await members.put(user_id, CALENDARS, HOME, f"{number}.ics", data)
        assert await store.read(occurrences.count, stored.member.id) <= index.MAX_ROWS
    day = at("VEVENT", ms(clock.now()), ms(clock.now()) + 86_400_000)
    # of the third nobody can tell within the budget: a client that gets it sees for itself
    assert await found(store, user_id, day) == {"0", "1", "2"}


async def test_a_uid_is_looked_up_in_its_column_and_other_filters_in_the_object(
    store: Store, members: Members, user_id: int
) -> None:
    for uid, summary in [("one@x", "Käse"), ("TWO@x", "Brot")]:
        data = event(uid, "DTSTART:20260101T120000Z", f"SUMMARY:{summary}")
        await members.put(user_id, CALENDARS, HOME, f"{uid}.ics", data)

    def named(name: str, text: str) -> ComponentFilter:
        wanted = PropertyFilter(name, match=TextMatch(text))
        return ComponentFilter("VCALENDAR", components=(ComponentFilter("VEVENT", properties=(wanted,)),))

    assert await found(store, user_id, named("UID", "two@")) == {"TWO@x"}
    assert await found(store, user_id, named("SUMMARY", "käse")) == {"one@x"}
    assert await found(store, user_id, named("SUMMARY", "KÄSE")) == set()  # i;ascii-casemap
    assert await found(store, user_id, ComponentFilter("VCALENDAR")) == {"one@x", "TWO@x"}
    assert await found(store, user_id, ComponentFilter("VCALENDAR", components=(ComponentFilter("VTODO"),))) == set()


async def test_another_time_zone_moves_floating_times_and_days_in_queries_and_free_busy(
    store: Store, members: Members, user_id: int, clock: FakeClock
) -> None:
    """Nothing is stored of the zone, so that nothing is to be made anew. RFC 4791 §5.2.2, §9.9"""
    day = clock.now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=3)
    for uid, lines in {
        "floats": [f"DTSTART:{day:%Y%m%d}T120000", "DURATION:PT1H"],
        "day": [f"DTSTART;VALUE=DATE:{day:%Y%m%d}", "TRANSP:OPAQUE"],
        "daily": [f"DTSTART:{day - timedelta(days=900):%Y%m%d}T120000", "DURATION:PT1H", "RRULE:FREQ=DAILY"],
        "fixed": [f"DTSTART:{day:%Y%m%d}T120000Z", "DURATION:PT1H"],
    }.items():
        await members.put(user_id, CALENDARS, HOME, f"{uid}.ics", event(uid, *lines))
    noon = ms(day + timedelta(hours=12))
    window = at("VEVENT", noon, noon + 3_600_000)
    late = TimeRange(ms(day + timedelta(hours=23)), ms(day + timedelta(hours=24)))
    columns = "SELECT uid, start_time FROM calendar_events ORDER BY uid"
    before = await store.read(lambda rx: rx.all(columns))
    assert await found(store, user_id, window) == {"floats", "day", "daily", "fixed"}
    assert len(await free_busy.of_calendar(store, user_id, HOME, late)) == 1
    calendars = Collections(store)
    await calendars.change(user_id, CALENDARS, HOME, CollectionChanges(timezone_id="Asia/Tokyo"))  # nine hours before
    assert await found(store, user_id, window) == {"day", "fixed"}
    assert await found(store, user_id, at("VEVENT", noon - 9 * 3_600_000, noon - 8 * 3_600_000)) == {
        "floats", "day", "daily",
    }  # fmt: skip
    assert await free_busy.of_calendar(store, user_id, HOME, late) == []
    assert await store.read(lambda rx: rx.all(columns)) == before
    assert dict(before)["day"] == f"{day:%Y-%m-%d} 00:00:00"


async def test_columns_show_the_object(store: Store, members: Members, user_id: int) -> None:
    data = event(
        "a", "SUMMARY:Tee\\, 16 Uhr", "LOCATION:Garten", "DTSTART;TZID=Europe/Berlin:20260701T160000", "DURATION:PT1H",
        "RRULE:FREQ=WEEKLY",
    )  # fmt: skip
    await members.put(user_id, CALENDARS, HOME, "a.ics", data)
    await members.put(user_id, CALENDARS, HOME, "b.ics", event("b", "DTSTART;VALUE=DATE:00330403"))
    rows = await store.read(
        lambda rx: rx.all(
            "SELECT summary, location, start_time, end_time, all_day, recurrence_rule FROM calendar_events"
        )
    )
    assert rows == [
        ("Tee, 16 Uhr", "Garten", "2026-07-01 14:00:00", "2026-07-01 15:00:00", 0, "FREQ=WEEKLY"),
        (None, None, "0033-04-03 00:00:00", "0033-04-04 00:00:00", 1, None),
    ]
    assert (await members.get(user_id, CALENDARS, HOME, "a.ics"))[1] == data


async def test_what_is_refused_is_not_stored(store: Store, members: Members, user_id: int) -> None:
    with pytest.raises(InvalidCalendarData, match="RRULE"):
        await members.put(user_id, CALENDARS, HOME, "a.ics", event("a", "DTSTART:20260101", "RRULE:FREQ=X"))
    with pytest.raises(UnsupportedComponent):
        await members.put(user_id, CALENDARS, HOME, "a.ics", event("a", kind="VPOLL"))
    assert await store.read(lambda rx: rx.all("SELECT * FROM calendar_events")) == []
