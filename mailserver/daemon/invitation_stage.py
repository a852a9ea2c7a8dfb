"""Mail with an invitation or an answer in it, read on its way in; it is delivered whatever becomes of that.

The calendar follows before the sender gets his 250, within a bounded time: then, or on any fault, the mail alone is
what arrives. Forged invitations are not believed: where the domain in From publishes a DMARC policy, the message must
be aligned with it (RFC 9989 §4.4), and who writes as one of our own domains must always be.
"""

import asyncio
from typing import Protocol

import structlog

from mailserver.delivery.arriving import Arriving
from mailserver.delivery.dmarc import Wish
from mailserver.delivery.evidence import Evidence
from mailserver.delivery.spf import SpfResult
from mailserver.dkim.results import DkimResult
from mailserver.errors import Refusal
from mailserver.groupware.scheduling.mail_in import MailIn
from mailserver.groupware.scheduling.mail_parts import may_hold_one
from mailserver.mail import via
from mailserver.mail.addresses import addr_spec
from mailserver.store import domains
from mailserver.store.database import Rx
from mailserver.store.staging import Incoming
from mailserver.store.store import Store

SECONDS = 1.0  # that a sender waits for the calendar
MAX_OCTETS = 4_194_304  # 4 MiB; larger mail is not looked into

_log = structlog.get_logger("scheduling")


class Examines(Protocol):
    async def examine(self, arriving: Arriving) -> Evidence: ...


class InvitationStage:
    """A stage of local delivery, and of submission."""

    def __init__(self, store: Store, mail_in: MailIn, examiner: Examines | None) -> None:
        """`examiner`: None where the sender is logged in, and From was found to be his."""
        self._store = store
        self._mail_in = mail_in
        self._examiner = examiner

    async def __call__(self, arriving: Arriving) -> Arriving:
        incoming = arriving.incoming
        if incoming.size > MAX_OCTETS or arriving.is_spam:
            return arriving
        octets = incoming.whole(None, 0)
        if octets is None:
            octets = await self._store.in_thread(_joined, incoming)
        if not may_hold_one(octets):
            return arriving
        task = asyncio.create_task(self._read(arriving, octets), name="invitation")
        await asyncio.wait({task}, timeout=SECONDS)
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
        _tell(arriving, task)
        return arriving

    async def _read(self, arriving: Arriving, octets: bytes) -> None:
        authors = [addr_spec(each).decode("utf-8", "replace").lower() for each in via.authors(arriving.header)]
        found = await self._mail_in.find(octets) if len(authors) == 1 else None
        if found is None or not await self._is_believed(arriving, authors[0]):
            return
        users = [each.user_id for rcpt in arriving.envelope.recipients for each in rcpt.resolved.local]
        taken = await self._mail_in.take(found, authors[0], users)
        _log.info(
            "scheduling message arrived",
            id=arriving.id,
            method=taken.method,
            sender=authors[0],
            verdicts=[each.value for each in taken.verdicts],
        )

    async def _is_believed(self, arriving: Arriving, author: str) -> bool:
        if self._examiner is None:
            return True
        domain = author.rpartition("@")[2]
        evidence = await self._examiner.examine(arriving)
        if _is_aligned(evidence, domain, arriving.envelope.reverse_path):
            return True
        has_policy = evidence.policy is not None and evidence.policy.wish is not Wish.NONE
        if has_policy or await self._store.read(_is_ours, domain):
            _log.warning("scheduling message not believed", id=arriving.id, sender=author)
            return False
        return True


def _joined(incoming: Incoming) -> bytes:
    return b"".join(incoming.pieces(0))


def _is_aligned(evidence: Evidence, domain: str, reverse_path: str) -> bool:
    if evidence.policy is None:
        return False
    covers = evidence.policy.covers
    if any(each.result is DkimResult.PASS and covers(each.domain.lower()) for each in evidence.signatures):
        return True
    return evidence.spf is SpfResult.PASS and covers(reverse_path.rpartition("@")[2].lower())


def _is_ours(rx: Rx, domain: str) -> bool:
    return domains.find(rx, domain) is not None


def _tell(arriving: Arriving, task: "asyncio.Task[None]") -> None:
    """The end of what happened in the task, whatever it was: the mail goes on."""
    if task.cancelled():
        _log.warning("scheduling message took too long", id=arriving.id, seconds=SECONDS)
    elif isinstance(fault := task.exception(), Refusal):
        _log.warning("scheduling message not used", id=arriving.id, error=fault.text)
    elif fault is not None:
        _log.error("scheduling message not used", id=arriving.id, exc_info=fault)
