"""Events with many guests: the organizer's write is over at once, the guests follow in pieces."""

import asyncio

import pytest

from mailserver.groupware.scheduling.pieces import Pieces
from mailserver.ical import itip_tree
from mailserver.ical.itip_parties import attendees, partstat
from mailserver.store import scheduling_answers, scheduling_deliveries, scheduling_settings, users
from mailserver.store.database import Rx, Tx
from mailserver.store.scheduling_settings import AutoReply, Settings
from tests.fakes import FakeClock
from tests.service.groupware.scheduling.house import House, _calendar
from tests.unit.ical.itip_samples import ANNA, BEN, CLEO, attending, calendar, event

CROWD = [f"guest{number:02}@example.org" for number in range(22)]
EVERYBODY = (attending(ANNA, "ACCEPTED"), attending(BEN), attending(CLEO), *map(attending, CROWD))
LARGE = calendar(event(*EVERYBODY))


@pytest.fixture
async def full(house: House) -> House:
    def add(tx: Tx) -> None:
        for each in CROWD:
            house.ids[each] = users.add(tx, each, "$argon2id$unused").id
            house.slugs[each] = _calendar(tx, house.ids[each]).slug

    await house.store.write(add)
    return house


async def waiting(house: House) -> int:
    return len(await house.store.read(scheduling_deliveries.list, 1000))


async def statuses(house: House) -> dict[str, str]:
    found = attendees(itip_tree.parse(await house.data(ANNA)))
    return {who: line.param("SCHEDULE-STATUS") for who, line in found.items() if who != ANNA}


async def test_the_organizers_write_waits_for_no_crowd_and_everybody_is_invited_after_it(full: House) -> None:
    await full.put(ANNA, LARGE)
    assert await full.copies(BEN) == []
    assert set((await statuses(full)).values()) == {"1.1"}
    assert await waiting(full) == len(CROWD) + 1
    assert [each.recipient for each in await full.mail()] == [CLEO]
    await full.deliver_all()
    for who in (BEN, *CROWD):
        assert await full.inbox(who) == ["REQUEST"]
        assert b"SUMMARY:Planning" in await full.data(who)
    assert await statuses(full) == dict.fromkeys((BEN, *CROWD), "1.2") | {CLEO: "1.1"}
    assert await waiting(full) == 0
    assert await full.store.read(_messages) == 0


async def test_what_the_organizer_changes_meanwhile_comes_after_it(full: House) -> None:
    tag = (await full.put(ANNA, LARGE)).member.schedule_tag
    await full.put(ANNA, calendar(event(*EVERYBODY[:2], summary="Small")))
    assert await full.copies(BEN) == []
    await full.deliver_all()
    assert b"SUMMARY:Small" in await full.data(BEN)
    assert b"STATUS:CANCELLED" in await full.data(CROWD[0])
    assert await full.inbox(BEN) == ["REQUEST", "REQUEST"]
    assert (await full.member(ANNA)).schedule_tag != tag


async def test_an_event_deleted_meanwhile_is_called_off(full: House) -> None:
    await full.put(ANNA, LARGE)
    await full.remove(ANNA)
    await full.deliver_all()
    assert b"STATUS:CANCELLED" in await full.data(CROWD[3])
    assert await full.copies(ANNA) == []


async def test_a_guest_who_went_meanwhile_is_named_and_keeps_nobody_else_waiting(full: House) -> None:
    await full.put(ANNA, LARGE)
    await full.store.write(lambda tx: tx.run("UPDATE users SET is_active = 0 WHERE id = ?", full.ids[CROWD[5]]))
    await full.deliver_all()
    found = await statuses(full)
    assert found[CROWD[5]] == "3.7"
    assert found[CROWD[6]] == "1.2"


async def test_an_answer_is_shown_to_all_in_the_end(full: House) -> None:
    await full.put(ANNA, LARGE)
    await full.deliver_all()
    for who, answer in ((BEN, "ACCEPTED"), (CROWD[7], "DECLINED")):
        data, member = (await full.data(who)).replace(b"\r\n ", b""), await full.member(who)
        old = attending(who).strip().encode()
        assert old in data
        await full.put(who, data.replace(old, old.replace(b"NEEDS-ACTION", answer.encode())), member.href)
    tag = (await full.member(CROWD[0])).schedule_tag
    assert await full.answer(ANNA, BEN) == "ACCEPTED"
    assert await full.answer(CROWD[0], BEN) == "NEEDS-ACTION"
    await full.deliver_all()
    for where in (CROWD[0], CROWD[-1], CROWD[7], BEN):
        assert await full.answer(where, BEN) == "ACCEPTED"
        assert await full.answer(where, CROWD[7]) == "DECLINED"
    assert (await full.member(CROWD[0])).schedule_tag == tag
    assert await full.store.read(scheduling_answers.find) is None


async def test_rooms_answer_in_a_crowd_too(full: House) -> None:
    settings = Settings(auto_reply=AutoReply.AUTOMATIC)
    await full.store.write(scheduling_settings.set, full.ids[CROWD[0]], settings)
    await full.store.write(scheduling_settings.set, full.ids[CROWD[20]], settings)
    await full.put(ANNA, LARGE)
    await full.deliver_all()
    for where in (ANNA, CROWD[0], CROWD[1], CROWD[20]):
        said = attendees(itip_tree.parse(await full.data(where)))
        assert {who for who, line in said.items() if partstat(line) == "ACCEPTED"} == {ANNA, CROWD[0], CROWD[20]}


async def test_others_write_between_two_pieces(full: House) -> None:
    await full.put(ANNA, LARGE)
    pieces = Pieces(full.store, FakeClock(), full.scheduling)
    task = asyncio.create_task(pieces.deliver_all())
    left = []
    while not task.done():
        left.append(await full.store.write(lambda tx: len(scheduling_deliveries.list(tx, 1000))))
    await task
    assert len(set(left)) > 2


async def test_what_a_stop_left_is_delivered_after_the_next_start(full: House) -> None:
    await full.put(ANNA, LARGE)
    pieces = Pieces(full.store, FakeClock(), full.scheduling)
    pieces.start()
    async with asyncio.timeout(30):
        while await waiting(full):
            await asyncio.sleep(0)
    await pieces.stop()
    assert await full.inbox(CROWD[-1]) == ["REQUEST"]


def _messages(rx: Rx) -> int:
    row = rx.one("SELECT count(*) FROM scheduling_messages")
    assert row is not None
    return int(row[0])
