"""From an envelope to what the outbound queue keeps of it."""

from datetime import datetime, timedelta

from mailserver.mail.transaction import Envelope
from mailserver.store.queue import Outgoing, Spooled
from mailserver.store.recipients import Resolved


def outgoing(
    envelope: Envelope[Resolved], user_id: int | None, now: datetime, expire_days: float, spooled: Spooled
) -> Outgoing:
    """`user_id`: who submitted it; None for what an alias forwards, with the sender it came with."""
    return Outgoing(
        sender=envelope.reverse_path,
        spooled=spooled,
        expires_at=int((now + timedelta(days=expire_days)).timestamp() * 1000),
        user_id=user_id,
        envid=envelope.envid,
        ret=envelope.ret,
        body=envelope.body,
        smtputf8=envelope.smtputf8,
    )
