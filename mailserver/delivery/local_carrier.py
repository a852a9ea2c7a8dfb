"""Rows of the outbound queue whose recipients have their mailboxes here.

Scheduled mail waits in the queue for everybody, and a domain may become ours while mail for it waits. Such rows are
delivered as port 25 would do it: addresses are looked up at that moment, what an alias forwards goes back to the queue,
and a full mailbox is tried again. All other rows are the remote carrier's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import structlog

from mailserver.clock import Clock
from mailserver.config.tree import DeliveryConfig, QueueConfig
from mailserver.delivery import header, recipients
from mailserver.delivery.one_copy import OneCopy
from mailserver.errors import OverQuota, Refusal
from mailserver.mail import reports
from mailserver.mail.editing import HeaderBlock
from mailserver.mail.transaction import Body, Ret
from mailserver.remote.consignment import Consignment, Result, Taken, Verdict, unheard
from mailserver.store import local_handovers, spool
from mailserver.store.attempts import Attempt
from mailserver.store.database import Rx, Tx, as_refusal
from mailserver.store.handover import Local, Remote, hand_over
from mailserver.store.queue import Entry, Outgoing, Priority, QueueRecipient
from mailserver.store.recipients import LocalRecipient, Resolved, resolve
from mailserver.store.spool import Spooled
from mailserver.store.staging import Incoming
from mailserver.store.store import Store

DELIVERED = (250, reports.HERE, "Delivered to a mailbox on this server")
EXPANDED = (250, reports.EXPANDED_HERE, "Passed on to everybody behind this address")
PASSED_ON = (250, "2.0.0", "Passed on to the address that this one stands for")
DAY_MS = 86_400_000

_log = structlog.get_logger("delivery")


class Carrier(Protocol):
    async def carry(self, consignment: Consignment, taken: Taken = unheard) -> Sequence[Result]: ...


@dataclass(frozen=True, slots=True)
class _Here:
    entry: Entry
    resolved: Resolved  # all that the address stands for
    left: Resolved  # of them whom no other row of the message reaches

    @property
    def orcpt(self) -> str | None:
        return self.entry.orcpt or recipients.as_orcpt(self.entry.recipient)

    @property
    def notify(self) -> str | None:
        wish = self.entry.notify
        return recipients.told_before(wish) if recipients.stands_for_several(self.resolved) else wish


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of the rows before anything is done."""

    away: tuple[Entry, ...]  # not ours
    done: tuple[Entry, ...]  # delivered before a crash
    here: tuple[_Here, ...]
    refused: tuple[tuple[Entry, Refusal], ...]


