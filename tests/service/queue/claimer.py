"""One process that claims rows until none is left: `python -m tests.service.queue.claimer DATA WORKER`."""

import asyncio
import sys
from pathlib import Path

from mailserver.clock import SystemClock
from mailserver.config.tree import StoreConfig
from mailserver.queue.outbound import OutboundQueue
from mailserver.store.queue import Status
from mailserver.store.store import Store


async def claim_all(data: Path, worker: str) -> list[int]:
    claimed: list[int] = []
    async with await Store.open(data, SystemClock(), config=StoreConfig(min_free_bytes=0), migrate=False) as store:
        queue = OutboundQueue(store, worker)
        while entries := await queue.claim(50):
            claimed += [entry.id for entry in entries]
            await queue.finish(entries, Status.SENT)
    return claimed


if __name__ == "__main__":
    print(*asyncio.run(claim_all(Path(sys.argv[1]), sys.argv[2])))
