"""The way out: lanes, whoever carries mail along them, and the dispatcher that sends it on its way."""

import asyncio
import os
import secrets
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from mailserver.clock import Clock
from mailserver.config.tree import Config
from mailserver.daemon.lane_notes import note_lanes
from mailserver.queue.dispatcher import Dispatcher
from mailserver.queue.lanes import Lanes
from mailserver.queue.seams import Carrier, Notices
from mailserver.remote.consignment import Gates
from mailserver.store.store import Store

WORKER_OCTETS = 8

MakeCarrier = Callable[[Store, Gates, Config, AsyncExitStack], Awaitable[Carrier]]


class Outbound:
    """Lives from `open` to `stop`; stopped before the store."""

    def __init__(self, lanes: Lanes, dispatcher: Dispatcher) -> None:
        self.lanes = lanes
        self.dispatcher = dispatcher

    @classmethod
    async def open(
        cls,
        store: Store,
        clock: Clock,
        config: Config,
        make: MakeCarrier,
        notices: Notices,
        closing: AsyncExitStack,
    ) -> "Outbound":
        """Started: what is due goes at once. `make` registers what it wants closed. Raises Refusal."""
        lanes = Lanes(clock, config.queue)
        carrier = await make(store, lanes, config, closing)
        worker = f"{config.server.hostname}-{os.getpid()}-{secrets.token_hex(WORKER_OCTETS)}"
        dispatcher = Dispatcher(store, clock, carrier, notices, config.queue, secrets.token_bytes, worker)
        await dispatcher.start()
        noting = asyncio.create_task(note_lanes(store, clock, lanes.state), name="note-lanes")
        closing.push_async_callback(_end, noting)
        return cls(lanes, dispatcher)

    async def stop(self, seconds: float) -> None:
        await self.dispatcher.stop(seconds)

    def reconfigure(self, config: Config) -> None:
        self.lanes.reconfigure(config.queue)
        self.dispatcher.reconfigure(config.queue)


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
