"""What becomes of a forward-path: accounts here, addresses elsewhere, or a refusal. Asked at RCPT.

A mailbox that is full refuses at RCPT already (452 4.2.2), by the size that MAIL announced. Where an address stands
for several accounts, one with room is enough: mail is never dropped for the others behind everybody's back, they get
it over their quota.
"""

from dataclasses import dataclass

from mailserver.clock import Clock
from mailserver.errors import OverQuota, RelayDenied
from mailserver.mail import xtext
from mailserver.mail.transaction import Envelope, EnvelopeRecipient, Notify
from mailserver.store import recipients
from mailserver.store.events import AccountsChanged, Event, ForeignCommit, MessagesAdded
from mailserver.store.queue import QueueRecipient
from mailserver.store.recipients import LocalRecipient, Resolved
from mailserver.store.return_paths import is_returning
from mailserver.store.store import Store

REMEMBERED_SECONDS = 2.0  # a changed account is known at once
MAX_REMEMBERED = 1000  # addresses


@dataclass(frozen=True, slots=True)
class _Known:
    until: float  # monotonic
    resolved: Resolved | None
    grown: int  # octets that had come in for anybody when the quotas were read
    arrived: int  # messages, as well


class Recipients:
    """Answers RCPT. What an address stands for is remembered for a moment: peers ask for the same few all day."""

    def __init__(self, store: Store, clock: Clock, hostname: str, max_depth: int) -> None:
        self._store = store
        self._clock = clock
        self._hostname = hostname
        self.max_depth = max_depth
        self._known: dict[str, _Known] = {}
        self._grown = 0  # octets that came in for anybody
        self._arrived = 0  # messages that did
        self._changes = 0  # of accounts, that we heard of
        store.subscribe(self._hear)

    async def from_anybody(self, address: str, size: int | None) -> Resolved:
        """Port 25: never a relay. Raises RelayDenied, OverQuota and what store.recipients.resolve raises."""
        resolved = await self._resolve(address, size)
        if resolved is None:
            raise RelayDenied
        return resolved

    async def from_account(self, address: str, size: int | None) -> Resolved:
        """Submission: to anybody. Raises OverQuota and what store.recipients.resolve raises."""
        return await self._resolve(address, size) or Resolved((), (address,))

    async def _resolve(self, address: str, size: int | None) -> Resolved | None:
        known = self._known.get(address)
        if known is not None and self._still_holds(known, size or 1):
            return known.resolved
        grown, arrived, changes = self._grown, self._arrived, self._changes
        resolved = await self._store.read(recipients.resolve, address, self._hostname, self.max_depth)
        if not _has_room(resolved, size or 1):
            raise OverQuota
        if changes == self._changes:  # else what was read may be of before the change
            self._remember(address, _Known(self._clock.monotonic() + REMEMBERED_SECONDS, resolved, grown, arrived))
        return resolved

    def _remember(self, address: str, known: _Known) -> None:
        if len(self._known) >= MAX_REMEMBERED:
            self._known.clear()
        self._known[address] = known

    def _still_holds(self, known: _Known, octets: int) -> bool:
        """As if all that came in since had been for this address: near its limit it is read again."""
        is_young = self._clock.monotonic() < known.until
        more, messages = self._grown - known.grown, self._arrived - known.arrived
        return is_young and _has_room(known.resolved, octets + more, 1 + messages)

    def _hear(self, event: Event) -> None:
        if isinstance(event, MessagesAdded):
            self._grown += sum(message.size for message in event.messages)
            self._arrived += len(event.messages)
        elif isinstance(event, AccountsChanged | ForeignCommit):
            self._changes += 1
            self._known.clear()


def local(envelope: Envelope[Resolved]) -> tuple[LocalRecipient, ...]:
    """Every account of the envelope once, in the order of RCPT."""
    each: dict[int, LocalRecipient] = {}
    for rcpt in envelope.recipients:
        for recipient in rcpt.resolved.local:
            each.setdefault(recipient.user_id, recipient)
    return tuple(each.values())


def remote(envelope: Envelope[Resolved]) -> tuple[QueueRecipient, ...]:
    """Every address elsewhere once, with the wishes of the first RCPT that led to it; of those that name it, if any."""
    each: dict[str, QueueRecipient] = {}
    for rcpt in sorted(envelope.recipients, key=_is_alias):
        orcpt, is_forwarded = (original(rcpt), True) if _is_alias(rcpt) else (rcpt.orcpt, False)
        for address in rcpt.resolved.remote:
            each.setdefault(address, QueueRecipient(address, wishes(rcpt), orcpt, is_forwarded))
    return tuple(each.values())


def original(rcpt: EnvelopeRecipient[Resolved]) -> str | None:
    """ORCPT of what an alias forwards: the address the sender wrote to. RFC 3461 §5.2.7."""
    if rcpt.orcpt is not None or is_returning(rcpt.address):
        return rcpt.orcpt
    return as_orcpt(rcpt.address)


def as_orcpt(address: str) -> str | None:
    return f"rfc822;{xtext.encode(address)}" if address.isascii() else None


def _is_alias(rcpt: EnvelopeRecipient[Resolved]) -> bool:
    return rcpt.resolved.remote != (rcpt.address,)


def wishes(rcpt: EnvelopeRecipient[Resolved]) -> str | None:
    """NOTIFY for those behind an address, see told_before."""
    notify = None if rcpt.notify is None else str(rcpt.notify)
    return told_before(notify) if stands_for_several(rcpt.resolved) else notify


def stands_for_several(resolved: Resolved) -> bool:
    return len(resolved.local) + len(resolved.remote) > 1


def told_before(notify: str | None) -> str | None:
    """Success was told when the address turned out to be several: the next servers are asked for the rest only.

    RFC 3461 §5.2.7.3
    """
    if notify is None:
        return None
    return ",".join(word for word in notify.split(",") if word != str(Notify.SUCCESS)) or str(Notify.NEVER)


def as_sent(envelope: Envelope[Resolved]) -> tuple[QueueRecipient, ...]:
    """Every address once as RCPT had it, with the wishes of the first: what it stands for is asked when it leaves."""
    each: dict[str, QueueRecipient] = {}
    for rcpt in envelope.recipients:
        notify = str(rcpt.notify) if rcpt.notify is not None else None
        each.setdefault(rcpt.address, QueueRecipient(rcpt.address, notify, rcpt.orcpt))
    return tuple(each.values())


def _has_room(resolved: Resolved | None, octets: int, messages: int = 1) -> bool:
    if resolved is None or resolved.remote:
        return True
    return any(recipient.has_room(octets, messages) for recipient in resolved.local)
