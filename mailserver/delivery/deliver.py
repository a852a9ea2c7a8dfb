"""Port 25: mail for the accounts here, from anybody.

MAIL   is there room on the disk, can the sender stand in a header
RCPT   who is it for (recipients.py)
DATA   header read, forged results out, hops counted
       → the stages, in order: each may refuse, or add fields to the header; authentication of mail comes first
       → trace fields on top → handed over (store/handover.py) → 250
"""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from mailserver.clock import Clock
from mailserver.config.tree import DeliveryConfig, QueueConfig, SmtpConfig
from mailserver.delivery import handling, header, recipients
from mailserver.delivery.outgoing import outgoing
from mailserver.delivery.recipients import Recipients
from mailserver.mail.editing import HeaderBlock
from mailserver.mail.transaction import Envelope, Peer
from mailserver.store.handover import Local, Remote, hand_over
from mailserver.store.recipients import Resolved
from mailserver.store.staging import Incoming
from mailserver.store.store import Store

ID_OCTETS = 8

_log = structlog.get_logger("delivery")


@dataclass(frozen=True, slots=True)
class Arriving:
    """A message that has come in and is not yet ours."""

    id: str  # names it in the 250, in Received and in the log
    envelope: Envelope[Resolved]
    header: HeaderBlock  # as it will be stored, without our trace fields
    incoming: Incoming  # all octets as they came; the body begins at header.octets


Stage = Callable[[Arriving], Awaitable[Arriving]]


class LocalDelivery:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        hostname: str,
        smtp: SmtpConfig,
        delivery: DeliveryConfig,
        queue: QueueConfig,
        stages: Sequence[Stage] = (),
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._store = store
        self._clock = clock
        self._hostname = hostname
        self._recipients = Recipients(store, clock, hostname, delivery.max_alias_depth)
        self._stages = stages
        self._random = random
        self.reconfigure(smtp, delivery, queue)

    def reconfigure(self, smtp: SmtpConfig, delivery: DeliveryConfig, queue: QueueConfig) -> None:
        self._max_hops = smtp.max_hops
        self._recipients.max_depth = delivery.max_alias_depth
        self._expire_days = queue.expire_days

    async def check_sender(self, reverse_path: str, peer: Peer) -> None:
        """Raises InsufficientStorage, BadAddress."""
        self._store.require_room()
        header.check_reverse_path(reverse_path)

    async def resolve(self, address: str, size: int | None) -> Resolved:
        """`size`: octets as MAIL announced them.

        Raises NoSuchUser, MailboxDisabled, RelayDenied, OverQuota, MailLoop.
        """
        return await self._recipients.from_anybody(address, size)

    async def accept(self, envelope: Envelope[Resolved], incoming: Incoming) -> str:
        """Durable for every recipient when it returns the message's id; on a refusal nothing is left behind."""
        message_id = self._random(ID_OCTETS).hex()
        block = await header.work(self._store, incoming, header.read, incoming, self._hostname, self._max_hops)
        arriving = Arriving(message_id, envelope, block, incoming)
        for stage in self._stages:
            arriving = await stage(arriving)
        now = self._clock.now()
        received = header.received(envelope, self._hostname, message_id, int(now.timestamp()))
        local, remote = recipients.local(envelope), recipients.remote(envelope)
        sender = envelope.reverse_path
        stored, forwarded = await header.work(
            self._store, incoming, header.render, arriving.header, sender, received, local, bool(remote)
        )
        await hand_over(
            self._store,
            incoming,
            block.octets,
            Local(local, stored, sender, int(now.timestamp())),
            Remote(
                remote,
                forwarded,
                partial(
                    outgoing,
                    envelope,
                    None,
                    now,
                    self._expire_days,
                    transaction_id=message_id,
                    priority=handling.priority(arriving.header),
                    tls_optional=handling.tls_optional(arriving.header, envelope.require_tls),
                ),
            ),
        )
        _log.info(
            "message accepted",
            id=message_id,
            peer=envelope.peer.address,
            sender=sender,
            octets=incoming.size,
            delivered=len(local),
            forwarded=len(remote),
        )
        return message_id
