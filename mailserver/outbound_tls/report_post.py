"""A report's mail on its way: signed, and into the queue; or into the mailbox, where it is for somebody here."""

from collections.abc import Awaitable, Callable
from functools import partial

from mailserver.clock import Clock
from mailserver.mail import trace
from mailserver.store import recipients
from mailserver.store.handover import Local, Remote, hand_over
from mailserver.store.queue import Outgoing, Priority, QueueRecipient
from mailserver.store.recipients import Resolved
from mailserver.store.spool import Spooled
from mailserver.store.store import Store

EXPIRE_HOURS = 24  # a report that could not be delivered for a day is worth nothing, RFC 8460 §5.3

# (header, reverse-path, body) → DKIM-Signature field lines for the top
Sign = Callable[[bytes, str, bytes], Awaitable[bytes]]


class ReportPost:
    def __init__(self, store: Store, clock: Clock, hostname: str, sign: Sign) -> None:
        self._store = store
        self._clock = clock
        self._hostname = hostname
        self._sign = sign

    async def send(self, sender: str, recipient: str, message: bytes) -> None:
        """Durable when it returns. Raises Refusal: nobody of that name here, a full disk."""
        resolved = await self._store.read(recipients.resolve, recipient, self._hostname)
        resolved = resolved or Resolved((), (recipient,))
        header, _, body = message.partition(b"\r\n\r\n")
        signature = await self._sign(header + b"\r\n", sender, body)
        now = int(self._clock.now().timestamp())
        async with self._store.incoming() as incoming:
            await incoming.write(message)
            await hand_over(
                self._store,
                incoming,
                0,
                Local(resolved.local, trace.return_path(sender) + signature, sender, now),
                Remote(
                    tuple(map(QueueRecipient, resolved.remote)),
                    signature,
                    partial(_outgoing, sender, (now + EXPIRE_HOURS * 3600) * 1000),
                ),
            )


def _outgoing(sender: str, expires_at: int, spooled: Spooled) -> Outgoing:
    """In clear text rather than not at all: broken TLS is what the report may be about. RFC 8460 §5.3"""
    return Outgoing(sender=sender, spooled=spooled, expires_at=expires_at, priority=Priority.BULK, tls_optional=True)
