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
from mailserver.mail.srs import Srs
from mailserver.queue.notices import Notices
from mailserver.store.return_paths import ReturnPaths
from mailserver.store.store import Store

if TYPE_CHECKING:
    from mailserver.store.sealing import SealingKey

_log = structlog.get_logger("daemon")


@dataclass(frozen=True, slots=True)
class Correspondence:
    notices: Notices
    forwarding: Forwarding
    examiner: Examiner

    @classmethod
    async def open(
        cls, store: Store, clock: Clock, config: Config, resolver: Resolver, signer: Signer
    ) -> "Correspondence":
        key, hostname = await _key(store), config.server.hostname
        paths = ReturnPaths(Srs(key.derive("srs"), config.forwarding.srs_days))
        chains = Chains(resolver, clock, store.in_thread, signer)
        examiner = Examiner(resolver, Verifier(resolver, clock, store.in_thread), chains)
        notices = Notices(store, clock, hostname, paths, config.queue, config.delivery, config.bounces, signer=signer)
        marks = key.derive("forwarding marks")
        forwarding = Forwarding(
            store, clock, hostname, marks, paths, examiner, signer, secrets.token_bytes, config.forwarding
        )
        return cls(notices, forwarding, examiner)

    def reconfigure(self, config: Config) -> None:
        self.notices.reconfigure(config.queue, config.delivery, config.bounces)
        self.forwarding.reconfigure(config.forwarding)


async def _key(store: Store) -> "SealingKey":
    """A key that can not be read keeps no mail from leaving; only bounces of what leaves now do not find back later."""
    from mailserver.store.sealing import KEY_OCTETS, SealingKey  # only a server that sends needs cryptography

    try:
        return await store.in_thread(SealingKey.open, store.data)
    except SealBroken as fault:
        _log.error("bounces of forwarded mail find back until the next start only", error=fault.text)
        return SealingKey(secrets.token_bytes(KEY_OCTETS))
