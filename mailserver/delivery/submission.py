"""587 and 465: mail of a logged-in account, to anybody. RFC 6409.

    MAIL   is there room, does the sender belong to the account, has it sent too much within the hour
    RCPT   accounts here, or any address elsewhere
    DATA   From and Sender belong to the account; Bcc out; Date, Message-ID and From in where they are missing
           → trace fields on top → what leaves is signed (DKIM)
           → one transaction: mailboxes here, queue rows for elsewhere, a copy in Sent → 250

Mail for later, or that can be taken back for a while, waits in the queue for everybody: whoever is here gets it then
too (local_carrier.py). The null reverse-path is allowed: clients send read receipts with it. From is checked all the
same.
"""

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

import structlog

from mailserver.clock import Clock
from mailserver.config.tree import DeliveryConfig, QueueConfig, SentCopies, SmtpConfig, SubmissionConfig
from mailserver.delivery import handling, header, ownership, recipients, successes, suppression
from mailserver.delivery.arriving import Arriving, Stage
from mailserver.delivery.outgoing import outgoing
from mailserver.delivery.recipients import Recipients
from mailserver.delivery.successes import Notifier
from mailserver.mail.dates import format_date
from mailserver.mail.editing import HeaderBlock, field_line, is_named
from mailserver.mail.transaction import Envelope
from mailserver.store import domains, hidden_fields, sent_copies, submissions
from mailserver.store.database import Rx, Tx
from mailserver.store.handover import Kept, Local, Remote, hand_over
from mailserver.store.queue import QueueRecipient
from mailserver.store.recipients import LocalRecipient, Resolved
from mailserver.store.staging import Incoming, Staged
from mailserver.store.store import Store
from mailserver.store.submissions import HourlyLimits

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


class Collects(Protocol):
    """Remembers whom an account writes to."""

    def prepare(
        self, user_id: int, block: HeaderBlock, recipients: Iterable[str], own: Iterable[str]
    ) -> Callable[[Tx], None] | None:
        """Work for the transaction that takes the message; None: none."""


