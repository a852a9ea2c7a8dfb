"""Mail about mail: notifications for senders, and forwarding whose bounces find back."""

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from mailserver.clock import Clock
from mailserver.config.tree import Config
from mailserver.delivery.evidence import Examiner
from mailserver.delivery.forwarding import Forwarding
from mailserver.dkim.arc import Chains
from mailserver.dkim.sign import Signer
from mailserver.dkim.verify import Verifier
from mailserver.dns.answers import Resolver
from mailserver.errors import SealBroken
from mailserver.mail.marked_paths import Marks
from mailserver.mail.srs import Srs
from mailserver.queue.notices import Notices
from mailserver.store.return_paths import ReturnPaths
from mailserver.store.store import Store

if TYPE_CHECKING:
    from mailserver.store.sealing import SealingKey

MARKED_DAYS = 21  # after the last day of a row, that bounces find back: other servers try for five, or longer

_log = structlog.get_logger("daemon")


@dataclass(frozen=True, slots=True)
class Correspondence:
    notices: Notices
    forwarding: Forwarding
    marks: Marks  # of reverse-paths that our mail leaves with
    examiner: Examiner

    @classmethod
    async def open(
        cls, store: Store, clock: Clock, config: Config, resolver: Resolver, signer: Signer
    ) -> "Correspondence":
        key, hostname = await _key(store), config.server.hostname
        marks = Marks(key.derive("marked paths"), MARKED_DAYS)
        paths = ReturnPaths(Srs(key.derive("srs"), config.forwarding.srs_days), marks)
        chains = Chains(resolver, clock, store.in_thread, signer)
        examiner = Examiner(resolver, Verifier(resolver, clock, store.in_thread), chains)
        notices = Notices(store, clock, hostname, paths, config.queue, config.delivery, config.bounces, signer=signer)
        rings = key.derive("forwarding marks")
        forwarding = Forwarding(
            store, clock, hostname, rings, paths, examiner, signer, secrets.token_bytes, config.forwarding
        )
        return cls(notices, forwarding, marks, examiner)

    def reconfigure(self, config: Config) -> None:
        self.notices.reconfigure(config.queue, config.delivery, config.bounces)
        self.forwarding.reconfigure(config.forwarding)


async def _key(store: Store) -> "SealingKey":
    """A key that can not be read keeps no mail from leaving; only bounces of what leaves now do not find back later."""
    from mailserver.store.sealing import KEY_OCTETS, SealingKey  # only a server that sends needs cryptography

    try:
        return await store.in_thread(SealingKey.open, store.data)
    except SealBroken as fault:
        _log.error("bounces to return addresses find back until the next start only", error=fault.text)
        return SealingKey(secrets.token_bytes(KEY_OCTETS))
