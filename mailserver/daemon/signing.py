"""What mail is signed with, in a running server: the signer, and once an hour a look at its keys."""

import asyncio
import importlib
from typing import TYPE_CHECKING

from mailserver.clock import Clock
from mailserver.config.tree import Config
from mailserver.dkim.sign import Signer
from mailserver.dns.answers import Resolver
from mailserver.store.store import Store

if TYPE_CHECKING:
    from mailserver.dkim.rotation import Rotation

FIRST_LOOK_SECONDS = 2.0  # the server accepts before what computes is imported


class Signing:
    def __init__(self, store: Store, clock: Clock, resolver: Resolver, config: Config) -> None:
        self.signer = Signer(store, clock, config.dkim)
        self._store = store
        self._clock = clock
        self._resolver = resolver
        self._config = config
        self._rotation: Rotation | None = None
        self._task = asyncio.create_task(self._look_after_keys(), name="dkim")

    def reconfigure(self, config: Config) -> None:
        self._config = config
        self.signer.reconfigure(config.dkim)
        if self._rotation is not None:
            self._rotation.reconfigure(config.dkim)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self.signer.close()

    async def _look_after_keys(self) -> None:
        await self._clock.sleep(FIRST_LOOK_SECONDS)
        await self._store.in_thread(importlib.import_module, "mailserver.dkim.rotation")
        from mailserver.dkim.rotation import Rotation

        self._rotation = Rotation(self._store, self._clock, self._resolver, self._config.dkim)
        await self._rotation.run(self._try_keys)

    async def _try_keys(self) -> None:
        """Every key is opened, so that the log says now which can not be used, and not with the next message."""
        self.signer.look_again()
        await self.signer.keys("")
