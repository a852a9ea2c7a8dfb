"""What the dispatcher works with and does not make itself: who carries mail away, and who tells its senders."""

from collections.abc import Sequence
from typing import Protocol

from mailserver.remote.consignment import Consignment, Result
from mailserver.store import queue
from mailserver.store.queue import Settled
from mailserver.store.store import Store


class Carrier(Protocol):
    async def carry(self, consignment: Consignment) -> Sequence[Result]:
        """One result for each entry. Never raises anything but CancelledError."""


class Notices(Protocol):
    async def settle(self, worker: str, consignment: Consignment, settled: Sequence[Settled]) -> None:
        """Write down what became of the rows (store.queue.record) and, in the same transaction, the notifications
        that their senders asked for: for DELIVER and RELAY at SUCCESS, BOUNCE and EXPIRE at FAILURE, WARN at DELAY.

        May be called again with the same after it raised Refusal: then nothing was written.
        """


class Recorder:
    """Notices of a server that notifies nobody."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def settle(self, worker: str, consignment: Consignment, settled: Sequence[Settled]) -> None:
        await self._store.write(queue.record, worker, settled)
