"""One process that claims rows until none is left: `python -m tests.service.queue.claimer DATA WORKER`."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from mailserver.clock import SystemClock
from mailserver.config.tree import StoreConfig
from mailserver.errors import InUse
from mailserver.store.queue import Status
from mailserver.store.store import Store
from tests.queue_hands import OutboundQueue

T = TypeVar("T")


async def claim_all(data: Path, worker: str) -> list[int]:
    claimed: list[int] = []
    async with await Store.open(data, SystemClock(), config=StoreConfig(min_free_bytes=0), migrate=False) as store:
        queue = OutboundQueue(store, worker)
        while entries := await patiently(partial(queue.claim, 50)):
            claimed += [entry.id for entry in entries]
            await patiently(partial(queue.finish, entries, Status.SENT))
    return claimed


async def patiently(work: Callable[[], Awaitable[T]]) -> T:
    """Again while the others do not let us to the database, as the dispatcher does."""
    while True:
        try:
            return await work()
        except InUse:
            continue


if __name__ == "__main__":
    print(*asyncio.run(claim_all(Path(sys.argv[1]), sys.argv[2])))
