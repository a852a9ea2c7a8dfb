"""The outbound queue as a service: show it, delete from it, lease its rows to whoever sends them, end them."""

from collections.abc import Sequence

from mailserver.store import queue
from mailserver.store.queue import Entry, Status
from mailserver.store.store import Store

LEASE_SECONDS = 600.0  # longer than one attempt may take; a crashed worker's rows are due again after it


class OutboundQueue:
    def __init__(self, store: Store, worker: str) -> None:
        """`worker`: a name no other claimer has, in any process or earlier run."""
        self._store = store
        self._worker = worker

    async def list(self, status: Status | None = None, limit: int = 1000) -> Sequence[Entry]:
        """In the order they will be tried."""
        return await self._store.read(queue.list, status, limit)

    async def show(self, entry_id: int) -> Entry:
        """Raises NoSuchQueueEntry."""
        return await self._store.read(queue.get, entry_id)

    async def delete(self, entry_id: int) -> None:
        """The row, and with the last live one of its message the spool file. Raises NoSuchQueueEntry."""
        await self._store.write(queue.remove, entry_id)

    async def claim(self, limit: int) -> Sequence[Entry]:
        """Due rows, leased to this worker for LEASE_SECONDS, the longest due first."""
        return await self._store.write(queue.claim, self._worker, limit, int(LEASE_SECONDS * 1000))

    async def finish(self, entries: Sequence[Entry], status: Status, error: str | None = None) -> int:
        """End leased rows as sent or failed; returns how many were still leased to this worker."""
        return await self._store.write(queue.finish, self._worker, [entry.id for entry in entries], status, error)
