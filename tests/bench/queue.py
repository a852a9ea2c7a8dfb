"""The outbound queue: claims, records and whole cycles of 100, with 10,000 rows waiting and with a million finished.

Claim and record are timed inside their transaction, which is then undone. A cycle is the dispatcher's, from the rows
falling due to the last one written down, with a carrier that answers at once: all that is left is our own work, whose
goal is of processor time, and the waiting for the disk, which the goal for the whole allows.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mailserver.clock import SystemClock
from mailserver.config.tree import QueueConfig, StoreConfig
from mailserver.errors import Refusal
from mailserver.queue.dispatcher import Dispatcher
from mailserver.remote.consignment import Consignment, Result, Taken, Verdict, unheard
from mailserver.store import migrate, queue, queue_claim, queue_record, queue_taken, queue_watch, spool
from mailserver.store.attempts import Attempt
from mailserver.store.database import Tx
from mailserver.store.queue import Outgoing, QueueRecipient
from mailserver.store.queue_record import Settled
from mailserver.store.queue_states import Event
from mailserver.store.store import Store
from tests.queue_hands import Recorder

WAITING, DUE, FINISHED = 10_000, 100, 1_000_000
RUNS = 15
CYCLES = 5
CLAIM_MS = 0.2
OWN_MS, WHOLE_MS = 50, 300
LEASE_MS = 600_000

Rows = list[dict[str, Any]]

_FINISHED = """WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
    INSERT INTO outbound_queue (sender, recipient, destination, message_path, status, ended_as, ended_at, attempts,
        last_attempt, next_attempt, created_at, expires_at)
    SELECT 'user@example.test', 'someone' || i || '@peer' || (i % 5000) || '.example',
        'peer' || (i % 5000) || '.example', 'spool' || i, 'sent', 'delivered', 1700000000000 + i, 1,
        '2026-02-01 12:00:00', '2026-02-01 12:00:00',
        '2026-02-01 12:00:00', 0 FROM n"""


class _Undone(Refusal):
    """Leaves nothing behind."""


class _Instant:
    """Takes everything at once."""

    def __init__(self) -> None:
        self.carried = 0

    async def carry(self, consignment: Consignment, taken: Taken = unheard) -> Sequence[Result]:
        self.carried += 1
        attempt = Attempt(1, 1, "mx.peer.example", "192.0.2.1", "TLSv1.3", 250, "2.0.0", "taken")
        return [Result(entry.id, Verdict.DELIVERED, attempt) for entry in consignment.entries]


class _Told(Recorder):
    """Knows when so many rows are written down."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.left = 0
        self.done = asyncio.Event()

    async def settle(self, worker: str, consignment: Consignment, settled: Sequence[Settled]) -> None:
        await super().settle(worker, consignment, settled)
        self.left -= len(settled)
        if self.left <= 0:
            self.done.set()


def measure(finished: int = FINISHED, waiting: int = WAITING) -> Rows:
    return asyncio.run(_measure(finished, waiting))


async def _measure(finished: int, waiting: int) -> Rows:
    with tempfile.TemporaryDirectory(dir=".", prefix="bench-queue-") as folder:
        config = StoreConfig(min_free_bytes=0)
        async with await Store.open(Path(folder), SystemClock(), config=config) as store:
            await _fill(store, waiting)
            rows = await _part(store, f"{waiting:,} waiting")
            await store.exclusively(lambda connection: connection.execute(_FINISHED, (finished,)))
            await store.exclusively(migrate.analyse)
            return rows + await _part(store, f"{finished:,} finished too")


