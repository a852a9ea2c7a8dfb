"""Port 25: mail for the accounts here, from anybody.

MAIL   is there room on the disk, can the sender stand in a header
RCPT   who is it for (recipients.py)
DATA   header read, forged results out, hops counted
       → the stages, in order: each may refuse, or add fields to the header; authentication of mail comes first
       → trace fields on top → handed over (store/handover.py) → 250
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import structlog

from mailserver.clock import Clock
from mailserver.config.tree import BouncesConfig, DeliveryConfig, QueueConfig, SmtpConfig
from mailserver.delivery import handling, header, recipients, successes
from mailserver.delivery.arriving import Arriving, Stage
from mailserver.delivery.forwards import AsItCame, Forwards
from mailserver.delivery.incoming_reports import IncomingReports
from mailserver.delivery.outgoing import outgoing
from mailserver.delivery.recipients import Recipients
from mailserver.delivery.successes import Notifier
from mailserver.mail.marked_paths import Marks
from mailserver.mail.transaction import Envelope, Peer
from mailserver.store.handover import Local, Remote, hand_over
from mailserver.store.recipients import Resolved
from mailserver.store.staging import Incoming
from mailserver.store.store import Store

ID_OCTETS = 8

_log = structlog.get_logger("delivery")


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
        *,
        forwards: Forwards | None = None,
        notifier: Notifier | None = None,
        bounces: BouncesConfig | None = None,
        marks: Marks | None = None,
    ) -> None:
        """`forwards`: None sends mail on as it came; `notifier`: None tells nobody of success; `marks`: of the
        reverse-paths that our mail leaves with."""
        self._store = store
        self._clock = clock
        self._hostname = hostname
        self._recipients = Recipients(store, clock, hostname, delivery.max_alias_depth)
        self._stages = stages
        self._random = random
        self._forwards = forwards or AsItCame()
        self._notifier = notifier
        self.reports = IncomingReports(store, clock, bounces or BouncesConfig(), marks)
        self.reconfigure(smtp, delivery, queue)

    def reconfigure(self, smtp: SmtpConfig, delivery: DeliveryConfig, queue: QueueConfig) -> None:
        self._max_hops = smtp.max_hops
        self._recipients.max_depth = delivery.max_alias_depth
        self._expire_days = queue.expire_days

    async def check_sender(self, reverse_path: str, peer: Peer) -> None:
        """Raises InsufficientStorage, BadAddress."""
        self._store.require_room()
        header.check_reverse_path(reverse_path)

    async def resolve(self, address: str, size: int | None, reverse_path: str) -> Resolved:
        """`size`: octets as MAIL announced them.

        Raises NoSuchUser, MailboxDisabled, RelayDenied, OverQuota, MailLoop; BadReturnAddress where a return
        address of ours is not valid, or is written to by others than servers with a bounce.
        """
        returning = await self._forwards.returning(address, reverse_path)
        return returning or await self._recipients.from_anybody(address, size)

    async def accept(self, envelope: Envelope[Resolved], incoming: Incoming) -> str:
        """Durable for every recipient when it returns the message's id; on a refusal nothing is left behind."""
        message_id = self._random(ID_OCTETS).hex()
        block = await header.work(self._store, incoming, header.read, incoming, self._hostname, self._max_hops)
        arriving = Arriving(message_id, envelope, block, incoming)
        for stage in self._stages:
            arriving = await stage(arriving)
        now = self._clock.now()
        received = header.received(envelope, self._hostname, message_id, int(now.timestamp()))
        local, sender = recipients.local(envelope), envelope.reverse_path
        forwarded = await self._forwards.prepare(arriving, received)
        stored, _ = await header.work(
            self._store, incoming, header.render, arriving.header, sender, received, local, False
        )
        sent = replace(envelope, reverse_path=forwarded.reverse_path)
        await hand_over(
            self._store,
            incoming,
            block.octets,
            Local(local, stored, sender, int(now.timestamp())),
            Remote(
                forwarded.recipients,
                forwarded.header,
                partial(
                    outgoing,
                    sent,
                    None,
                    now,
                    self._expire_days,
                    transaction_id=message_id,
                    domain_id=forwarded.domain_id,
                    priority=handling.priority(arriving.header),
                    tls_optional=handling.tls_optional(arriving.header, envelope.require_tls),
                ),
            ),
            await self.reports.read(arriving),
        )
        await self._tell_success(arriving, int(now.timestamp()))
        _log.info(
            "message accepted",
            id=message_id,
            peer=envelope.peer.address,
            sender=sender,
            octets=incoming.size,
            delivered=len(local),
            forwarded=len(forwarded.recipients),
        )
        return message_id

    async def _tell_success(self, arriving: Arriving, epoch: int) -> None:
        lines = successes.wanted(arriving.envelope)
        if lines and self._notifier is not None and not await self._forwards.is_forged(arriving):
            original = arriving.header.render()
            await successes.tell(self._notifier, self._hostname, arriving.envelope, lines, original, epoch)
