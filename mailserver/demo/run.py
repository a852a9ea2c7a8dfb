"""The demo from start to stop: certificate, accounts, messages, the daemon, and a catcher instead of real sending."""

import os
import secrets
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from mailserver.clock import SystemClock
from mailserver.config.load import Loaded
from mailserver.config.tree import Config
from mailserver.daemon.lifecycle import Lifecycle
from mailserver.daemon.lock import Lock
from mailserver.daemon.notify import Notifier
from mailserver.daemon.outbound import Ground
from mailserver.daemon.run import CannotListen, Daemon
from mailserver.delivery.local_carrier import LocalCarrier
from mailserver.demo import logins as accounts
from mailserver.demo.logins import Login
from mailserver.demo.seed import seed
from mailserver.demo.settings import HOSTNAME, settings
from mailserver.log import Log
from mailserver.queue.catcher import Catcher
from mailserver.queue.seams import Carrier
from mailserver.remote.consignment import Gates
from mailserver.store.store import Store
from mailserver.tls import self_signed
from mailserver.tls.self_signed import SelfSigned

CAUGHT = "caught"

Started = Callable[[dict[str, int], SelfSigned, Sequence[Login]], None]


async def run(data: Path, base: int, log: Log, started: Started, *, relaxed: bool, plain_auth: bool) -> None:
    """Serve until a signal; `started` is called when everything accepts. Raises Refusal, OSError."""
    clock = SystemClock()
    with Lock(data):  # another demo must not have its certificate or logins changed
        files = self_signed.ensure(data / "tls", [HOSTNAME, accounts.DOMAIN], clock.now())
        logins, new = accounts.ensure(data, secrets.token_bytes)
    config = settings(data, base, files, relaxed=relaxed, plain_auth=plain_auth)

    async def furnish(store: Store, closing: AsyncExitStack) -> None:
        await seed(store, logins, config.auth, new_passwords=new)

    async def carrier(ground: Ground, gates: Gates, config: Config) -> Carrier:
        catcher = Catcher(ground.store, data / CAUGHT)
        return LocalCarrier(ground.store, clock, HOSTNAME, config.delivery, config.queue, catcher)

    daemon = Daemon(config, clock, furnish, carrier)
    lifecycle = Lifecycle(daemon, log, Notifier(os.environ), lambda: Loaded(config, {}, None))
    try:
        await lifecycle.run(lambda: started(daemon.ports, files, logins))
    except CannotListen as fault:
        raise CannotListen(
            f"{fault.text.partition(';')[0]}; stop the other program or choose another --port-base"
        ) from None
