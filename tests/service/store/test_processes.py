"""Several processes writing to one store at the same time."""

import asyncio
import multiprocessing
from pathlib import Path

from mailserver.clock import SystemClock
from mailserver.config.tree import StoreConfig
from mailserver.mail.flags import FlagSet
from mailserver.store import fsck, mailboxes, messages, users
from mailserver.store.store import Store

PROCESSES = 4
EACH = 60


def append(data: Path) -> list[int]:
    async def run() -> list[int]:
        async with await Store.open(data, SystemClock(), config=StoreConfig(min_free_bytes=0)) as store:
            user = await store.read(users.get, "ann@example.test")
            box = await store.read(mailboxes.get, user.id, "INBOX")

            async def one() -> int:
                staged = await store.stage_bytes(b"Subject: x\r\n\r\n")
                return (await store.write(messages.add, box.id, staged, FlagSet.of([]), 0)).uid

            return await asyncio.gather(*(one() for _ in range(EACH)))

    return asyncio.run(run())


async def test_uids_are_unique_and_gapless_over_four_processes(store: Store, user_id: int) -> None:
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        given = await asyncio.to_thread(pool.map, append, [store.data] * PROCESSES)
    uids = sorted(uid for batch in given for uid in batch)
    assert uids == [*range(1, PROCESSES * EACH + 1)]
    box = await store.read(mailboxes.get, user_id, "INBOX")
    assert box.uidnext == len(uids) + 1
    assert await fsck.check(store, alone=True) == []
