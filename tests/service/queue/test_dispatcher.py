"""The dispatcher with the real store: when it sends, what it writes, and what a stop, a crash or a clock leaves."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from mailserver.config.tree import QueueConfig, RetrySchedule, StoreConfig
from mailserver.errors import InsufficientStorage, Unavailable
from mailserver.queue.dispatcher import LONGEST_SLEEP, Dispatcher
from mailserver.queue.grouping import consignments
from mailserver.remote.consignment import Consignment, Result, Verdict
from mailserver.store import delivery_log, queue, queue_claim, spool
from mailserver.store.attempts import Attempt
from mailserver.store.queue import Entry, Outgoing, Priority, QueueRecipient
from mailserver.store.queue_states import State
from mailserver.store.store import Store
from tests.queue_hands import OutboundQueue
from tests.schema import migrated
from tests.service.queue.dispatching import (
    BUSY,
    DELIVERED,
    HOUR,
    MINUTE,
    REFUSED,
    START_MS,
    CutCarrier,
    Heard,
    SteppingClock,
    all_of,
    attempts_of,
    even,
    post,
)
from tests.service.queue.test_queue import spooled

DAY = 24 * HOUR
DAY_MS = 86_400_000


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock()


@pytest.fixture
async def store(tmp_path: Path, clock: SteppingClock) -> AsyncIterator[Store]:
    async with await Store.open(migrated(tmp_path / "data"), clock, config=StoreConfig(min_free_bytes=0)) as store:
        yield store


async def put(
    store: Store, *recipients: str, message: bytes = b"Subject: out\r\n\r\nx\r\n", days: float = 5, **options: object
) -> list[int]:
    file = spool.prepare(store, await store.stage_bytes(message))
    now_ms = int(store.clock.now().timestamp() * 1000)
    outgoing = Outgoing("ann@example.test", file, expires_at=now_ms + int(days * DAY_MS))
    rows = [QueueRecipient(address) for address in recipients]
    return await store.write(queue.add, replace(outgoing, **options), rows)  # type: ignore[arg-type]


async def entry(store: Store, entry_id: int) -> Entry:
    return await store.read(queue.get, entry_id)


async def test_mail_goes_out_as_soon_as_it_is_there_and_its_file_with_it(store: Store, clock: SteppingClock) -> None:
    async with post(store, clock) as office:
        (early,) = await put(store, "early@far.example")
        await office.dispatcher.start()
        await office.quiet()
        (late,) = await put(store, "late@far.example")
        await office.quiet()
        assert office.carrier.times == [0.0, 0.0]
    for entry_id in (early, late):
        row = await entry(store, entry_id)
        assert (row.state, row.status, row.attempts, row.last_code) == (State.DELIVERED, "sent", 1, 250)
        (attempt,) = await OutboundQueue(store).attempts(entry_id)
        assert (attempt.host, attempt.address, attempt.text) == ("mx.far.example", "192.0.2.1", "2.0.0 taken")
    assert spooled(store) == []
    logged = [(each.outcome, each.smtp_code, each.error_message) for each in await store.read(delivery_log.list)]
    assert logged == [("delivered", 250, None)] * 2


async def test_it_is_tried_again_after_1_4_9_16_25_and_36_minutes(store: Store, clock: SteppingClock) -> None:
    async with post(store, clock, BUSY) as office:
        (entry_id,) = await put(store, "x@far.example")
        await office.dispatcher.start()
        await office.run(95 * MINUTE)
        minutes = [at / MINUTE for at in office.carrier.times]
    waits = [round(after - before, 1) for before, after in pairwise(minutes)]
    assert waits == [1, 4, 9, 16, 25, 36]
    row = await entry(store, entry_id)
    assert (row.state, row.attempts, row.last_error) == (State.PENDING, 7, "4.3.0 come back later")
    assert await store.read(attempts_of, entry_id) == 7


async def test_the_other_schedule_waits_5_15_and_30_minutes_then_hours(store: Store, clock: SteppingClock) -> None:
    async with post(store, clock, BUSY) as office:
        office.dispatcher.reconfigure(QueueConfig(schedule=RetrySchedule.STEPS))
        await put(store, "x@far.example")
        await office.dispatcher.start()
        await office.run(30 * HOUR)
        minutes = [at / MINUTE for at in office.carrier.times]
    waits = [round(after - before) for before, after in pairwise(minutes)]
    assert waits == [5, 15, 30, 60, 120, 240, 480]


async def test_after_4_hours_the_sender_is_told_and_after_5_days_it_is_given_up(
    store: Store, clock: SteppingClock
) -> None:
    async with post(store, clock, BUSY) as office:
        assert isinstance(office.notices, Heard)
        (entry_id,) = await put(store, "x@far.example")
        await office.dispatcher.start()
        await office.run(6 * DAY)
        assert office.notices.of("warn") == [(4 * HOUR, entry_id)]
        assert office.notices.of("expire") == [(5 * DAY, entry_id)]
        assert len(office.carrier.carried) == 28
    row = await entry(store, entry_id)
    assert (row.state, row.status, row.delay_told_at) == (State.EXPIRED, "failed", START_MS + 4 * 3_600_000)
    assert row.last_error == "Given up after 28 attempts: 4.3.0 come back later"
    assert spooled(store) == []
    assert (await store.read(delivery_log.list))[0].outcome == "bounced"


async def test_it_sleeps_once_until_the_next_row_is_due(store: Store, clock: SteppingClock) -> None:
    async with post(store, clock) as office:
        await put(store, "x@far.example", not_before=START_MS + 600_000)
        await office.dispatcher.start()
        await office.quiet()
        assert clock.sleeps == [600.0]
        await clock.advance(599)
        await office.quiet()
        assert clock.sleeps == [600.0]
        await office.run(1)
        assert office.carrier.times == [600.0]


async def test_with_nothing_to_do_it_looks_at_the_clock_four_times_an_hour(store: Store, clock: SteppingClock) -> None:
    async with post(store, clock) as office:
        await office.dispatcher.start()
        await office.run(HOUR - 1)
        assert clock.sleeps == [900.0] * 4


async def test_each_recipient_gets_what_was_said_of_it(store: Store, clock: SteppingClock) -> None:
    def answer(consignment: Consignment) -> list[Result]:
        said = {
            "good": (Verdict.DELIVERED, 250, "2.1.5 ok"),
            "relayed": (Verdict.RELAYED, 250, "2.1.5 ok"),
            "full": (Verdict.DEFERRED, 452, "4.2.2 mailbox full"),
            "unknown": (Verdict.FAILED, 550, "5.1.1 no such user"),
        }
        results = []
        for each in consignment.entries:
            verdict, code, text = said[each.recipient.partition("@")[0]]
            results.append(Result(each.id, verdict, Attempt(START_MS, 1, code=code, status=text[:5], text=text)))
        return results

    async with post(store, clock, answer) as office:
        rows = await put(store, *(f"{name}@far.example" for name in ("good", "full", "unknown", "relayed")))
        await office.dispatcher.start()
        await office.quiet()
        assert [len(addresses) for addresses in office.carrier.recipients] == [4], "one transaction"
        assert len(spooled(store)) == 1, "one row is not done"
        found = {each.recipient.partition("@")[0]: each for each in [await entry(store, each) for each in rows]}
        assert {name: each.state for name, each in found.items()} == {
            "good": State.DELIVERED,
            "relayed": State.RELAYED,
            "full": State.PENDING,
            "unknown": State.BOUNCED,
        }
        assert (found["full"].last_code, found["full"].last_status) == (452, "4.2.2")
        office.carrier.answer = DELIVERED
        await office.run(2 * MINUTE)
        assert office.carrier.recipients[1:] == [["full@far.example"]], "nobody else gets it again"
        assert spooled(store) == []


async def test_a_domain_that_is_down_holds_up_no_other_and_keeps_the_file(store: Store, clock: SteppingClock) -> None:
    def answer(consignment: Consignment) -> list[Result]:
        is_down = consignment.destination == "down.example" and clock.monotonic() < HOUR
        return [*(BUSY if is_down else DELIVERED)(consignment)]

    async with post(store, clock, answer) as office:
        up, down = await put(store, "x@up.example", "y@down.example")
        await office.dispatcher.start()
        await office.quiet()
        assert (await entry(store, up)).state is State.DELIVERED
        assert len(spooled(store)) == 1
        await office.run(HOUR + 36 * MINUTE)
        assert (await entry(store, down)).state is State.DELIVERED
        assert spooled(store) == []


async def test_a_closed_gate_costs_no_attempt_and_says_why(store: Store, clock: SteppingClock) -> None:
    opens = START_MS + 300_000
    async with post(store, clock, all_of(Verdict.NOT_TRIED, None, "mx failed repeatedly: timeout", opens)) as office:
        first, second = await put(store, "a@far.example"), await put(store, "b@far.example", message=b"other\r\n")
        office.dispatcher.reconfigure(QueueConfig(max_connections_per_destination=1))
        await office.dispatcher.start()
        await office.quiet()
        assert len(office.carrier.carried) == 1, "the other need not go and see"
        row = await entry(store, first[0])
        assert (row.state, row.attempts, row.last_error) == (State.PENDING, 0, "mx failed repeatedly: timeout")
        assert row.next_attempt == "2026-03-01 12:05:00"
        assert await store.read(attempts_of, first[0]) == 0
        office.carrier.answer = DELIVERED
        await office.run(300)
        assert office.carrier.times == [0.0, 300.0, 300.0]
    assert {(await entry(store, each)).state for each in (*first, *second)} == {State.DELIVERED}


async def test_a_host_that_is_left_alone_for_days_does_not_keep_mail_for_ever(
    store: Store, clock: SteppingClock
) -> None:
    def answer(consignment: Consignment) -> list[Result]:
        opens = int(clock.now().timestamp() * 1000) + 300_000
        return [*all_of(Verdict.NOT_TRIED, None, "mx failed repeatedly", opens)(consignment)]

    async with post(store, clock, answer) as office:
        (entry_id,) = await put(store, "x@far.example", days=0.5)
        office.dispatcher.reconfigure(QueueConfig(expire_days=0.5))
        await office.dispatcher.start()
        await office.run(DAY)
    row = await entry(store, entry_id)
    assert row.state is State.EXPIRED
    assert row.last_error is not None
    assert row.last_error.endswith("mx failed repeatedly")


async def test_no_more_than_allowed_go_at_once_in_all_and_to_one_destination(
    store: Store, clock: SteppingClock
) -> None:
    async with post(store, clock) as office:
        office.dispatcher.reconfigure(QueueConfig(max_connections=5, max_connections_per_destination=2))
        office.carrier.gate.clear()
        for number in range(6):
            await put(store, f"{number}@near.example", message=b"near %d\r\n" % number)
        for number in range(6):
            await put(store, f"x@far{number}.example", message=b"far %d\r\n" % number)
        await office.dispatcher.start()
        async with asyncio.timeout(10):
            while office.carrier.under_way < 5:
                clock.slept.clear()
                await clock.slept.wait()
        destinations = [consignment.destination for _, consignment in office.carrier.carried]
        assert destinations.count("near.example") == 2
        office.carrier.gate.set()
        await office.quiet()
        assert len(office.carrier.carried) == 12
        assert office.carrier.most == 5


async def test_interactive_mail_overtakes_bulk(store: Store, clock: SteppingClock) -> None:
    async with post(store, clock) as office:
        office.dispatcher.reconfigure(QueueConfig(max_connections=1))
        for number in range(3):
            await put(store, f"bulk{number}@far.example", message=b"bulk %d\r\n" % number, priority=Priority.BULK)
        await put(store, "person@far.example")
        await office.dispatcher.start()
        await office.quiet()
        assert [addresses[0].partition("@")[0] for addresses in office.carrier.recipients] == [
            "person", "bulk0", "bulk1", "bulk2",
        ]  # fmt: skip


async def test_a_held_row_waits_and_is_not_given_up(store: Store, clock: SteppingClock) -> None:
    async with post(store, clock) as office:
        (entry_id,) = await put(store, "x@far.example")
        orders = OutboundQueue(store)
        await orders.hold([entry_id], "looked at")
        await office.dispatcher.start()
        await office.run(6 * DAY)
        row = await entry(store, entry_id)
        assert (row.state, row.hold_reason, row.attempts) == (State.HELD, "looked at", 0)
        await orders.release([entry_id])
        await office.quiet()
        assert (await entry(store, entry_id)).state is State.DELIVERED


async def test_orders_wake_it(store: Store, clock: SteppingClock) -> None:
    async with post(store, clock, BUSY) as office:
        (entry_id,) = await put(store, "x@far.example")
        await office.dispatcher.start()
        await office.quiet()
        office.carrier.answer = DELIVERED
        await OutboundQueue(store).retry([entry_id])
        await office.quiet()
        assert office.carrier.times == [0.0, 0.0]
    assert (await entry(store, entry_id)).state is State.DELIVERED


async def test_switched_off_it_sends_nothing_until_it_is_switched_on(store: Store, clock: SteppingClock) -> None:
    async with post(store, clock) as office:
        office.dispatcher.reconfigure(QueueConfig(deliver=False))
        await put(store, "x@far.example")
        await office.dispatcher.start()
        await office.run(HOUR)
        assert office.carrier.carried == []
        office.dispatcher.reconfigure(QueueConfig())
        await office.quiet()
        assert office.carrier.times == [HOUR]


@pytest.mark.parametrize(
    ("fault", "times"), [(InsufficientStorage(), 30), (Unavailable(), 30), (RuntimeError("a bug"), 2)]
)
async def test_a_result_that_can_not_be_written_is_kept_and_the_mail_not_sent_again(
    store: Store, clock: SteppingClock, fault: Exception, times: int
) -> None:
    async with post(store, clock) as office:
        assert isinstance(office.notices, Heard)
        (entry_id,) = await put(store, "x@far.example")
        office.notices.faults = [fault] * times  # thirty take half an hour: longer than a lease
        await office.dispatcher.start()
        while office.notices.faults or not office.dispatcher.is_idle:
            clock.slept.clear()
            if (step := clock.next_deadline()) is not None:
                await clock.advance(step)
            if office.notices.faults and clock.next_deadline() is None:
                await clock.slept.wait()
            await asyncio.sleep(0)
        assert len(office.carrier.carried) == 1
    row = await entry(store, entry_id)
    assert (row.state, row.attempts, row.in_doubt) == (State.DELIVERED, 1, 0)


async def test_leases_are_renewed_while_a_delivery_takes_long(store: Store, clock: SteppingClock) -> None:
    async with post(store, clock) as office:
        (entry_id,) = await put(store, "x@far.example")
        office.carrier.gate.clear()
        await office.dispatcher.start()
        for _ in range(6):  # twenty minutes, two leases
            while clock.next_deadline() is None or office.dispatcher.under_way == 0:
                clock.slept.clear()
                await clock.slept.wait()
            locked_until = (await entry(store, entry_id)).locked_until
            clock.slept.clear()
            await clock.advance(clock.next_deadline() or 0.0)
            await clock.slept.wait()
        assert locked_until is not None
        assert locked_until > int(clock.now().timestamp() * 1000)
        assert await OutboundQueue(store, "somebody else").claim(10) == []


async def test_what_a_crash_left_is_sent_again_and_said_to_be_in_doubt(store: Store, clock: SteppingClock) -> None:
    (entry_id,) = await put(store, "x@far.example")
    await OutboundQueue(store, "of the process that died").claim(10)
    async with post(store, clock) as office:
        await office.dispatcher.start()
        await office.quiet()
    row = await entry(store, entry_id)
    assert (row.state, row.in_doubt, row.attempts) == (State.DELIVERED, 1, 2)
    texts = [attempt.text for attempt in await OutboundQueue(store).attempts(entry_id)]
    assert texts == [queue_claim.IN_DOUBT, "2.0.0 taken"]


async def test_what_ends_the_server_each_time_waits_longer_from_the_third_time_on(
    store: Store, clock: SteppingClock
) -> None:
    (entry_id,) = await put(store, "x@far.example")
    for number in range(4):
        assert len(await OutboundQueue(store, f"dead {number}").claim(10)) == 1
        await store.write(queue_claim.lose, f"dead {number + 1}", alone=True)
    row = await entry(store, entry_id)
    assert (row.in_doubt, row.next_attempt) == (4, "2026-03-01 12:09:00")


async def test_at_a_stop_what_ends_in_time_is_written_and_the_rest_given_back(
    store: Store, clock: SteppingClock
) -> None:
    async with post(store, clock) as office:
        (entry_id,) = await put(store, "x@far.example")
        office.carrier.gate.clear()
        await office.dispatcher.start()
        while not office.carrier.under_way:
            clock.slept.clear()
            await clock.slept.wait()
        await office.dispatcher.stop(0)
        row = await entry(store, entry_id)
        assert (row.state, row.in_doubt, row.locked_by) == (State.PENDING, 1, None)
        office.carrier.gate.set()
        office.dispatcher = office.build("the next")
        await office.dispatcher.start()
        await office.quiet()
    assert (await entry(store, entry_id)).state is State.DELIVERED


async def test_a_stop_writes_the_result_that_could_not_be_written_before(store: Store, clock: SteppingClock) -> None:
    async with post(store, clock) as office:
        assert isinstance(office.notices, Heard)
        (entry_id,) = await put(store, "x@far.example")
        office.notices.faults = [InsufficientStorage()]
        await office.dispatcher.start()
        while office.notices.faults:
            clock.slept.clear()
            await clock.slept.wait()
        await office.dispatcher.stop(0)
    row = await entry(store, entry_id)
    assert (row.state, row.in_doubt) == (State.DELIVERED, 0)


async def test_what_is_known_at_a_stop_is_written_and_only_the_rest_is_in_doubt(
    store: Store, clock: SteppingClock
) -> None:
    carrier = CutCarrier()
    dispatcher = Dispatcher(store, clock, carrier, Heard(store, clock), QueueConfig(), even, "worker")
    rows = await put(store, "x@far.example", "y@far.example")
    await dispatcher.start()
    await carrier.begun.wait()
    await dispatcher.stop(0)
    assert [((await entry(store, each)).state, (await entry(store, each)).in_doubt) for each in rows] == [
        (State.DELIVERED, 0),
        (State.PENDING, 1),
    ]


async def test_a_claim_that_nobody_heard_of_is_no_doubt_at_a_stop(store: Store, clock: SteppingClock) -> None:
    """The stop came between the commit and its answer."""
    async with post(store, clock) as office:
        await office.dispatcher.start()
        await office.quiet()
        (entry_id,) = await put(store, "x@far.example", not_before=START_MS)
        assert len(await OutboundQueue(store, "worker").claim(10)) == 1
        await office.dispatcher.stop(0)
    row = await entry(store, entry_id)
    assert (row.state, row.in_doubt, row.attempts) == (State.PENDING, 0, 0)


async def test_a_claim_whose_commit_failed_nobody_knows_how_far_is_taken_back(
    store: Store, clock: SteppingClock
) -> None:
    """Its rows would wait for the next start, leased and carried by nobody."""
    resting = all_of(Verdict.NOT_TRIED, None, "resting", START_MS + int(3 * HOUR * 1000))
    async with post(store, clock, resting) as office:
        assert isinstance(office.notices, Heard)
        await put(store, "y@other.example")
        await office.dispatcher.start()
        await office.quiet()
        office.dispatcher.reconfigure(QueueConfig(deliver=False))
        await office.quiet()
        (entry_id,) = await put(store, "x@far.example")
        assert len(await OutboundQueue(store, "worker").claim(10)) == 1
        office.carrier.answer = DELIVERED
        office.notices.faults = [Unavailable()]  # when the sender of the other row is to be told
        office.dispatcher.reconfigure(QueueConfig(warn_hours=1))
        clock.jump(2 * HOUR)
        clock.slept.clear()
        await clock.advance(LONGEST_SLEEP)
        await clock.slept.wait()  # the turn failed
        assert office.notices.faults == []
        await clock.advance(MINUTE)
        await office.quiet()
    row = await entry(store, entry_id)
    assert (row.state, row.in_doubt, row.attempts) == (State.DELIVERED, 0, 1)


async def test_a_clock_that_goes_back_does_not_hold_up_what_was_never_tried(store: Store, clock: SteppingClock) -> None:
    async with post(store, clock) as office:
        office.config = QueueConfig(deliver=False)
        office.dispatcher = office.build("worker")
        await office.dispatcher.start()
        (entry_id,) = await put(store, "x@far.example")
        await office.quiet()
        clock.jump(-365 * DAY)
        office.dispatcher.reconfigure(QueueConfig())
        await office.run(2 * MINUTE)
        assert (await entry(store, entry_id)).state is State.DELIVERED


async def test_a_clock_that_goes_back_postpones_nothing_by_more_than_its_interval(
    store: Store, clock: SteppingClock
) -> None:
    async with post(store, clock, BUSY) as office:
        await put(store, "x@far.example")
        await office.dispatcher.start()
        await office.run(2 * MINUTE)  # two attempts: the next in four minutes
        clock.jump(-365 * DAY)
        await office.run(20 * MINUTE)
        waits = [after - before for before, after in pairwise(office.carrier.times)]
        assert waits[0] == MINUTE
        assert waits[1] <= 2 * 4.4 * MINUTE
        assert waits[2] == 9 * MINUTE


async def test_a_clock_that_went_back_before_the_start_is_noticed(store: Store, clock: SteppingClock) -> None:
    async with post(store, clock, BUSY) as office:
        (entry_id,) = await put(store, "x@far.example")
        await office.dispatcher.start()
        await office.quiet()
        await office.dispatcher.stop(0)
        clock.jump(-DAY)
        office.dispatcher = office.build("the next")
        await office.dispatcher.start()
        assert (await entry(store, entry_id)).next_attempt <= "2026-02-28 12:01:06"
        await office.run(2 * MINUTE)
        assert len(office.carrier.carried) == 2


async def test_a_clock_that_goes_forward_gives_up_nothing_in_one_go(store: Store, clock: SteppingClock) -> None:
    async with post(store, clock, BUSY) as office:
        rows = await put(store, *(f"x@far{number}.example" for number in range(20)))
        await office.dispatcher.start()
        await office.run(2 * HOUR)
        clock.jump(30 * DAY)
        await office.run(HOUR)
        states = {(await entry(store, each)).state for each in rows}
        assert states == {State.PENDING}
        await office.run(DAY)
        assert {(await entry(store, each)).state for each in rows} == {State.EXPIRED}


async def test_a_carrier_with_a_bug_puts_the_mail_off_and_ends_nothing(store: Store, clock: SteppingClock) -> None:
    def answer(consignment: Consignment) -> list[Result]:
        raise RuntimeError("a bug")

    async with post(store, clock, answer) as office:
        (entry_id,) = await put(store, "x@far.example")
        await office.dispatcher.start()
        await office.quiet()
        row = await entry(store, entry_id)
        assert (row.state, row.attempts) == (State.PENDING, 1)
        office.carrier.answer = DELIVERED
        await office.run(2 * MINUTE)
    assert (await entry(store, entry_id)).state is State.DELIVERED


async def test_a_carrier_that_forgets_a_row_has_not_tried_it(store: Store, clock: SteppingClock) -> None:
    async with post(store, clock, lambda _: []) as office:
        (entry_id,) = await put(store, "x@far.example")
        await office.dispatcher.start()
        await office.quiet()
        row = await entry(store, entry_id)
        assert (row.state, row.attempts, row.next_attempt) == (State.PENDING, 0, "2026-03-01 12:01:00")


async def test_different_options_or_destinations_never_share_a_transaction(store: Store) -> None:
    await put(store, "a@far.example", "b@far.example", "c@near.example", "d@FAR.example")
    await put(store, "e@far.example", require_tls=True)
    entries = await OutboundQueue(store, "w").claim(10)
    groups = [sorted(each.recipient[0] for each in group.entries) for group in consignments(entries)]
    assert sorted(groups) == [["a", "b", "d"], ["c"], ["e"]]


async def test_a_message_to_many_goes_in_transactions_every_server_takes(store: Store) -> None:
    await put(store, *(f"{number}@far.example" for number in range(250)))
    entries = await OutboundQueue(store, "w").claim(1000)
    assert [len(group.entries) for group in consignments(entries)] == [100, 100, 50]


async def test_refused_mail_ends_as_bounced(store: Store, clock: SteppingClock) -> None:
    async with post(store, clock, REFUSED) as office:
        (entry_id,) = await put(store, "x@far.example")
        await office.dispatcher.start()
        await office.run(DAY)
        assert len(office.carrier.carried) == 1
        assert isinstance(office.notices, Heard)
        assert office.notices.of("bounce") == [(0.0, entry_id)]
    row = await entry(store, entry_id)
    assert (row.state, row.last_code, row.last_error) == (State.BOUNCED, 550, "5.1.1 no such user")
