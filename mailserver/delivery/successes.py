"""Senders who asked to hear of success (NOTIFY=SUCCESS), as far as it is ours to tell. RFC 3461 §5.2.

    a mailbox here                 delivered
    an alias for several           expanded; the next servers are not asked to tell of success
    an alias for one elsewhere     nothing yet: the wish goes on with the message

A sender whose domain says that it did not send the message (SPF fail, softfail) is not told: it would be a stranger
who hears of mail he never wrote. The message is ours whatever becomes of the notification.
"""

from collections.abc import Callable
from typing import Protocol

import structlog

from mailserver.errors import Refusal
from mailserver.mail.reports import Action, RecipientStatus, Report
from mailserver.mail.transaction import Envelope, EnvelopeRecipient, Notify
from mailserver.store.database import Tx
from mailserver.store.recipients import Resolved

SUCCESS = "2.0.0"

_log = structlog.get_logger("delivery")


class Notifier(Protocol):
    async def tell(self, report: Report, original: bytes, size: int, check: Callable[[Tx], None], /) -> None:
        """Bring it to its sender; `original`: the first octets of a message of `size`. Raises Refusal."""


def wanted(envelope: Envelope[Resolved]) -> tuple[RecipientStatus, ...]:
    """What there is to tell; () for the null reverse-path."""
    if not envelope.reverse_path:
        return ()
    asked = [rcpt for rcpt in envelope.recipients if rcpt.notify is not None and Notify.SUCCESS in rcpt.notify]
    lines = [_line(rcpt) for rcpt in asked]
    return tuple(line for line in lines if line is not None)


async def tell(
    notifier: Notifier,
    hostname: str,
    envelope: Envelope[Resolved],
    lines: tuple[RecipientStatus, ...],
    header: bytes,
    epoch: int,
) -> None:
    """After the message is ours; a notification that can not be made now is not worth refusing it."""
    report = Report(hostname, envelope.reverse_path, lines, epoch, envelope.envid, envelope.ret, envelope.require_tls)
    try:
        await notifier.tell(report, header, len(header), _nothing)
    except Refusal as refusal:
        _log.warning("success not told", sender=envelope.reverse_path, error=refusal.text)


def _line(rcpt: EnvelopeRecipient[Resolved]) -> RecipientStatus | None:
    boxes, elsewhere = len(rcpt.resolved.local), len(rcpt.resolved.remote)
    if boxes + elsewhere > 1:
        return RecipientStatus(rcpt.address, Action.EXPANDED, SUCCESS, rcpt.orcpt)
    return RecipientStatus(rcpt.address, Action.DELIVERED, SUCCESS, rcpt.orcpt) if boxes else None


def _nothing(tx: Tx) -> None:
    """There is nothing to write with it."""
