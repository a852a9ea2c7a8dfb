"""Hosts that are held up are written down for other processes, and forgotten when they are not any more."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from mailserver.config.tree import StoreConfig
from mailserver.daemon.lane_notes import LOOK_SECONDS, note_lanes
from mailserver.store import lanes
from mailserver.store.lanes import Lane
from mailserver.store.store import Store
from tests.fakes import FakeClock
from tests.schema import migrated


@dataclass(frozen=True)
class State:
    host: str
    circuit: str
    pace: int
    reason: str


async def noted(store: Store, wanted: list[str]) -> None:
    async with asyncio.timeout(5):
        while [lane.host for lane in await store.read(lanes.list)] != wanted:
            await asyncio.sleep(0.01)


async def test_notes_follow_the_lanes(tmp_path: Path) -> None:
    clock = FakeClock()
    now = [State("mx.a.test", "open", 0, "refused"), State("mx.idle.test", "closed", 0, "")]
    async with await Store.open(migrated(tmp_path), clock, config=StoreConfig(min_free_bytes=0)) as store:
        await store.write(lanes.replace, [Lane("mx.of-an-earlier-run.test", "open", 0, "x")])
        task = asyncio.create_task(note_lanes(store, clock, lambda: now))
        await noted(store, ["mx.a.test"])
        now.append(State("mx.b.test", "closed", 3, "too fast"))
        await clock.advance(LOOK_SECONDS)
        await noted(store, ["mx.a.test", "mx.b.test"])
        now.clear()
        await clock.advance(LOOK_SECONDS)
        await noted(store, [])
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
