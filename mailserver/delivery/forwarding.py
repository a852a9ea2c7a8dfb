"""Mail for aliases whose destinations are at other servers: sent on so that it arrives, and bounces find back.

    reverse-path   rewritten into the alias's domain (SRS), so that SPF holds and a bounce comes to us first; the null
                   one stays; one whose domain says that it was forged is never bounced to: postmaster of the alias's
                   domain hears of failures instead
    header         left as it is, with Received and a mark against rings on top. Only where the author's DMARC policy
                   would have the message refused, since no signature of the author's domain holds, From is ours and
                   the author stands in Reply-To
    ARC            our set on top, with what we checked when the message came; signed anew where From is ours
    not forwarded  what was judged spam; what this alias sent on before; too many notifications within an hour

An alias that leads to accounts here as well loses nothing by that; where nothing is left the message is refused, at
the end of DATA, and its sender hears of it from its own server.
"""

import base64
import hashlib
import hmac
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from mailserver.clock import Clock
from mailserver.config.tree import ForwardingConfig
from mailserver.delivery import header, recipients
from mailserver.delivery.arriving import Arriving
from mailserver.delivery.evidence import Evidence, Examiner
from mailserver.delivery.forwards import Forwarded
from mailserver.dkim.sign import Signer
from mailserver.errors import BadReturnAddress, LimitReached, MailLoop, NotPermitted, Refusal
from mailserver.mail import via
from mailserver.mail.editing import field_line
from mailserver.mail.marked_paths import is_marked
from mailserver.mail.transaction import EnvelopeRecipient
from mailserver.store import domains
from mailserver.store.database import Rx
from mailserver.store.queue import QueueRecipient
from mailserver.store.recipients import Resolved, resolve
from mailserver.store.return_paths import ReturnPaths, belongs_here, is_ours, is_returning
from mailserver.store.store import Store

MARK_LETTERS = 20  # of base32
MAX_NOTIFICATIONS = 200  # from the null reverse-path that are sent on within WINDOW_SECONDS
WINDOW_SECONDS = 3600.0

_log = structlog.get_logger("delivery")


NOTHING = Forwarded((), "", b"")


@dataclass(frozen=True, slots=True)
class _Way:
    """One RCPT that leads elsewhere."""

    rcpt: EnvelopeRecipient[Resolved]
    mark: str


