"""Orders of people about rows, what they see of the queue, and what a claim leaves for later."""

import pytest

from mailserver.errors import NoSuchQueueEntry, WrongState
from mailserver.store import (
    delivery_log,
    domains,
    queue,
    queue_claim,
    queue_orders,
    queue_record,
    queue_watch,
    spool,
    users,
)
from mailserver.store.attempts import MAX_TEXT, Attempt
from mailserver.store.queue import FINISHED_BATCH, Entry, Outgoing, Priority, QueueRecipient, Status
from mailserver.store.queue_record import Settled
from mailserver.store.queue_states import Event, State
from mailserver.store.store import Store
from tests.fakes import START, FakeClock
from tests.queue_hands import OutboundQueue
from tests.service.queue.test_queue import ids, put, spooled

NOON = int(START.timestamp() * 1000)
HOUR_MS = 3_600_000


@pytest.fixture
def outbound(store: Store) -> OutboundQueue:
    return OutboundQueue(store, "worker-1")


async def state(outbound: OutboundQueue, entry_id: int) -> State:
    return (await outbound.show(entry_id)).state


async def test_a_held_row_is_not_claimed_until_it_is_released(store: Store, outbound: OutboundQueue) -> None:
    (entry_id,) = await put(store, "x@far.example")
    await outbound.hold([entry_id], "spam?")
    entry = await outbound.show(entry_id)
    assert (entry.state, entry.status, entry.held_at, entry.hold_reason) == (State.HELD, "pending", NOON, "spam?")
    assert await outbound.claim(10) == []
    await outbound.release([entry_id])
    entry = await outbound.show(entry_id)
    assert (entry.state, entry.held_at, entry.hold_reason) == (State.PENDING, None, None)
    assert ids(await outbound.claim(10)) == [entry_id]


async def test_what_is_taken_back_stays_in_the_history_and_is_in_the_log(store: Store, outbound: OutboundQueue) -> None:
    first, second = await put(store, "x@far.example", "y@far.example")
    (ended,) = await outbound.cancel([first], "taken back by ann@example.test")
    assert (ended.state, ended.status, ended.ended_at) == (State.CANCELLED, "failed", NOON)
    assert ended.last_error == "taken back by ann@example.test"
    assert len(spooled(store)) == 1
    await outbound.cancel([second], "too")
    assert spooled(store) == []
    assert [each.outcome for each in await store.read(delivery_log.list)] == ["bounced", "bounced"]
    assert await outbound.claim(10) == []


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ("hold", "is being sent at this moment: can not hold"),
        ("release", "is being sent at this moment: can not release"),
        ("retry", "is being sent at this moment: can not retry"),
        ("cancel", "is being sent at this moment: can not cancel"),
        ("reschedule", "is being sent at this moment: can not reschedule"),
    ],
)
async def test_what_is_being_sent_can_not_be_ordered_about(
    store: Store, outbound: OutboundQueue, order: str, words: str
) -> None:
    waiting, sending = await put(store, "x@near.example"), await put(store, "y@far.example", message=b"2\r\n")
    await store.write(queue_orders.hold, waiting, "")
    await outbound.claim(10)
    extra = {"cancel": ("why",), "reschedule": (None,)}.get(order, ())
    with pytest.raises(WrongState, match=words):
        await getattr(outbound, order)([*sending], *extra)
    assert [await state(outbound, each) for each in (*waiting, *sending)] == [State.HELD, State.SENDING]


async def test_all_rows_are_changed_or_none(store: Store, outbound: OutboundQueue) -> None:
    first, second = await put(store, "x@near.example", "y@far.example")
    await outbound.cancel([second], "gone")
    with pytest.raises(WrongState, match=f"Queue entry {second} is cancelled already: can not hold"):
        await outbound.hold([first, second])
    with pytest.raises(NoSuchQueueEntry):
        await outbound.cancel([first, 999], "why")
    with pytest.raises(NoSuchQueueEntry):
        await outbound.delete(first, 999)
    assert await state(outbound, first) is State.PENDING


async def test_retry_is_now_whatever_was_planned(store: Store, outbound: OutboundQueue, clock: FakeClock) -> None:
    (entry_id,) = await put(store, "x@far.example")
    await outbound.reschedule([entry_id], NOON + HOUR_MS)
    assert await outbound.claim(10) == []
    await outbound.retry([entry_id])
    entry = await outbound.show(entry_id)
    assert (entry.not_before, entry.next_attempt) == (None, "2026-03-01 12:00:00")
    assert ids(await outbound.claim(10)) == [entry_id]


