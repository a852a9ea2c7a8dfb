"""The outbound queue's counters: what was committed, and no more."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mailserver.config.tree import StoreConfig
from mailserver.daemon.counting import counting
from mailserver.errors import WrongState
from mailserver.metrics import Metrics
from mailserver.store import queue, queue_claim, queue_record, queue_watch, spool
from mailserver.store.attempts import Attempt
from mailserver.store.queue import Outgoing, QueueRecipient
from mailserver.store.queue_record import Settled
from mailserver.store.queue_states import Event
from mailserver.store.store import Store
from tests.fakes import FakeClock
from tests.schema import migrated

WORKER = "worker"
LEASE_MS = 600_000


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with await Store.open(migrated(tmp_path), FakeClock(), config=StoreConfig(min_free_bytes=0)) as store:
        yield store


@pytest.fixture
def metrics(store: Store) -> Metrics:
    metrics = Metrics()
    store.subscribe(counting(metrics))
    return metrics


async def claimed(store: Store, count: int) -> list[int]:
    spooled = spool.prepare(store, await store.stage_bytes(b"Subject: x\r\n\r\ny\r\n"))
    outgoing = Outgoing("ann@example.test", spooled, expires_at=2_000_000_000_000)
    recipients = [QueueRecipient(f"r{number}@else.test") for number in range(count)]
    ids = await store.write(queue.add, outgoing, recipients)
    await store.write(queue_claim.claim, WORKER, count, LEASE_MS)
    return ids


def values(metrics: Metrics) -> dict[str, float]:
    lines = [line.rpartition(" ") for line in metrics.exposition().decode().splitlines() if line[0] != "#"]
    return {name.removeprefix("mailserver_"): float(value) for name, _, value in lines}


async def test_each_outcome_has_its_counter_and_an_attempt_counts_once(store: Store, metrics: Metrics) -> None:
    outcomes = (Event.DELIVER, Event.RELAY, Event.BOUNCE, Event.DEFER, Event.RETURN, Event.EXPIRE)
    ids = await claimed(store, len(outcomes))
    assert await store.read(queue_watch.depth) == len(outcomes)
    attempt = Attempt(1000, 300, "mx.else.test", code=250)
    settled = [Settled(row, event, attempt) for row, event in zip(ids, outcomes, strict=True)]
    await store.write(queue_record.record, WORKER, settled)
    found = values(metrics)
    assert found["messages_queued_total"] == 6
    assert found["messages_sent_total"] == 2
    assert found["messages_bounced_total"] == 2
    assert found["delivery_retries_total"] == 1
    assert found["delivery_duration_seconds_count"] == 1
    assert found["delivery_duration_seconds_sum"] == 0.3
    assert await store.read(queue_watch.depth) == 2


async def test_what_was_not_committed_is_not_counted(store: Store, metrics: Metrics) -> None:
    [row] = await claimed(store, 1)
    with pytest.raises(WrongState):
        await store.write(queue_record.record, WORKER, [Settled(row, Event.RELEASE)])
    await store.write(queue_record.record, "another", [Settled(row, Event.DELIVER)])
    assert values(metrics)["messages_sent_total"] == 0
