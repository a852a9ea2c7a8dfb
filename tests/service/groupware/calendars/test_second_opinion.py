"""calendar-query over the store against the letter of the RFCs: now, after a year, in every zone. RFC 4791 §7.8."""

import random
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.groupware.calendars import rolling
from mailserver.groupware.calendars.queries import Queries
from mailserver.groupware.members import Members
from mailserver.ical.filters import ComponentFilter, TimeRange, passes
from mailserver.ical.lines import parse
from mailserver.ical.reach import EVER, NEVER
from mailserver.store.collections import Family
from mailserver.store.store import Store
from tests.fakes import FakeClock
from tests.unit.ical import made
from tests.unit.ical.made import Made

READERS: list[tzinfo] = [UTC, *map(ZoneInfo, ("Europe/Berlin", "Pacific/Kiritimati", "America/Los_Angeles"))]
NOW = datetime(2026, 1, 1, tzinfo=UTC)

Window = tuple[datetime | None, datetime | None]


def some_window(chance: random.Random, now: datetime) -> Window:
    days = chance.choice([chance.randint(-60, 60), chance.randint(-1600, 1600)])
    start = (now + timedelta(days=days)).replace(minute=0, second=0, microsecond=0, hour=chance.randint(0, 23))
    if chance.random() < 0.2:
        start = start.replace(year=2026, month=chance.choice([3, 10]), day=chance.choice([28, 29, 24, 25]))
    end = start + timedelta(hours=chance.choice([1, 24, 24 * 31, 24 * 400]))
    return chance.choice([(start, end), (start, end), (start, end), (start, None), (None, end)])


def asked(kind: str, window: Window) -> ComponentFilter:
    start, end = window
    span = TimeRange(
        NEVER if start is None else int(start.timestamp()) * 1000, EVER if end is None else int(end.timestamp()) * 1000
    )
    return ComponentFilter("VCALENDAR", components=(ComponentFilter(kind, time_range=span),))


@given(st.randoms(use_true_random=True))
@settings(max_examples=300, deadline=None)
def test_one_object_is_where_the_rfcs_say(chance: random.Random) -> None:
    parts = made.some_object(chance, NOW)
    window, zone = some_window(chance, NOW), chance.choice(READERS)
    data = made.octets("1", parts)
    assert passes(parse(data), asked(parts[0].kind, window), zone) is made.is_in(parts, *window, zone), (
        data.decode(), window, zone,
    )  # fmt: skip


async def found(store: Store, user_id: int, wanted: ComponentFilter, zone: tzinfo) -> set[str]:
    queries = Queries(store)
    plan = await queries.plan(user_id, "work", wanted, zone)
    return {member.uid async for piece in queries.passing(plan, with_data=False) for member, _ in piece}


async def check(
    store: Store, user_id: int, objects: dict[str, list[Made]], chance: random.Random, now: datetime
) -> None:
    for _ in range(30):
        window, zone = some_window(chance, now), chance.choice(READERS)
        for kind in ("VEVENT", "VTODO", "VJOURNAL"):
            expected = {
                uid for uid, parts in objects.items() if parts[0].kind == kind and made.is_in(parts, *window, zone)
            }
            got = await found(store, user_id, asked(kind, window), zone)
            assert got == expected, (window, zone, [made.octets(uid, objects[uid]) for uid in got ^ expected])


@pytest.mark.parametrize("seed", range(4))
async def test_a_calendar_answers_as_the_rfcs_say_also_after_a_year(
    store: Store, members: Members, user_id: int, clock: FakeClock, seed: int
) -> None:
    chance = random.Random(seed)
    objects = {str(number): made.some_object(chance, clock.now()) for number in range(100)}
    for uid, parts in objects.items():
        await members.put(user_id, Family.CALENDARS, "work", f"{uid}.ics", made.octets(uid, parts))
    await check(store, user_id, objects, chance, clock.now())
    await clock.advance(380 * 86_400)
    await check(store, user_id, objects, chance, clock.now())
    while await store.write(rolling.roll):
        pass
    await check(store, user_id, objects, chance, clock.now())
