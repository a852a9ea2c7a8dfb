"""587 and 465: mail of a logged-in account, to anybody. RFC 6409.

    MAIL   is there room, does the sender belong to the account, has it sent too much within the hour
    RCPT   accounts here, or any address elsewhere
    DATA   From and Sender belong to the account; Bcc out; Date, Message-ID and From in where they are missing
           → trace fields on top → what leaves is signed (DKIM)
           → one transaction: mailboxes here, queue rows for elsewhere → 250

The null reverse-path is allowed: clients send read receipts with it. From is checked all the same.
"""

import secrets
from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol

import structlog

from mailserver.clock import Clock
from mailserver.config.tree import DeliveryConfig, QueueConfig, SmtpConfig, SubmissionConfig
from mailserver.delivery import header, ownership, recipients
from mailserver.delivery.outgoing import outgoing
from mailserver.delivery.recipients import Recipients
from mailserver.errors import LimitReached
from mailserver.mail.dates import format_date
from mailserver.mail.editing import HeaderBlock, field_line, is_named
from mailserver.mail.transaction import Envelope
from mailserver.store import submissions
from mailserver.store.database import Rx, Tx
from mailserver.store.handover import Local, Remote, hand_over
from mailserver.store.recipients import Resolved
from mailserver.store.staging import Incoming
from mailserver.store.store import Store

ID_OCTETS = 8
DAY_SECONDS = 86_400
MESSAGE_ID_OCTETS = 16
HIDDEN = (b"bcc", b"resent-bcc")  # RFC 5322 §3.6.3: not for the others

_log = structlog.get_logger("submission")


class Sender(Protocol):
    """The account that is logged in."""

    @property
    def user_id(self) -> int: ...

    @property
    def address(self) -> str: ...


class Signs(Protocol):
    """DKIM, for what leaves."""

    async def sign_as_written(
        self, header: bytes, reverse_path: str, body: Iterable[bytes], octets: int | None = None
    ) -> bytes:
        """Field lines for the top of this header, b"" where it goes unsigned."""


class Submission:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        hostname: str,
        smtp: SmtpConfig,
        delivery: DeliveryConfig,
        queue: QueueConfig,
        signer: Signs,
        random: Callable[[int], bytes] = secrets.token_bytes,
        *,
        submission: SubmissionConfig | None = None,
    ) -> None:
        self._store = store
        self._signer = signer
        self._clock = clock
        self._hostname = hostname
        self._recipients = Recipients(store, clock, hostname, delivery.max_alias_depth)
        self._random = random
        self.reconfigure(smtp, delivery, queue)
        self.configure(submission or SubmissionConfig())

    def reconfigure(self, smtp: SmtpConfig, delivery: DeliveryConfig, queue: QueueConfig) -> None:
        self._max_hops = smtp.max_hops
        self._per_hour = smtp.submission_per_hour
        self._recipients.max_depth = delivery.max_alias_depth
        self._expire_days = queue.expire_days

    def configure(self, config: SubmissionConfig) -> None:
        self._config = config

    @property
    def max_hold_seconds(self) -> int:
        return int(self._config.max_hold_days * DAY_SECONDS)

    async def check_sender(self, account: Sender, reverse_path: str) -> None:
        """Raises InsufficientStorage, BadAddress, SenderNotOwned, LimitReached."""
        self._store.require_room()
        header.check_reverse_path(reverse_path)
        await self._store.read(self._check_account, account, reverse_path)

    async def resolve(self, account: Sender, address: str, size: int | None) -> Resolved:
        """`size`: octets as MAIL announced them. Raises NoSuchUser, MailboxDisabled, OverQuota, MailLoop."""
        return await self._recipients.from_account(address, size)

    async def accept(self, account: Sender, envelope: Envelope[Resolved], incoming: Incoming) -> str:
        """Durable for every recipient when it returns the message's id; on a refusal nothing is left behind."""
        message_id = self._random(ID_OCTETS).hex()
        now = self._clock.now()
        epoch = int(now.timestamp())
        block, senders = await header.work(self._store, incoming, self._read, incoming)
        await self._store.read(self._require_owned, account, senders)
        received = header.received(envelope, self._hostname, message_id, epoch)
        local, remote = recipients.local(envelope), recipients.remote(envelope)
        sender = envelope.reverse_path
        block = self._complete(block, sender or account.address, epoch)
        stored, sent = await header.work(
            self._store, incoming, header.render, block, sender, received, local, bool(remote)
        )
        if remote:
            body = incoming.pieces(block.octets)
            sent = await self._signer.sign_as_written(sent, sender, body, incoming.size) + sent
        await hand_over(
            self._store,
            incoming,
            block.octets,
            Local(local, stored, sender, epoch),
            Remote(remote, sent, partial(outgoing, envelope, account.user_id, now, self._expire_days)),
            partial(self._count, account.user_id, len(envelope.recipients)),
        )
        _log.info(
            "message submitted",
            id=message_id,
            user=account.address,
            sender=sender,
            octets=incoming.size,
            delivered=len(local),
            queued=len(remote),
        )
        return message_id

    def _read(self, incoming: Incoming) -> tuple[HeaderBlock, list[str]]:
        """The header without what only the sender may see, and who it says wrote it."""
        block = header.read(incoming, self._hostname, self._max_hops).without(is_named(*HIDDEN))
        return block, ownership.written_senders(block)

    def _check_account(self, rx: Rx, account: Sender, reverse_path: str) -> None:
        if reverse_path:
            self._require_owned(rx, account, [reverse_path])
        now_ms = int(self._clock.now().timestamp() * 1000)
        if submissions.count(rx, account.user_id, now_ms) >= self._per_hour:
            raise LimitReached(f"Too many recipients within an hour; the limit is {self._per_hour}")

    def _require_owned(self, rx: Rx, account: Sender, senders: list[str]) -> None:
        ownership.require(rx, account.user_id, senders, self._hostname, self._recipients.max_depth)

    def _count(self, user_id: int, recipients: int, tx: Tx) -> None:
        submissions.add(tx, user_id, recipients, self._per_hour)

    def _complete(self, block: HeaderBlock, sender: str, epoch: int) -> HeaderBlock:
        """RFC 6409 §8.2, §8.3."""
        missing = {
            b"date": ("Date", format_date(epoch)),
            b"from": ("From", f"<{sender}>"),
            b"message-id": ("Message-ID", f"<{self._random(MESSAGE_ID_OCTETS).hex()}@{self._hostname}>"),
        }
        return block.with_first(
            field_line(name, value) for field, (name, value) in missing.items() if not block.has(field)
        )
