"""What was taken is written down by handfuls, and each row is as if it had been written alone."""

import asyncio

from mailserver.queue.desk import Desk
from mailserver.store import attempts, delivery_log, queue, queue_claim, queue_record, queue_taken, spool
from mailserver.store.attempts import Attempt
from mailserver.store.events import Event as Heard
from mailserver.store.events import QueueSettled
from mailserver.store.queue import Entry, Outgoing, QueueRecipient
from mailserver.store.queue_record import Settled
from mailserver.store.queue_states import Event, State
from mailserver.store.store import Store

WORKER = "worker"
TAKEN = Attempt(1_772_366_400_000, 12, "mx.far.example", "192.0.2.1", "TLSv1.3", 250, "2.0.0", "taken \u2714 'quoted'")
SILENT = Attempt(1_772_366_400_000, 7, "mx.far.example", None, None, 250, None, "")


async def leased(store: Store, *to: str, subject: bytes = b"desk") -> list[Entry]:
    message = b"Subject: %b\r\nMessage-ID: <%b@example.test>\r\n\r\nhello\r\n" % (subject, subject)
    file = spool.prepare(store, await store.stage_bytes(message))
    expires = int(store.clock.now().timestamp() * 1000) + 432_000_000
    await store.write(queue.add, Outgoing("ann@example.test", file, expires), [QueueRecipient(each) for each in to])
    return await store.write(queue_claim.claim, WORKER, 100, 600_000)


def _facts(entry: Entry) -> tuple[object, ...]:
    ended = entry.state, entry.attempts, entry.last_code, entry.last_status, entry.last_error, entry.locked_by
    return *ended, entry.last_attempt is not None, entry.ended_at is not None, entry.locked_until


async def test_a_handful_is_written_as_each_row_alone(store: Store) -> None:
    settle = [(Event.DELIVER, TAKEN), (Event.RELAY, SILENT), (Event.DELIVER, None)]
    seen = []
    for record, subject in ((queue_record.record, b"one"), (queue_taken.record, b"all")):
        entries = await leased(store, "a@far.example", "b@far.example", "c@far.example", subject=subject)
        settled = [Settled(entry.id, *how) for entry, how in zip(entries, settle, strict=True)]
        await store.write(record, WORKER, settled)
        rows = [await store.read(queue.get, entry.id) for entry in entries]
        tried = [await store.read(attempts.list, entry.id) for entry in entries]
        log = [
            (each.recipient, each.outcome, each.smtp_code, each.error_message, each.sender)
            for each in await store.read(delivery_log.list)
            if each.message_id == f"{subject.decode()}@example.test"
        ]
        seen.append(([_facts(row) for row in rows], tried, sorted(log), (store.maildir.spool / rows[0].message_path)))
    (facts, tried, log, _), again = seen[0], seen[1]
    assert (facts, tried, log) == again[:3]
    assert [fact[0] for fact in facts] == [State.DELIVERED, State.RELAYED, State.DELIVERED]
    assert not any(each[3].exists() for each in seen), "nobody needs the files any more"


async def test_of_rows_that_another_worker_has_the_attempt_alone_is_kept(store: Store) -> None:
    mine, taken_back = await leased(store, "a@far.example", "b@far.example")
    await store.write(lambda tx: tx.run("UPDATE outbound_queue SET locked_by = 'other' WHERE id = ?", taken_back.id))
    gone = 10_000
    heard: list[Heard] = []
    store.subscribe(heard.append)
    settled = [Settled(entry_id, Event.DELIVER, TAKEN) for entry_id in (mine.id, taken_back.id, gone)]
    await store.write(queue_taken.record, WORKER, settled)
    assert (await store.read(queue.get, mine.id)).state is State.DELIVERED
    assert (await store.read(queue.get, taken_back.id)).state is State.SENDING
    assert await store.read(attempts.list, taken_back.id) == [TAKEN]
    assert await store.read(attempts.list, gone) == []
    assert (store.maildir.spool / mine.message_path).exists(), "the other one still needs it"
    assert [each.outcomes for each in heard if isinstance(each, QueueSettled)] == [(Event.DELIVER,)]


async def test_what_waits_at_a_moment_is_one_transaction(store: Store) -> None:
    entries = await leased(store, *(f"r{number}@far.example" for number in range(20)))
    heard: list[Heard] = []
    store.subscribe(heard.append)
    desk = Desk(store)
    await asyncio.gather(*(desk.record(WORKER, [Settled(entry.id, Event.DELIVER, TAKEN)]) for entry in entries))
    assert {(await store.read(queue.get, entry.id)).state for entry in entries} == {State.DELIVERED}
    assert [len(each.outcomes) for each in heard if isinstance(each, QueueSettled)] == [20]


async def test_what_one_result_can_not_have_the_others_need_not_miss(store: Store) -> None:
    good, bad = await leased(store, "a@far.example", "b@far.example")
    desk = Desk(store)
    papers = [Settled(good.id, Event.DELIVER, TAKEN), Settled(bad.id, Event.WARN, TAKEN)]
    answers = await asyncio.gather(*(desk.record(WORKER, [each]) for each in papers), return_exceptions=True)
    assert answers[0] is None
    assert isinstance(answers[1], Exception)
    assert (await store.read(queue.get, good.id)).state is State.DELIVERED
    assert (await store.read(queue.get, bad.id)).state is State.SENDING


async def test_who_is_cancelled_takes_nobody_along(store: Store) -> None:
    entries = await leased(store, "a@far.example", "b@far.example")
    desk = Desk(store)
    gone, stays = (
        asyncio.create_task(desk.record(WORKER, [Settled(each.id, Event.DELIVER, TAKEN)])) for each in entries
    )
    await asyncio.sleep(0)
    gone.cancel()
    await stays
    assert {(await store.read(queue.get, entry.id)).state for entry in entries} == {State.DELIVERED}