async def test_a_scheduled_row_goes_at_its_time_and_has_its_days_from_then(
    store: Store, outbound: OutboundQueue, clock: FakeClock
) -> None:
    file = spool.prepare(store, await store.stage_bytes(b"later\r\n"))
    outgoing = Outgoing("ann@example.test", file, NOON + 3 * HOUR_MS, not_before=NOON + HOUR_MS)
    (entry_id,) = await store.write(queue.add, outgoing, [QueueRecipient("x@far.example")])
    assert (await outbound.show(entry_id)).next_attempt == "2026-03-01 13:00:00"
    await outbound.reschedule([entry_id], NOON + 2 * HOUR_MS)
    entry = await outbound.show(entry_id)
    assert (entry.not_before, entry.expires_at) == (NOON + 2 * HOUR_MS, NOON + 4 * HOUR_MS)
    await clock.advance(7199)
    assert await outbound.claim(10) == []
    await clock.advance(1)
    assert ids(await outbound.claim(10)) == [entry_id]


async def test_flush_makes_what_was_put_off_due_and_leaves_held_and_scheduled_rows(
    store: Store, outbound: OutboundQueue
) -> None:
    rows = await put(store, "a@one.example", "b@two.example", "c@held.example", "d@later.example")
    put_off = [Settled(each, Event.DEFER, next_attempt=NOON + HOUR_MS) for each in rows]
    await outbound.claim(10)
    await store.write(queue_record.record, "worker-1", put_off)
    await outbound.hold([rows[2]])
    await outbound.reschedule([rows[3]], NOON + HOUR_MS)
    assert await outbound.flush("two.example") == 1
    assert ids(await outbound.claim(10)) == [rows[1]]
    assert await outbound.flush() == 1
    assert ids(await outbound.claim(10)) == [rows[0]]


async def test_a_claim_leaves_full_destinations_and_comes_to_what_they_hid(
    store: Store, outbound: OutboundQueue
) -> None:
    for number in range(30):
        await put(store, f"{number}@full.example", message=b"%d\r\n" % number)
    (other,) = await put(store, "x@other.example", message=b"other\r\n")

    async def claim(busy: dict[str, int]) -> list[Entry]:
        return await store.write(queue_claim.claim, "worker-1", 3, 60_000, busy, 2)

    assert [entry.destination for entry in await claim({})] == ["full.example"] * 2
    assert ids(await claim({"full.example": 2})) == [other]
    assert await claim({"full.example": 2}) == []
    assert [entry.destination for entry in await claim({"full.example": 1})] == ["full.example"]


async def test_rows_of_one_transaction_come_together_whatever_the_limit(store: Store, outbound: OutboundQueue) -> None:
    names = [f"{number}@{'far' if number % 3 else 'near'}.example" for number in range(90)]
    await put(store, *names)
    assert [entry.recipient for entry in await outbound.claim(1)] == [name for name in names if "near" in name]
    assert [entry.recipient for entry in await outbound.claim(1)] == [name for name in names if "far" in name]


async def test_interactive_rows_come_first_then_the_longest_due(store: Store, outbound: OutboundQueue) -> None:
    order = [(Priority.BULK, "11:00:00"), (Priority.INTERACTIVE, "11:59:00"), (Priority.INTERACTIVE, "11:30:00")]
    rows = await put(store, *(f"x@far{number}.example" for number in range(3)))
    for row, (priority, due) in zip(rows, order, strict=True):
        await store.write(
            lambda tx, *values: tx.run(
                "UPDATE outbound_queue SET priority = ?, next_attempt = ? WHERE id = ?", *values
            ),
            priority,
            f"2026-03-01 {due}",
            row,
        )
    assert ids(await outbound.claim(10)) == [rows[2], rows[1], rows[0]]


async def test_the_destination_is_the_domain_in_one_spelling(store: Store, outbound: OutboundQueue) -> None:
    expected = [
        ("x@FAR.Example", "far.example"),
        ("x@bücher.example", "xn--bcher-kva.example"),
        ('"a@b"@far.example', "far.example"),
        ("x@[192.0.2.1]", "[192.0.2.1]"),
        ("x@[IPv6:2001:DB8::1]", "[ipv6:2001:db8::1]"),
        ("odd", "odd"),
    ]
    for number, (address, _) in enumerate(expected):
        await put(store, address, message=b"%d\r\n" % number)
    assert [(entry.recipient, entry.destination) for entry in await outbound.list()] == expected


