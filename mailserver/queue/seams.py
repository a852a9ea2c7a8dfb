"""What the dispatcher works with and does not make itself: who carries mail away, and who tells its senders."""

from collections.abc import Sequence
from typing import Protocol

from mailserver.remote.consignment import Consignment, Result, Taken, unheard
from mailserver.store.queue_record import Settled


class Carrier(Protocol):
    async def carry(self, consignment: Consignment, taken: Taken = unheard) -> Sequence[Result]:
        """One result for each entry. Never raises anything but CancelledError.

        `taken`: told of recipients that another server has taken while others still wait: what it knows is written
        down at once, so that a crash sends them nothing twice. They are among the results all the same.
        """


class Notices(Protocol):
    async def settle(self, worker: str, consignment: Consignment, settled: Sequence[Settled]) -> None:
        """Write down what became of the rows, and tell their senders what they asked for, in one transaction.

        All of `settled` goes to store.queue_record.record; notifications are for the rows that it returns, no others:
        DELIVER and RELAY are successes, BOUNCE and EXPIRE failures, WARN a delay; DEFER, RETURN and LOSE tell nobody.
        Called again with the same after a Refusal, when it is not known whether it was written.
        """