class LocalCarrier:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        hostname: str,
        delivery: DeliveryConfig,
        queue: QueueConfig,
        remote: Carrier,
    ) -> None:
        """`remote`: for the rows that are not ours."""
        self._store = store
        self._clock = clock
        self._hostname = hostname
        self._remote = remote
        self.reconfigure(delivery, queue)

    def reconfigure(self, delivery: DeliveryConfig, queue: QueueConfig) -> None:
        self._max_depth = delivery.max_alias_depth
        self._expire_ms = int(queue.expire_days * DAY_MS)

    async def carry(self, consignment: Consignment, taken: Taken = unheard) -> Sequence[Result]:
        """One result for each row; a refusal or a fault of the disk is one too."""
        known = await self._store.read(self._look, consignment)
        results = [self._result(entry, *DELIVERED) for entry in known.done]
        results += [self._refused(entry, refusal) for entry, refusal in known.refused]
        if known.here:
            results += await self._deliver(known.here)
        if known.away:
            results += await self._remote.carry(replace(consignment, entries=known.away), taken)
        return results

    def _look(self, rx: Rx, consignment: Consignment) -> _Known:
        done = local_handovers.list(rx, [entry.id for entry in consignment.entries])
        away, refused = [], []
        here: list[_Here] = []
        for entry in consignment.entries:
            if entry.id in done:
                continue
            try:
                resolved = resolve(rx, entry.recipient, self._hostname, self._max_depth)
            except Refusal as refusal:
                refused.append((entry, refusal))
                continue
            if resolved is None:
                away.append(entry)
            elif _has_room(resolved, entry.message_octets):
                here.append(_Here(entry, resolved, resolved))
            else:
                refused.append((entry, OverQuota()))
        if here:
            copies = OneCopy(rx, consignment.entries, self._hostname, self._max_depth)
            here = [replace(each, left=copies.left(each.entry, each.resolved)) for each in here]
        finished = tuple(entry for entry in consignment.entries if entry.id in done)
        return _Known(tuple(away), finished, tuple(here), tuple(refused))

    async def _deliver(self, here: tuple[_Here, ...]) -> list[Result]:
        started = self._clock.monotonic()
        first = here[0].entry
        try:
            async with self._store.incoming() as incoming:
                await spool.read_into(self._store, first.message_path, incoming)
                await self._hand_over(here, incoming)
        except FileNotFoundError:
            return [self._result(each.entry, 554, "5.3.0", "The spool file is missing") for each in here]
        except Refusal as refusal:
            return [self._refused(each.entry, refusal) for each in here]
        except OSError as fault:
            return [self._refused(each.entry, as_refusal(fault)) for each in here]
        took = int((self._clock.monotonic() - started) * 1000)
        _log.info("queued message delivered here", queue_id=first.id, id=first.transaction_id, recipients=len(here))
        return [self._result(each.entry, *_done(each.resolved), took) for each in here]

    async def _hand_over(self, here: tuple[_Here, ...], incoming: Incoming) -> None:
        """In one transaction: mailboxes, forwarded rows, and the note that this was done."""
        first, now = here[0].entry, self._clock.now()
        block = HeaderBlock.parse(incoming.head(header.MAX_HEADER_OCTETS))
        local, forwarded = _boxes(here), _forwarded(here)
        stored = header.for_mailboxes(block, first.sender, b"", local) if local else b""
        await hand_over(
            self._store,
            incoming,
            block.octets,
            Local(local, stored, first.sender, int(now.timestamp())),
            Remote(forwarded, block.render(), partial(self._outgoing, first, int(now.timestamp() * 1000))),
            partial(_note, [each.entry.id for each in here]),
        )

    def _outgoing(self, entry: Entry, now_ms: int, spooled: Spooled) -> Outgoing:
        """What an alias forwards, as the row that led to it; its days begin now."""
        return Outgoing(
            sender=entry.sender,
            spooled=spooled,
            expires_at=now_ms + self._expire_ms,
            envid=entry.envid,
            ret=Ret(entry.ret) if entry.ret else None,
            body=Body(entry.body),
            smtputf8=entry.smtputf8,
            transaction_id=entry.transaction_id,
            domain_id=entry.domain_id,
            priority=Priority(entry.priority),
            require_tls=entry.require_tls,
            tls_optional=entry.tls_optional,
        )

    def _refused(self, entry: Entry, refusal: Refusal) -> Result:
        code, _, status = refusal.smtp.partition(" ")
        return self._result(entry, int(code), status, refusal.text)

    def _result(self, entry: Entry, code: int, status: str, text: str, took: int = 0) -> Result:
        verdict = Verdict.DELIVERED if code < 400 else Verdict.DEFERRED if code < 500 else Verdict.FAILED
        started = int(self._clock.now().timestamp() * 1000) - took
        return Result(entry.id, verdict, Attempt(started, took, self._hostname, None, None, code, status, text))


def _done(resolved: Resolved) -> tuple[int, str, str]:
    """The reply that says what became of it: who asked for success is told by it (queue/told.py)."""
    if recipients.stands_for_several(resolved):
        return EXPANDED
    return DELIVERED if resolved.local else PASSED_ON


def _has_room(resolved: Resolved, octets: int) -> bool:
    return bool(resolved.remote) or any(recipient.has_room(octets) for recipient in resolved.local)


def _boxes(here: tuple[_Here, ...]) -> tuple[LocalRecipient, ...]:
    """Every account once."""
    return tuple({box.user_id: box for each in here for box in each.left.local}.values())


def _forwarded(here: tuple[_Here, ...]) -> tuple[QueueRecipient, ...]:
    """Every address elsewhere once, with the wishes of the row that led to it."""
    each: dict[str, QueueRecipient] = {}
    for row in here:
        for address in row.left.remote:
            each.setdefault(address, QueueRecipient(address, row.notify, row.orcpt, is_forwarded=True))
    return tuple(each.values())


def _note(ids: list[int], tx: Tx) -> None:
    local_handovers.add(tx, ids)