class Forwarding:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        hostname: str,
        key: bytes,
        return_paths: ReturnPaths,
        examiner: Examiner,
        signer: Signer,
        random: Callable[[int], bytes],
        config: ForwardingConfig,
    ) -> None:
        """`key`: of the marks against rings."""
        self._store = store
        self._clock = clock
        self._hostname = hostname
        self._key = key
        self._return_paths = return_paths
        self._examiner = examiner
        self._signer = signer
        self._random = random
        self._notifications: deque[float] = deque()
        self.config = config

    def reconfigure(self, config: ForwardingConfig) -> None:
        self.config = config

    async def returning(self, address: str, reverse_path: str) -> Resolved | None:
        """At RCPT: who a bounce to this address is for; None where it is no return address of ours.

        Raises BadReturnAddress, and what store.recipients.resolve raises for a first sender who is here.
        """
        if not is_returning(address):
            return None
        now_ms = int(self._clock.now().timestamp() * 1000)
        return await self._store.read(self._returning, address, reverse_path, now_ms)

    async def prepare(self, arriving: Arriving, received: bytes) -> Forwarded:
        """NOTHING where nobody elsewhere gets it. Raises MailLoop, NotPermitted, LimitReached where nobody at all does.

        `received`: our field.
        """
        ways = self._ways(arriving)
        if not ways:
            return NOTHING
        refusal, ways = self._allowed(arriving, ways)
        if not ways:
            if refusal is not None and not recipients.local(arriving.envelope):
                raise refusal
            _log.warning("mail not forwarded", id=arriving.id, reason=refusal.text if refusal else "")
            return NOTHING
        is_back = not arriving.envelope.reverse_path and all(is_returning(way.rcpt.address) for way in ways)
        if is_back:  # a notification on its way back
            return Forwarded(_elsewhere(ways), "", header.for_servers(arriving.header, received))
        evidence = await self._examiner.examine(arriving)
        through = ways[0].rcpt.address
        reverse_path = await self._reverse_path(arriving, through, evidence)
        sent = await self._header(arriving, ways, received, evidence)
        domain = await self._store.read(domains.find, through.rpartition("@")[2])
        return Forwarded(_elsewhere(ways), reverse_path, sent, domain.id if domain is not None else None)

    async def is_forged(self, arriving: Arriving) -> bool:
        envelope = arriving.envelope
        return (await self._examiner.spf(envelope.peer, envelope.reverse_path)).says_forged

    # ---- who ----

    def _returning(self, rx: Rx, address: str, reverse_path: str, now_ms: int) -> Resolved | None:
        if not belongs_here(rx, address):
            return None
        if reverse_path and not is_marked(address):  # people who answer to Return-Path are told at the end of DATA
            raise BadReturnAddress("This address takes nothing but notifications, from the null reverse-path")
        sender = self._return_paths.first_sender(rx, address, now_ms)
        return resolve(rx, sender, self._hostname) or Resolved((), (sender,))

    def _ways(self, arriving: Arriving) -> list[_Way]:
        return [_Way(rcpt, self._mark(rcpt.address)) for rcpt in arriving.envelope.recipients if rcpt.resolved.remote]

    def _allowed(self, arriving: Arriving, ways: list[_Way]) -> tuple[Refusal | None, list[_Way]]:
        """Those that may be gone, and why the others may not."""
        if arriving.is_spam and not self.config.spam:
            return NotPermitted("The message was judged to be spam and is not forwarded"), []
        marks = {value.decode("utf-8", "replace").strip() for value in arriving.header.values(b"x-loop")}
        new = [way for way in ways if way.mark not in marks]
        if not new:
            return MailLoop("Mail loop: this address has forwarded the message before"), []
        if not arriving.envelope.reverse_path and not self._may_notify():
            return LimitReached("Too many notifications to forward within an hour; try again later"), []
        return None, new

    def _may_notify(self) -> bool:
        """Whoever forges an address of ours makes the whole world send notifications to it."""
        now = self._clock.monotonic()
        while self._notifications and self._notifications[0] <= now - WINDOW_SECONDS:
            self._notifications.popleft()
        if len(self._notifications) >= MAX_NOTIFICATIONS:
            return False
        self._notifications.append(now)
        return True

    # ---- as what ----

    async def _reverse_path(self, arriving: Arriving, through: str, evidence: Evidence) -> str:
        sender, domain = arriving.envelope.reverse_path, through.rpartition("@")[2]
        if not sender:
            return ""
        if evidence.spf.says_forged:
            return f"postmaster@{domain}"
        if await self._store.read(is_ours, sender):
            return sender
        direct = self._return_paths.direct(sender, domain, int(self._clock.now().timestamp() * 1000))
        if direct is not None:
            return direct
        return await self._store.write(self._return_paths.rewritten, sender, domain, self._random)

    async def _header(self, arriving: Arriving, ways: list[_Way], received: bytes, evidence: Evidence) -> bytes:
        """Whoever is behind one alias is not told that another got the message too: it may have been in Bcc."""
        incoming, block, through = arriving.incoming, arriving.header, ways[0].rcpt.address
        domain = through.rpartition("@")[2].lower()
        marks = [field_line("X-Loop", way.mark) for way in ways]
        rewrites = self.config.rewrite_from and evidence.needs_new_from
        if rewrites:
            block = via.rewritten(block, through if len(ways) == 1 else f"postmaster@{domain}")
        sent = header.for_servers(block.with_first(marks), received)
        if rewrites:
            sent = await self._signer.sign(domain, sent, incoming.pieces(arriving.header.octets)) + sent
        if not self.config.seal:
            return sent
        envelope = arriving.envelope
        results = evidence.as_results(self._hostname, envelope.peer, envelope.reverse_path)
        body = incoming.pieces(arriving.header.octets)
        return await self._examiner.chains.seal(domain, sent, body, results, evidence.chain) + sent

    def _mark(self, address: str) -> str:
        """Of this server and this alias, without saying which: others may not know that the alias got the message."""
        digest = hmac.digest(self._key, address.lower().encode("utf-8", "replace"), hashlib.sha256)
        return f"{base64.b32encode(digest).decode('ascii')[:MARK_LETTERS].lower()}@{self._hostname}"


def _elsewhere(ways: list[_Way]) -> tuple[QueueRecipient, ...]:
    """Every address elsewhere once, with the wishes of the first RCPT that led to it. RFC 3461 §5.2.7."""
    each: dict[str, QueueRecipient] = {}
    for way in ways:
        for address in way.rcpt.resolved.remote:
            recipient = QueueRecipient(
                address, recipients.wishes(way.rcpt), recipients.original(way.rcpt), is_forwarded=True
            )
            each.setdefault(address, recipient)
    return tuple(each.values())