async def test_attempts_are_kept_with_what_was_said_and_go_with_the_row(store: Store, outbound: OutboundQueue) -> None:
    (entry_id,) = await put(store, "x@far.example")
    attempt = Attempt(NOON, 42, "mx.far.example", "192.0.2.1", "TLSv1.3", 451, "4.3.0", "x" * (MAX_TEXT + 1))
    for _ in range(2):
        await outbound.claim(1)
        await store.write(queue_record.record, "worker-1", [Settled(entry_id, Event.DEFER, attempt, NOON)])
    first, second = await outbound.attempts(entry_id)
    assert first == second == Attempt(NOON, 42, "mx.far.example", "192.0.2.1", "TLSv1.3", 451, "4.3.0", "x" * MAX_TEXT)
    await outbound.delete(entry_id)
    await store.write(queue_record.record, "worker-1", [Settled(entry_id, Event.DELIVER, attempt)])
    assert await store.read(lambda rx: rx.all("SELECT * FROM delivery_attempts")) == []


async def test_an_attempt_of_a_row_that_was_taken_away_meanwhile_is_kept(store: Store, outbound: OutboundQueue) -> None:
    (entry_id,) = await put(store, "x@far.example")
    await outbound.claim(1)
    await store.write(queue_claim.lose, "worker-2", alone=True)
    delivered = Settled(entry_id, Event.DELIVER, Attempt(NOON, 1, code=250, text="taken after all"))
    assert await store.write(queue_record.record, "worker-1", [delivered]) == []
    assert [attempt.text for attempt in await outbound.attempts(entry_id)] == [queue_claim.IN_DOUBT, "taken after all"]
    assert await state(outbound, entry_id) is State.PENDING


async def test_figures_by_state_and_destination(store: Store, outbound: OutboundQueue, clock: FakeClock) -> None:
    await outbound.claim(1)
    a, b, c, d, e = await put(store, *(f"{name}@far.example" for name in "abcd"), "e@near.example")
    await clock.advance(60)
    await put(store, "f@third.example", message=b"longer than the other, and later\r\n")
    claimed = [*await outbound.claim(1), *await outbound.claim(1)]
    assert ids(claimed) == [a, b, c, d, e]
    busy = Attempt(NOON, 1, code=451, text="busy")
    await store.write(
        queue_record.record,
        "worker-1",
        [
            Settled(a, Event.DELIVER),
            Settled(b, Event.DEFER, busy, NOON + HOUR_MS),
            Settled(c, Event.DEFER, busy, NOON + HOUR_MS),
            Settled(d, Event.BOUNCE, busy),
        ],
    )
    await outbound.hold([c])
    await outbound.reschedule([b], NOON + HOUR_MS)
    stats = await outbound.stats()
    assert stats.live == {State.PENDING: 2, State.HELD: 1, State.SENDING: 1}
    assert {name: count for name, count in stats.ended.items() if count} == {State.DELIVERED: 1, State.BOUNCED: 1}
    assert (stats.scheduled, stats.deferred, stats.oldest) == (1, 1, "2026-03-01 12:00:00")
    assert stats.octets == sum(len(message) for message in spooled(store))
    rows = [(each.destination, each.rows, each.last_error) for each in stats.destinations]
    assert rows == [("far.example", 2, "busy"), ("near.example", 1, None), ("third.example", 1, None)]


async def test_the_list_goes_by_status_account_or_destination(
    store: Store, outbound: OutboundQueue, user_id: int
) -> None:
    file = spool.prepare(store, await store.stage_bytes(b"of ann\r\n"))
    mine = await store.write(
        queue.add, Outgoing("ann@example.test", file, 2**50, user_id=user_id), [QueueRecipient("x@far.example")]
    )
    other = await put(store, "y@far.example", "z@near.example")
    assert ids(await outbound.list(user_id=user_id)) == mine
    assert ids(await outbound.list(destination="far.example")) == [mine[0], other[0]]
    await outbound.cancel([other[0]], "x")
    assert ids(await outbound.list()) == [mine[0], other[1], other[0]], "what has ended comes last"
    assert ids(await outbound.list(Status.FAILED)) == [other[0]]
    assert ids(await outbound.list(limit=2)) == [mine[0], other[1]]


