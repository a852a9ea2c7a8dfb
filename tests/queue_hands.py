"""The verbs of the outbound queue at a test's hand, and notices that only write down."""

from collections.abc import Iterable, Sequence

from mailserver.remote.consignment import Consignment
from mailserver.store import attempts, queue, queue_claim, queue_orders, queue_record, queue_watch
from mailserver.store.attempts import Attempt
from mailserver.store.database import Tx
from mailserver.store.queue import Entry, Status
from mailserver.store.queue_record import Settled
from mailserver.store.queue_states import Event
from mailserver.store.queue_watch import Stats
from mailserver.store.store import Store

LEASE_SECONDS = 600.0  # longer than one attempt may take; a crashed worker's rows are due again after it
_ENDS = {Status.SENT: Event.DELIVER, Status.FAILED: Event.BOUNCE}


class OutboundQueue:
    def __init__(self, store: Store, worker: str = "") -> None:
        """`worker`: a name no other claimer has, in any process or earlier run; "" for who claims nothing."""
        self._store = store
        self._worker = worker

    # ---- looking ----

    async def list(
        self,
        status: Status | None = None,
        limit: int = 1000,
        *,
        user_id: int | None = None,
        destination: str | None = None,
    ) -> Sequence[Entry]:
        """Live ones in the order they will be tried, then those that have ended, the last first."""
        return await self._store.read(queue.list, status, limit, user_id=user_id, destination=destination)

    async def show(self, entry_id: int) -> Entry:
        """Raises NoSuchQueueEntry."""
        return await self._store.read(queue.get, entry_id)

    async def attempts(self, entry_id: int) -> Sequence[Attempt]:
        """The oldest first."""
        return await self._store.read(attempts.list, entry_id)

    async def stats(self) -> Stats:
        now_ms = int(self._store.clock.now().timestamp() * 1000)
        return await self._store.read(queue_watch.stats, now_ms)

    # ---- orders: all the rows or none; each raises NoSuchQueueEntry, WrongState ----

    async def retry(self, ids: Iterable[int]) -> None:
        """Due now, whatever they were scheduled for."""
        await self._store.write(queue_orders.retry, [*ids])

    async def hold(self, ids: Iterable[int], reason: str = "") -> None:
        """Not tried until they are released, and not given up."""
        await self._store.write(queue_orders.hold, [*ids], reason)

    async def release(self, ids: Iterable[int]) -> None:
        await self._store.write(queue_orders.release, [*ids])

    async def cancel(self, ids: Iterable[int], reason: str) -> Sequence[Entry]:
        """Take back what has not been sent; the rows stay in the history. Returns them as they are now."""
        return await self._store.write(queue_orders.cancel, [*ids], reason)

    async def reschedule(self, ids: Iterable[int], not_before: int | None) -> None:
        """Not tried before this moment (epoch milliseconds), None for at once; their days count from then."""
        await self._store.write(queue_orders.reschedule, [*ids], not_before)

    async def flush(self, destination: str | None = None) -> int:
        """All that was put off is due now, or what goes to one destination; held and scheduled rows stay."""
        return await self._store.write(queue_orders.flush, destination)

    async def delete(self, *ids: int) -> None:
        """The rows for good, and with the last live one of a message the spool file; nobody is told."""

        def remove(tx: Tx) -> None:
            for entry_id in ids:
                queue.remove(tx, entry_id)

        await self._store.write(remove)

    # ---- working ----

    async def recover(self) -> int:
        """Return what other workers had under way, in doubt; for the holder of the data folder's lock. How many."""
        return len(await self._store.write(queue_claim.lose, self._worker, alone=True))

    async def claim(self, limit: int) -> Sequence[Entry]:
        """Due rows, leased to this worker for LEASE_SECONDS, the longest due first."""
        return await self._store.write(queue_claim.claim, self._worker, limit, int(LEASE_SECONDS * 1000))

    async def finish(self, entries: Sequence[Entry], status: Status, error: str | None = None) -> int:
        """End leased rows as sent or failed; returns how many were still leased to this worker."""
        if status not in _ENDS:
            raise ValueError(f"a row does not end as {status}")
        settled = [Settled(entry.id, _ENDS[status], text=error or "") for entry in entries]
        return len(await self._store.write(queue_record.record, self._worker, settled))


class Recorder:
    """Notices of a server that notifies nobody."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def settle(self, worker: str, consignment: Consignment, settled: Sequence[Settled]) -> None:
        await self._store.write(queue_record.record, worker, settled)
