"""What a serving store does by itself, quietly, now and then."""

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import TYPE_CHECKING

import structlog

from mailserver.errors import Refusal
from mailserver.store import change_numbers, file_names, migrate, removed

if TYPE_CHECKING:
    from mailserver.store.store import Store

LOOK_SECONDS = 1.0  # between looks for other processes' commits when nobody pokes
SETTLE_SECONDS = 5.0  # how long performed disk jobs and stale file names may wait
DAILY_SECONDS = 86400.0

_log = structlog.get_logger("store")


class Upkeep:
    def __init__(self, store: "Store") -> None:
        self._store = store
        self._poked = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        for work in (self._listen, self._settle, self._daily):
            self._tasks.append(asyncio.create_task(work(), name=f"upkeep{work.__name__}"))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def poked(self) -> None:
        self._poked.set()

    async def _listen(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):  # nobody poked: look all the same
                await asyncio.wait_for(self._poked.wait(), LOOK_SECONDS)
            self._poked.clear()
            await self._try(self._store.look_for_foreign_commits())

    async def _settle(self) -> None:
        while True:
            await self._store.clock.sleep(SETTLE_SECONDS)
            await self._try(self._store.in_thread(self._store.take_reserve))  # a full disk may have cost it
            await self._try(self._store.settle())
            await self._try(self._refresh_names())

    async def _daily(self) -> None:
        while True:
            before = int(self._store.clock.now().timestamp() * 1000) - self._store.config.tombstone_days * 86_400_000
            await self._try(self._store.write(change_numbers.forget_removals, before))
            await self._try(self._store.write(removed.forget, before))
            await self._try(self._store.exclusively(migrate.analyse))
            await self._store.clock.sleep(DAILY_SECONDS)

    async def _refresh_names(self) -> None:
        if await self._store.read(file_names.is_behind):
            await self._store.write(file_names.refresh)

    async def _try(self, work: Awaitable[object]) -> None:
        try:
            await work
        except (Refusal, OSError) as fault:  # a full or failing disk now may be well the next time
            _log.warning("upkeep put off", error=str(fault))
        except Exception:  # the root of a task that nobody would start again
            _log.exception("upkeep failed")
