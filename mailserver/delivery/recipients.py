"""What becomes of a forward-path: accounts here, addresses elsewhere, or a refusal. Asked at RCPT.

A mailbox that is full refuses at RCPT already (452 4.2.2), by the size that MAIL announced. Where an address stands
for several accounts, one with room is enough: mail is never dropped for the others behind everybody's back, they get
it over their quota.
"""

from mailserver.errors import OverQuota, RelayDenied
from mailserver.mail.transaction import Envelope
from mailserver.store import recipients
from mailserver.store.database import Rx
from mailserver.store.queue import QueueRecipient
from mailserver.store.recipients import LocalRecipient, Resolved


def from_anybody(rx: Rx, address: str, size: int | None, hostname: str, max_depth: int) -> Resolved:
    """Port 25: never a relay. Raises RelayDenied, OverQuota and what recipients.resolve raises."""
    resolved = recipients.resolve(rx, address, hostname, max_depth)
    if resolved is None:
        raise RelayDenied
    _require_room(resolved, size)
    return resolved


def from_account(rx: Rx, address: str, size: int | None, hostname: str, max_depth: int) -> Resolved:
    """Submission: to anybody. Raises OverQuota and what recipients.resolve raises."""
    resolved = recipients.resolve(rx, address, hostname, max_depth)
    if resolved is None:
        return Resolved((), (address,))
    _require_room(resolved, size)
    return resolved


def local(envelope: Envelope[Resolved]) -> tuple[LocalRecipient, ...]:
    """Every account of the envelope once, in the order of RCPT."""
    each: dict[int, LocalRecipient] = {}
    for rcpt in envelope.recipients:
        for recipient in rcpt.resolved.local:
            each.setdefault(recipient.user_id, recipient)
    return tuple(each.values())


def remote(envelope: Envelope[Resolved]) -> tuple[QueueRecipient, ...]:
    """Every address elsewhere once, with the wishes of the first RCPT that led to it."""
    each: dict[str, QueueRecipient] = {}
    for rcpt in envelope.recipients:
        notify = str(rcpt.notify) if rcpt.notify is not None else None
        for address in rcpt.resolved.remote:
            each.setdefault(address, QueueRecipient(address, notify, rcpt.orcpt))
    return tuple(each.values())


def _require_room(resolved: Resolved, size: int | None) -> None:
    if not resolved.remote and not any(recipient.has_room(size or 1) for recipient in resolved.local):
        raise OverQuota
