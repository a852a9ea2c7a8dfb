"""Rows that wait for long: their senders are told once, and in the end they are given up."""

from mailserver.config.tree import QueueConfig
from mailserver.queue import outcome, schedule
from mailserver.queue.grouping import consignments
from mailserver.queue.seams import Notices
from mailserver.store import queue_watch
from mailserver.store.database import Rx
from mailserver.store.queue_record import Settled
from mailserver.store.queue_states import Event
from mailserver.store.store import Store

LATE_BATCH = 100  # rows told of or given up in one go
HOUR_MS = 3_600_000


def least_attempts(config: QueueConfig) -> int:
    """How often a row is tried before it is given up, whatever the clock says."""
    return schedule.least_attempts(config.schedule, config.expire_days)


class Lateness:
    def __init__(self, store: Store, notices: Notices, config: QueueConfig, worker: str) -> None:
        self._store = store
        self._notices = notices
        self._config = config
        self._worker = worker

    def reconfigure(self, config: QueueConfig) -> None:
        self._config = config

    def next_warning(self, rx: Rx) -> int | None:
        """Epoch milliseconds, past or future."""
        warn_ms = self._config.warn_hours * HOUR_MS
        untold = queue_watch.oldest_untold(rx) if warn_ms else None
        return None if untold is None else untold + int(warn_ms)

    def next_expiry(self, rx: Rx) -> int | None:
        """Epoch milliseconds, past or future."""
        return queue_watch.next_expiry(rx, least_attempts(self._config))

    async def warn(self, now_ms: int) -> None:
        """Tell some of those who wait for long enough."""
        since = now_ms - int(self._config.warn_hours * HOUR_MS)
        late = await self._store.read(queue_watch.due_for_warning, since, LATE_BATCH)
        for consignment in consignments(late):
            settled = [Settled(entry.id, Event.WARN) for entry in consignment.entries]
            await self._notices.settle(self._worker, consignment, settled)

    async def expire(self, now_ms: int) -> None:
        """Give up some of the rows whose time is over."""
        old = await self._store.read(queue_watch.due_for_expiry, now_ms, least_attempts(self._config), LATE_BATCH)
        for consignment in consignments(old):
            settled = [
                Settled(entry.id, Event.EXPIRE, text=outcome.expired(entry, None, now_ms))
                for entry in consignment.entries
            ]
            await self._notices.settle(self._worker, consignment, settled)
