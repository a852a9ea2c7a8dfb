"""Sending: lanes, whoever carries mail along them (way_out.py), and the dispatcher that sends it on its way."""

import asyncio
import os
import secrets
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from mailserver.clock import Clock
from mailserver.config.tree import Config
from mailserver.daemon.correspondence import Correspondence
from mailserver.daemon.lane_notes import note_lanes
from mailserver.dkim.sign import Signer
from mailserver.dns.resolver import DnsResolver
from mailserver.queue.dispatcher import Dispatcher
from mailserver.queue.lanes import Lanes
from mailserver.queue.seams import Carrier
from mailserver.remote.consignment import Gates
from mailserver.store.store import Store

WORKER_OCTETS = 8

TakeUp = Callable[[Config], None]


@dataclass(frozen=True, slots=True)
class Ground:
    """What stands before anything is sent, and serves those who take mail in as well."""

    store: Store
    resolver: DnsResolver
    signer: Signer
    letters: Correspondence
    closing: AsyncExitStack  # whatever is to be closed at the end is registered here
    take_up: list[TakeUp]  # who hears of a changed configuration


MakeCarrier = Callable[[Ground, Gates, Config], Awaitable[Carrier]]


class Outbound:
    """Lives from `open` to `stop`; stopped before the store."""

    def __init__(self, lanes: Lanes, dispatcher: Dispatcher) -> None:
        self.lanes = lanes
        self.dispatcher = dispatcher

    @classmethod
    async def open(
        cls,
        ground: Ground,
        clock: Clock,
        config: Config,
        make: MakeCarrier,
    ) -> "Outbound":
        """Started: what is due goes at once. Raises Refusal."""
        store, lanes = ground.store, Lanes(clock, config.queue)
        carrier = await make(ground, lanes, config)
        worker = f"{config.server.hostname}-{os.getpid()}-{secrets.token_hex(WORKER_OCTETS)}"
        dispatcher = Dispatcher(
            store, clock, carrier, ground.letters.notices, config.queue, secrets.token_bytes, worker
        )
        await dispatcher.start()
        noting = asyncio.create_task(note_lanes(store, clock, lanes.state), name="note-lanes")
        ground.closing.push_async_callback(_end, noting)
        outbound = cls(lanes, dispatcher)
        ground.take_up.append(outbound.reconfigure)
        return outbound

    async def stop(self, seconds: float) -> None:
        await self.dispatcher.stop(seconds)

    def reconfigure(self, config: Config) -> None:
        self.lanes.reconfigure(config.queue)
        self.dispatcher.reconfigure(config.queue)


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