async def test_mail_for_a_domain_of_ours_ends_with_it(store: Store, outbound: OutboundQueue) -> None:
    domain = await store.write(domains.add, "example.test")
    file = spool.prepare(store, await store.stage_bytes(b"forwarded\r\n"))
    outgoing = Outgoing("peer@far.example", file, 2**50, domain_id=domain.id)
    held, waiting, sending = await store.write(
        queue.add, outgoing, [QueueRecipient(f"{name}@{name}.example") for name in ("held", "waiting", "sending")]
    )
    await outbound.hold([held, waiting])
    await outbound.claim(10)
    await outbound.release([waiting])
    await store.write(domains.remove, "example.test")
    await store.write(domains.purge, 2**60)
    entries = [await outbound.show(each) for each in (held, waiting, sending)]
    gone = (State.CANCELLED, "the domain it was sent for was removed", None)
    assert [(entry.state, entry.last_error, entry.domain_id) for entry in entries] == [gone] * 3
    assert spooled(store) == []


@pytest.mark.parametrize("whole_domain", [False, True])
async def test_what_a_deleted_account_scheduled_waits_until_it_is_restored(
    store: Store, outbound: OutboundQueue, clock: FakeClock, whole_domain: bool
) -> None:
    await store.write(domains.add, "example.test")
    ann = await store.write(users.add, "ann@example.test", "$argon2id$unused")
    file = spool.prepare(store, await store.stage_bytes(b"later\r\n"))
    at_six = Outgoing("ann@example.test", file, 2**50, user_id=ann.id, not_before=NOON + 6 * HOUR_MS)
    [scheduled] = await store.write(queue.add, at_six, [QueueRecipient("x@far.example")])
    accepted = Outgoing("ann@example.test", file, 2**50, user_id=ann.id)
    [waiting] = await store.write(queue.add, accepted, [QueueRecipient("y@far.example")])
    await store.write(*((domains.remove, "example.test") if whole_domain else (users.remove, "ann@example.test")))
    await clock.advance(6 * 3600)
    assert ids(await outbound.claim(10)) == [waiting], "what was to leave at once was accepted, and leaves"
    assert (await outbound.show(scheduled)).state is State.HELD
    await store.write(*((domains.restore, "example.test") if whole_domain else (users.restore, "ann@example.test")))
    assert ids(await outbound.claim(10)) == [scheduled]


async def test_what_a_disabled_account_scheduled_is_held_until_it_is_enabled(
    store: Store, outbound: OutboundQueue, clock: FakeClock
) -> None:
    await store.write(domains.add, "example.test")
    ann = await store.write(users.add, "ann@example.test", "$argon2id$unused")
    file = spool.prepare(store, await store.stage_bytes(b"later\r\n"))
    at_six = Outgoing("ann@example.test", file, 2**50, user_id=ann.id, not_before=NOON + 6 * HOUR_MS)
    first, second = await store.write(
        queue.add, at_six, [QueueRecipient("x@far.example"), QueueRecipient("y@far.example")]
    )
    await outbound.hold([second])
    await store.write(users.set_active, "ann@example.test", False)
    entry = await outbound.show(first)
    assert (entry.state, entry.hold_reason) == (
        State.HELD,
        f"account {ann.id} is disabled; enabling it releases this",
    )
    await clock.advance(6 * 3600)
    assert await outbound.claim(10) == []
    await store.write(users.set_active, "ann@example.test", True)
    assert ids(await outbound.claim(10)) == [first]
    assert (await outbound.show(second)).state is State.HELD, "an operator held that one"


async def test_finished_rows_are_forgotten_a_batch_at_a_time(store: Store, outbound: OutboundQueue) -> None:
    count = FINISHED_BATCH + 10
    await put(store, *(f"{number}@far.example" for number in range(count)))
    claimed: list[Entry] = []
    while more := await outbound.claim(count):
        claimed += more
    await outbound.finish(claimed, Status.SENT)
    assert len(claimed) == count
    assert await store.write(queue.remove_finished, NOON + 1) == FINISHED_BATCH
    assert await store.write(queue.remove_finished, NOON + 1) == 10
    assert await outbound.list() == []


@pytest.mark.parametrize(
    "read",
    [
        lambda rx: queue_watch.next_due(rx, ["a"]),
        queue_watch.oldest_untold,
        lambda rx: queue_watch.next_expiry(rx, 3),
        lambda rx: queue_watch.due_for_warning(rx, NOON, 10),
        lambda rx: queue_watch.due_for_expiry(rx, NOON, 3, 10),
        lambda rx: queue_watch.list_put_off(rx, NOON),
    ],
)
async def test_an_empty_queue_has_nothing_due(store: Store, read: object) -> None:
    assert not await store.read(read)  # type: ignore[arg-type]
