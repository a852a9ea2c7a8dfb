"""Mail of the scheduling service on its way: signed, into the outbound queue, and into mailboxes here where an address
stands for several people of ours. From the calendar user himself, so that answers and bounces find him."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from mailserver.clock import Clock
from mailserver.config.tree import Config
from mailserver.delivery import ownership
from mailserver.dkim.sign import Signer
from mailserver.errors import Refusal, SenderNotOwned
from mailserver.groupware.scheduling.letters import Letter
from mailserver.mail import trace
from mailserver.mail.transaction import Body
from mailserver.store import domains, recipients, submissions
from mailserver.store.database import Rx, Tx
from mailserver.store.handover import Local, Remote, hand_over
from mailserver.store.queue import Outgoing, QueueRecipient
from mailserver.store.recipients import Resolved
from mailserver.store.scheduling_mail import Waiting
from mailserver.store.spool import Spooled
from mailserver.store.store import Store
from mailserver.store.submissions import HourlyLimits

ID_OCTETS = 8


class SchedulingPost:
    """As groupware.scheduling.posting.Post."""

    def __init__(
        self, store: Store, clock: Clock, signer: Signer, config: Config, random: Callable[[int], bytes]
    ) -> None:
        self._store = store
        self._clock = clock
        self._signer = signer
        self._random = random
        self.reconfigure(config)

    def reconfigure(self, config: Config) -> None:
        self._hostname = config.server.hostname
        self._max_depth = config.delivery.max_alias_depth
        self._expire_days = config.queue.expire_days
        self._limits = HourlyLimits(config.smtp.submission_per_hour, config.submission.domain_per_hour)

    async def send(self, waiting: Waiting, letter: Letter, check: Callable[[Tx], None]) -> None:
        """Raises NoSuchUser …, SenderNotOwned, SendingLimit, InsufficientStorage."""
        self._store.require_room()
        to, domain_id = await self._store.read(self._look_up, waiting)
        now = self._clock.now()
        name = self._random(ID_OCTETS).hex()
        header, _, body = letter.octets.partition(b"\r\n\r\n")
        signature = b""
        if to.remote:
            signature = await self._signer.sign_as_written(header + b"\r\n", waiting.sender, [body])

        def outgoing(spooled: Spooled) -> Outgoing:
            expires = now + timedelta(days=self._expire_days)
            return Outgoing(
                sender=waiting.sender,
                spooled=spooled,
                expires_at=int(expires.timestamp() * 1000),
                user_id=waiting.user_id,
                body=Body.EIGHT_BIT if letter.is_8bit else Body.SEVEN_BIT,
                smtputf8=letter.is_utf8,
                transaction_id=name,
                domain_id=domain_id,
            )

        remote = tuple(QueueRecipient(address) for address in to.remote)
        local = Local(to.local, trace.return_path(waiting.sender), waiting.sender, int(now.timestamp()))
        async with self._store.incoming() as incoming:
            await incoming.write(letter.octets)
            agreed = partial(self._check, waiting=waiting, check=check)
            await hand_over(self._store, incoming, 0, local, Remote(remote, signature, outgoing), agreed)

    def _look_up(self, rx: Rx, waiting: Waiting) -> tuple[Resolved, int | None]:
        try:
            ownership.require(rx, waiting.user_id, [waiting.sender], self._hostname, self._max_depth)
        except Refusal as fault:  # an alias that was taken away since
            raise SenderNotOwned(fault.text) from None
        found = recipients.resolve(rx, waiting.recipient, self._hostname, self._max_depth)
        domain = domains.find(rx, waiting.sender.rpartition("@")[2])
        return found or Resolved((), (waiting.recipient,)), None if domain is None else domain.id

    def _check(self, tx: Tx, waiting: Waiting, check: Callable[[Tx], None]) -> None:
        check(tx)
        submissions.add(tx, waiting.user_id, 1, self._limits)
