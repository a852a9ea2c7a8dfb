"""From an envelope to what the outbound queue keeps of it."""

from datetime import datetime, timedelta

from mailserver.mail.transaction import Envelope
from mailserver.store.queue import Outgoing, Priority
from mailserver.store.recipients import Resolved
from mailserver.store.spool import Spooled


def outgoing(
    envelope: Envelope[Resolved],
    user_id: int | None,
    now: datetime,
    expire_days: float,
    spooled: Spooled,
    *,
    transaction_id: str | None = None,
    domain_id: int | None = None,
    priority: Priority = Priority.INTERACTIVE,
    not_before: datetime | None = None,
    tls_optional: bool = False,
) -> Outgoing:
    """`user_id`: who submitted it; None for what an alias forwards, with the sender it came with."""
    days = timedelta(days=expire_days)
    return Outgoing(
        sender=envelope.reverse_path,
        spooled=spooled,
        expires_at=_epoch_ms((not_before or now) + days),
        user_id=user_id,
        envid=envelope.envid,
        ret=envelope.ret,
        body=envelope.body,
        smtputf8=envelope.smtputf8,
        transaction_id=transaction_id,
        domain_id=domain_id,
        priority=priority,
        not_before=None if not_before is None else _epoch_ms(not_before),
        require_tls=envelope.require_tls,
        tls_optional=tls_optional,
    )


def _epoch_ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