async def _part(store: Store, about: str) -> Rows:
    """With DUE rows due, each of a message and a destination of its own, and nothing changed in the end."""
    await _make_due(store)
    claim = await _timed(store, lambda tx: queue_claim.claim(tx, "bench", DUE, LEASE_MS))
    only = await _timed(store, _claim_alone)
    entries = await store.write(queue_claim.claim, "bench", DUE, LEASE_MS)
    assert len(entries) == DUE
    attempt = Attempt(1, 1, "mx.peer.example", "192.0.2.1", "TLSv1.3", 250, "2.0.0", "taken")
    settled = [Settled(entry.id, Event.DELIVER, attempt) for entry in entries]
    record = await _timed(store, lambda tx: queue_record.record(tx, "bench", settled))
    taken = await _timed(store, lambda tx: queue_taken.record(tx, "bench", settled))
    await store.write(queue_record.record, "bench", [Settled(entry.id, Event.RETURN) for entry in entries])
    look = await _timed(store, queue_watch.next_due)
    cycles = [await _cycle(store) for _ in range(CYCLES)]
    whole, own = (statistics.median(each) for each in zip(*cycles, strict=True))
    return [
        _row(f"claim of {DUE}, the statement, {about}", only, CLAIM_MS),
        {"name": f"claim of {DUE} with its values, {about}", "median_ms": round(claim, 3)},
        {"name": f"record of {DUE}, one by one, {about}", "median_ms": round(record, 3)},
        {"name": f"record of {DUE}, all taken, {about}", "median_ms": round(taken, 3)},
        {"name": f"when is the next due, {about}", "median_ms": round(look, 3)},
        _row(f"cycle of {DUE}, processor time, {about}", own, OWN_MS),
        _row(f"cycle of {DUE}, with the disk, {about}", whole, WHOLE_MS),
    ]


def _claim_alone(tx: Tx) -> object:
    """What the database does in a claim: the rows are leased and their ids come back."""
    return tx.all(
        f"""UPDATE outbound_queue SET status = 'sending', locked_by = 'bench', locked_until = ?
            WHERE id IN (SELECT id FROM outbound_queue INDEXED BY idx_queue_due
                         WHERE {queue.DUE} AND priority = 0 AND next_attempt <= ? ORDER BY next_attempt, id LIMIT ?)
            RETURNING id""",
        tx.now_ms + LEASE_MS,
        tx.now,
        DUE,
    )


async def _cycle(store: Store) -> tuple[float, float]:
    """(milliseconds, of the processor) from the rows falling due to the last one written down."""
    await _make_due(store)
    carrier, told = _Instant(), _Told(store)
    told.left = DUE
    config = QueueConfig(max_connections=DUE)
    dispatcher = Dispatcher(store, store.clock, carrier, told, config, lambda octets: b"\x7f" * octets, "bench")
    started, worked = time.perf_counter(), time.process_time()
    await dispatcher.start()
    await told.done.wait()
    took = (time.perf_counter() - started) * 1000, (time.process_time() - worked) * 1000
    await dispatcher.stop(0)
    assert carrier.carried == DUE
    return took


async def _timed(store: Store, work: Callable[[Tx], object]) -> float:
    """Median milliseconds inside a transaction that is undone."""
    times = list[float]()

    def run(tx: Tx) -> None:
        started = time.perf_counter()
        work(tx)
        times.append((time.perf_counter() - started) * 1000)
        raise _Undone

    for _ in range(RUNS):
        try:
            await store.write(run)
        except _Undone:
            continue
    return statistics.median(times[1:])


async def _fill(store: Store, waiting: int) -> None:
    """Rows that are due in an hour, each of a message of its own."""
    file = spool.prepare(store, await store.stage_bytes(b"Subject: bench\r\n\r\n"))
    later = int(store.clock.now().timestamp() * 1000) + 3_600_000
    outgoing = Outgoing("user@example.test", file, later * 2, not_before=later)
    recipients = [QueueRecipient(f"someone@peer{number}.example") for number in range(waiting)]
    await store.write(queue.add, outgoing, recipients)
    await store.write(lambda tx: tx.run("UPDATE outbound_queue SET message_path = printf('%064x', id)"))
    await store.exclusively(migrate.analyse)


async def _make_due(store: Store) -> None:
    def make(tx: Tx) -> None:
        tx.run(
            """UPDATE outbound_queue SET next_attempt = ?
               WHERE id IN (SELECT id FROM outbound_queue WHERE status = 'pending' ORDER BY id LIMIT ?)""",
            tx.now,
            DUE,
        )

    await store.write(make)


def _row(name: str, median_ms: float, goal_ms: float) -> dict[str, Any]:
    return {"name": name, "median_ms": round(median_ms, 3), "goal_ms": goal_ms, "ok": median_ms <= goal_ms}
