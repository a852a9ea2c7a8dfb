"""Refused mail in the delivery log, written behind the replies: in batches, bounded, nothing left when it closes.

What is refused for good (5xx) is logged as rejected, what is put off (4xx) as deferred: its sender tries again.
"""

import asyncio
from collections.abc import Sequence

import structlog

from mailserver.errors import InsufficientStorage, OverQuota, Refusal, Unavailable
from mailserver.mail.transaction import Peer
from mailserver.metrics import Metrics
from mailserver.store import delivery_log
from mailserver.store.database import Tx
from mailserver.store.delivery_log import Delivery, Direction, Outcome
from mailserver.store.store import Store

MAX_UNWRITTEN = 2000  # rows; a log that is further behind does without

_log = structlog.get_logger("delivery")


class Refusals:
    def __init__(self, store: Store, metrics: Metrics | None = None) -> None:
        self._store = store
        self._metrics = metrics or Metrics()
        self._unwritten: list[Delivery] = []
        self._lost = 0
        self._writing: asyncio.Task[None] | None = None

    def add(self, peer: Peer, reverse_path: str, recipients: Sequence[str], refusal: Refusal) -> None:
        """Returns at once. `recipients`: "" for one that was not named yet."""
        reply = f"{refusal.smtp} {refusal.text}"
        _log.info("mail refused", peer=peer.address, sender=reverse_path, recipients=", ".join(recipients), reply=reply)
        self._count(len(recipients), refusal)
        if isinstance(refusal, InsufficientStorage | Unavailable):
            return  # a disk that has no room for mail has none for our notes about it
        room = MAX_UNWRITTEN - len(self._unwritten)
        self._lost += max(0, len(recipients) - room)
        self._unwritten += [_row(peer, reverse_path, recipient, refusal) for recipient in recipients[: max(0, room)]]
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(), name="refusals")

    async def close(self) -> None:
        while self._writing is not None:
            await self._writing

    def _count(self, recipients: int, refusal: Refusal) -> None:
        self._metrics.messages_rejected.labels(type(refusal).__name__).inc(recipients)
        if isinstance(refusal, OverQuota):
            self._metrics.quota_exceeded.inc(recipients)

    async def _write(self) -> None:
        try:
            while self._unwritten:
                batch, self._unwritten = self._unwritten, []
                lost, self._lost = self._lost, 0
                try:
                    await self._store.write(_add_all, batch)
                except Refusal as fault:
                    _log.error("refused mail not logged", count=len(batch), error=fault.text)
                if lost:
                    _log.warning("refused mail not logged: too much at once", count=lost)
        finally:
            self._writing = None


def _add_all(tx: Tx, batch: Sequence[Delivery]) -> None:
    for each in batch:
        delivery_log.add(tx, each)


def _row(peer: Peer, reverse_path: str, recipient: str, refusal: Refusal) -> Delivery:
    code, _, enhanced = refusal.smtp.partition(" ")
    return Delivery(
        None,
        reverse_path,
        recipient,
        Outcome.REJECTED if code.startswith("5") else Outcome.DEFERRED,
        Direction.INBOUND if peer.authenticated is None else Direction.OUTBOUND,
        int(code),
        f"{enhanced} {refusal.text}",
    )
