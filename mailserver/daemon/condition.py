"""What the server tells about itself over HTTP: whether it can do its work, and how much of it waits."""

import asyncio
from collections.abc import Sequence

from mailserver.clock import Clock
from mailserver.errors import Refusal
from mailserver.store import dkim_keys, queue_watch, writable
from mailserver.store.store import Store

STARTING = "The server is starting"
STOPPING = "The server is stopping"
STUCK = "The store did not answer in time"
LOOK_SECONDS = 1.0  # between looks at the disk, whoever asks
STUCK_SECONDS = 5.0  # for the look


class Condition:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.monotonic()
        self._phase = STARTING
        self._store: Store | None = None
        self._looking: asyncio.Task[list[str]] | None = None
        self._looked = float("-inf")

    def stands(self, store: Store) -> None:
        """The store can be asked from now on."""
        self._store = store

    def serves(self) -> None:
        self._phase = ""

    async def stops(self) -> None:
        """Before the store closes: nothing asks it after this returns."""
        self._phase, self._store = STOPPING, None
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    def uptime_seconds(self) -> float:
        return self._clock.monotonic() - self._began

    async def queue_depth(self) -> int | None:
        """None where the store does not stand or can not be read."""
        if self._store is None:
            return None
        try:
            return await self._store.read(queue_watch.depth)
        except Refusal:
            return None

    async def keys_missing(self) -> int | None:
        """The same, of keys that sign and are not in the DNS."""
        if self._store is None:
            return None
        try:
            return await self._store.read(dkim_keys.count_missing)
        except Refusal:
            return None

    async def obstacles(self) -> Sequence[str]:
        """One look at a time: a disk that hangs must not hang everybody who asks, and the threads with them."""
        if self._phase or self._store is None:
            return [self._phase or STARTING]
        if self._looking is None or (self._looking.done() and self._is_old()):
            self._looked = self._clock.monotonic()
            self._looking = asyncio.create_task(_look(self._store), name="look-at-store")
        done, _ = await asyncio.wait({self._looking}, timeout=STUCK_SECONDS)
        if not done:
            return [STUCK]
        return [STOPPING] if self._looking.cancelled() else self._looking.result()

    def _is_old(self) -> bool:
        return self._clock.monotonic() - self._looked >= LOOK_SECONDS


async def _look(store: Store) -> list[str]:
    try:
        await writable.require(store)
    except Refusal as fault:
        return [fault.text]
    return []
