"""Who tells senders what became of their mail, with the key that rewritten senders are signed with."""

from mailserver.clock import Clock
from mailserver.config.tree import Config
from mailserver.mail.srs import Srs
from mailserver.queue.notices import Notices
from mailserver.store.return_paths import ReturnPaths
from mailserver.store.sealing import SealingKey
from mailserver.store.store import Store


async def return_paths(store: Store, config: Config) -> ReturnPaths:
    """Raises SealBroken."""
    key = await store.in_thread(SealingKey.open, store.data)
    return ReturnPaths(Srs(key.derive("srs"), config.forwarding.srs_days))


async def notices(store: Store, clock: Clock, config: Config) -> Notices:
    """Raises SealBroken."""
    paths = await return_paths(store, config)
    return Notices(store, clock, config.server.hostname, paths, config.queue, config.delivery, config.bounces)