@dataclass(frozen=True, slots=True)
class _Known:
    """Of the account, read before the message is taken."""

    domain_id: int | None  # that it is sent for
    copies: SentCopies


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
        notifier: Notifier | None = None,
        stages: Sequence[Stage] = (),
        collector: Collects | None = None,
    ) -> None:
        """`notifier`: None tells nobody of success. `collector`: None remembers nobody.

        `stages` look at what is delivered now, and change nothing in it.
        """
        self._store = store
        self._signer = signer
        self._clock = clock
        self._hostname = hostname
        self._recipients = Recipients(store, clock, hostname, delivery.max_alias_depth)
        self._random = random
        self._stages = stages
        self.reconfigure(smtp, delivery, queue)
        self._notifier = notifier
        self._collector = collector
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
        """Raises InsufficientStorage, BadAddress, SenderNotOwned, SendingLimit."""
        self._store.require_room()
        header.check_reverse_path(reverse_path)
        await self._store.read(self._check_account, account, reverse_path)

    async def resolve(self, account: Sender, address: str, size: int | None) -> Resolved:
        """`size`: octets as MAIL announced them.

        Raises NoSuchUser, MailboxDisabled, OverQuota, MailLoop, RecipientSuppressed.
        """
        resolved = await self._recipients.from_account(address, size)
        if resolved.remote == (address,):
            await self._store.read(suppression.require_none, address, int(self._clock.now().timestamp() * 1000))
        return resolved

    async def accept(self, account: Sender, envelope: Envelope[Resolved], incoming: Incoming) -> str:
        """Durable for every recipient when it returns the message's id; on a refusal nothing is left behind."""
        message_id = self._random(ID_OCTETS).hex()
        now = self._clock.now()
        epoch = int(now.timestamp())
        written, senders = await header.work(self._store, incoming, self._read, incoming)
        sender = envelope.reverse_path
        known = await self._store.read(self._look_up, account, senders, sender)
        written = self._complete(written, sender or account.address, epoch)
        block = written.without(is_named(*HIDDEN))
        not_before = self._release_time(envelope, now)
        if not_before is None:
            for stage in self._stages:
                await stage(Arriving(message_id, envelope, written, incoming))
        received = header.received(envelope, self._hostname, message_id, epoch)
        local, remote = _routes(envelope, is_held=not_before is not None)
        stored, sent = await header.work(
            self._store, incoming, header.render, block, sender, received, local, bool(remote)
        )
        if remote:
            body = incoming.pieces(block.octets)
            sent = await self._signer.sign_as_written(sent, sender, body, incoming.size) + sent
        leaving = partial(
            outgoing,
            envelope,
            account.user_id,
            now,
            self._expire_days,
            transaction_id=message_id,
            domain_id=known.domain_id,
            priority=handling.priority(block, len(envelope.recipients), self._config.bulk_recipients),
            not_before=not_before,
            tls_optional=handling.tls_optional(block, envelope.require_tls),
        )
        await hand_over(
            self._store,
            incoming,
            block.octets,
            Local(local, stored, sender, epoch),
            Remote(remote, sent, leaving),
            partial(
                self._note,
                account.user_id,
                len(envelope.recipients),
                message_id,
                _hidden(written, remote),
                self._collecting(account, envelope, written, senders),
            ),
            self._kept(account, known.copies, written, message_id, epoch, all_queued=not local),
        )
        if self._notifier is not None and not_before is None and (lines := successes.wanted(envelope)):
            await successes.tell(self._notifier, self._hostname, envelope, lines, block.render(), epoch)
        _log.info(
            "message submitted",
            id=message_id,
            user=account.address,
            sender=sender,
            octets=incoming.size,
            delivered=len(local),
            queued=len(remote),
            held_until=None if not_before is None else not_before.isoformat(),
        )
        return message_id

    def _read(self, incoming: Incoming) -> tuple[HeaderBlock, list[str]]:
        """The header as it came, and who it says wrote it."""
        block = header.read(incoming, self._hostname, self._max_hops).without(is_named(b"return-path"))
        return block, ownership.written_senders(block)

    def _check_account(self, rx: Rx, account: Sender, reverse_path: str) -> None:
        if reverse_path:
            self._require_owned(rx, account, [reverse_path])
        now_ms = int(self._clock.now().timestamp() * 1000)
        submissions.require(rx, account.user_id, 1, self._limits, now_ms)

    def _look_up(self, rx: Rx, account: Sender, senders: list[str], reverse_path: str) -> _Known:
        """Raises SenderNotOwned."""
        self._require_owned(rx, account, senders)
        own = [*senders, reverse_path, account.address]
        found = (domains.find(rx, address.rpartition("@")[2]) for address in own if address)
        domain = next((each for each in found if each is not None), None)
        choice = sent_copies.choice(rx, account.user_id)
        copies = self._config.sent_copies if choice is None else SentCopies(choice)
        return _Known(None if domain is None else domain.id, copies)

    def _require_owned(self, rx: Rx, account: Sender, senders: list[str]) -> None:
        ownership.require(rx, account.user_id, senders, self._hostname, self._recipients.max_depth)

    @property
    def _limits(self) -> HourlyLimits:
        return HourlyLimits(self._per_hour, self._config.domain_per_hour)

    def _release_time(self, envelope: Envelope[Resolved], now: datetime) -> datetime | None:
        """When it may leave, None for at once: as the sender asked, and not while it can be taken back."""
        if envelope.hold_until is None and not self._config.undo_seconds:
            return None
        undone = now + timedelta(seconds=self._config.undo_seconds)
        return max(undone, envelope.hold_until or undone)

    def _note(
        self,
        user_id: int,
        recipients: int,
        message_id: str,
        hidden: bytes,
        collect: Callable[[Tx], None] | None,
        tx: Tx,
    ) -> None:
        submissions.add(tx, user_id, recipients, self._limits)
        if hidden:
            hidden_fields.add(tx, message_id, hidden)
        if collect is not None:
            collect(tx)

    def _collecting(
        self, account: Sender, envelope: Envelope[Resolved], block: HeaderBlock, senders: list[str]
    ) -> Callable[[Tx], None] | None:
        """A null reverse-path is of read receipts: nobody chose to write those."""
        if self._collector is None or not envelope.reverse_path:
            return None
        recipients = [each.address for each in envelope.recipients]
        own = (account.address, envelope.reverse_path, *senders)
        return self._collector.prepare(account.user_id, block, recipients, own)

    def _kept(
        self, account: Sender, copies: SentCopies, block: HeaderBlock, message_id: str, epoch: int, *, all_queued: bool
    ) -> Kept | None:
        """With its Bcc: it is the sender's own."""
        if copies is SentCopies.OFF:
            return None
        yields = copies is SentCopies.DEDUPE

        def file(tx: Tx, staged: Staged) -> bool:
            user_id = account.user_id
            return sent_copies.file(tx, user_id, staged, message_id, epoch, yields=yields, all_queued=all_queued)

        return Kept(block.render(), file)

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


def _routes(
    envelope: Envelope[Resolved], *, is_held: bool
) -> tuple[tuple[LocalRecipient, ...], tuple[QueueRecipient, ...]]:
    """Who gets it now, and who through the queue: everybody, where it does not leave yet."""
    if is_held:
        return (), recipients.as_sent(envelope)
    return recipients.local(envelope), recipients.remote(envelope)


def _hidden(block: HeaderBlock, remote: tuple[QueueRecipient, ...]) -> bytes:
    """What the others do not see and the sender wants back with a message he takes back."""
    return b"".join([field.line for field in block.fields if field.name in HIDDEN]) if remote else b""
