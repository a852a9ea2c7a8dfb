"""Senders are told what became of their mail: results and notifications become true in one transaction.

    1  who wants to know what (told.py), and where the sender is: an account here, or a server elsewhere
    2  the notification is composed with the message it is about, and staged
    3  one transaction: rows end, attempts, delivery log, bounces; the notification lies in the sender's INBOX, or is
       a row of the queue itself, from the null reverse-path

A crash before 3 leaves rows as they were and a file that nobody names; after it nobody is told twice. One notification
tells of all recipients of a message that were settled together. It is never about a notification, and a full mailbox
does not keep it out.
"""

import os
import secrets
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import Protocol

import structlog

from mailserver.clock import Clock
from mailserver.config.tree import BouncesConfig, DeliveryConfig, QueueConfig
from mailserver.errors import Refusal
from mailserver.mail import dsn, trace
from mailserver.mail.bounces import is_about_address
from mailserver.mail.dsn import MAX_HEADER_OCTETS, MAX_RETURNED_OCTETS
from mailserver.mail.reports import Report
from mailserver.mail.transaction import Body, Ret
from mailserver.queue import told
from mailserver.queue.composing import Compose, composed
from mailserver.queue.desk import Desk
from mailserver.remote.consignment import Consignment
from mailserver.store import bounces, handover, queue_record, queue_taken, recipients, spool
from mailserver.store.bounces import Policy, Returned, Source
from mailserver.store.database import Rx, Tx, as_refusal
from mailserver.store.handover import Local, Remote
from mailserver.store.queue import Entry, Outgoing, Priority, QueueRecipient
from mailserver.store.queue_record import Settled
from mailserver.store.queue_states import Event
from mailserver.store.recipients import Resolved
from mailserver.store.return_paths import ReturnPaths, belongs_here
from mailserver.store.spool import Spooled
from mailserver.store.store import Store

ID_OCTETS = 8

_log = structlog.get_logger("queue")


class Signs(Protocol):
    """DKIM, for what leaves."""

    async def sign_as_written(
        self, header: bytes, reverse_path: str, body: Iterable[bytes], octets: int | None = None
    ) -> bytes:
        """Field lines for the top of this header, b"" where it goes unsigned."""


class _Changed(Exception):  # noqa: N818 - rows are not what they were, nothing was written
    def __init__(self, still: frozenset[int]) -> None:
        super().__init__("rows changed hands")
        self.still = still


class Notices:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        hostname: str,
        return_paths: ReturnPaths,
        queue: QueueConfig,
        delivery: DeliveryConfig,
        bounces: BouncesConfig,
        random: Callable[[int], bytes] = secrets.token_bytes,
        *,
        signer: Signs | None = None,
        compose: Compose = dsn.compose,
    ) -> None:
        """`signer`: for notifications that leave; None leaves them unsigned."""
        self._compose = compose
        self._store = store
        self._clock = clock
        self._hostname = hostname
        self._return_paths = return_paths
        self._random = random
        self._signer = signer
        self._desk = Desk(store)
        self.reconfigure(queue, delivery, bounces)

    def reconfigure(self, queue: QueueConfig, delivery: DeliveryConfig, bounces: BouncesConfig) -> None:
        self._expire_days = queue.expire_days
        self._max_depth = delivery.max_alias_depth
        self._policy = Policy(bounces.suppress_after, bounces.within_days, bounces.suppress_days)

    async def settle(self, worker: str, consignment: Consignment, settled: Sequence[Settled]) -> None:
        """See queue/seams.py. Raises Refusal; then nothing was written."""
        about = frozenset(entry.id for entry in consignment.entries)
        while True:
            try:
                await self._settle(worker, consignment.entries, settled, about)
            except _Changed as fault:  # taken back or given to another worker meanwhile: fewer than before
                about = fault.still
            else:
                return

    async def tell(self, report: Report, original: bytes, size: int, check: Callable[[Tx], None]) -> None:
        """Bring a report to its sender, if there is a way; `check` is done in the same transaction.

        `original`: the message's first octets, `size`: of all of it. Raises Refusal.
        """
        now = self._clock.now()
        to = await self._store.read(self._addressee, report.sender, int(now.timestamp() * 1000))
        if to is None:
            _log.warning("nobody to notify", sender=report.sender)
            await self._store.write(check)
            return
        epoch = int(now.timestamp())
        note = await self._store.in_thread(composed, report, original, size, epoch, self._random, self._compose)
        name = self._random(ID_OCTETS).hex()
        header = trace.return_path("")
        signature = await self._signature(note.octets) if to.remote else b""
        async with self._store.incoming() as incoming:
            await incoming.write(note.octets)
            await handover.hand_over(
                self._store,
                incoming,
                0,
                Local(to.local, header, "", int(now.timestamp()), over_quota=True),
                Remote(
                    tuple(QueueRecipient(address, "NEVER") for address in to.remote),
                    signature,
                    partial(
                        self._outgoing, report, note, name, int((now + timedelta(days=self._expire_days)).timestamp())
                    ),
                ),
                check,
            )
        _log.info(
            "sender notified",
            id=name,
            sender=report.sender,
            action=report.recipients[0].action.value,
            recipients=", ".join(each.recipient for each in report.recipients),
        )

    # ---- inside ----

    async def _signature(self, note: bytes) -> bytes:
        """Without a key that works it goes unsigned: that a sender hears is worth more."""
        header, _, body = note.partition(b"\r\n\r\n")
        try:
            return await self._signer.sign_as_written(header + b"\r\n", "", [body]) if self._signer else b""
        except Refusal as fault:
            _log.error("notification not signed", error=fault.text)
            return b""

    async def _settle(
        self, worker: str, entries: Sequence[Entry], settled: Sequence[Settled], about: frozenset[int]
    ) -> None:
        by_id = {entry.id: entry for entry in entries}
        told_of = (each for each in settled if each.entry_id in about)
        found = {each.entry_id: told.line_for(by_id[each.entry_id], each, self._hostname) for each in told_of}
        lines = {entry_id: line for entry_id, line in found.items() if line is not None}
        record = partial(self._record, worker=worker, settled=settled, expected=frozenset(lines))
        if not lines and all(each.event in queue_taken.EVENTS for each in settled):
            await self._desk.record(worker, settled)
            return
        if not lines:
            await self._store.write(record)
            return
        first = entries[0]
        original = await self._original(first)
        report = Report(
            reporting_mta=self._hostname,
            sender=first.sender,
            recipients=tuple(lines.values()),
            arrived=told.epoch_of(first.created_at) or 0,
            envid=first.envid,
            ret=Ret(first.ret) if first.ret else None,
            require_tls=first.require_tls,
        )
        await self.tell(report, original, first.message_octets, record)

    def _record(self, tx: Tx, worker: str, settled: Sequence[Settled], expected: frozenset[int]) -> None:
        changed = {entry.id: entry for entry in queue_record.record(tx, worker, settled)}
        if not expected <= changed.keys():
            raise _Changed(expected & changed.keys())
        for each in settled:
            entry = changed.get(each.entry_id)
            if entry is not None and each.event in {Event.BOUNCE, Event.EXPIRE}:
                bounces.add(tx, _returned(entry, each), self._policy)

    def _addressee(self, rx: Rx, sender: str, now_ms: int) -> Resolved | None:
        """Accounts here, or addresses elsewhere; None where nobody has the address any more."""
        try:
            if belongs_here(rx, sender):
                sender = self._return_paths.first_sender(rx, sender, now_ms)
            return recipients.resolve(rx, sender, self._hostname, self._max_depth) or Resolved((), (sender,))
        except Refusal:
            return None

    async def _original(self, entry: Entry) -> bytes:
        whole = entry.message_octets <= MAX_RETURNED_OCTETS
        octets = MAX_RETURNED_OCTETS if whole else MAX_HEADER_OCTETS
        try:
            return await self._store.in_thread(_read, self._store, entry.message_path, octets, entry.message_octets)
        except FileNotFoundError:
            return b""
        except OSError as fault:
            raise as_refusal(fault) from fault

    def _outgoing(self, report: Report, note: dsn.Notification, name: str, expires: int, spooled: Spooled) -> Outgoing:
        """`expires`: epoch seconds."""
        return Outgoing(
            sender="",
            spooled=spooled,
            expires_at=expires * 1000,
            body=Body.EIGHT_BIT if note.is_8bit else Body.SEVEN_BIT,
            smtputf8=note.smtputf8,
            transaction_id=name,
            priority=Priority.BULK,
            require_tls=report.require_tls,
        )


def _returned(entry: Entry, settled: Settled) -> Returned:
    status = told.status_of(entry, settled)
    is_hard = settled.event is Event.BOUNCE and is_about_address(status)
    reason = told.reason_of(entry, settled)
    return Returned(entry.recipient, status, is_hard, Source.QUEUE, reason, entry.message_id)


def _read(store: Store, name: str, octets: int, size: int) -> bytes:
    """`size`: of the whole message, 0 where nobody knows. Of a damaged file nothing: it is not what was sent."""
    with os.fdopen(spool.open_file(store, name), "rb") as file:
        return file.read(octets) if size in {0, os.fstat(file.fileno()).st_size} else b""
