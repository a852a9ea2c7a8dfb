"""What a running server forgets by itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mailserver.config.tree import Config, QueueConfig, ServerConfig, StoreConfig
from mailserver.daemon.chores import INTERVAL_SECONDS, do_chores
from mailserver.store import auth_log, delivery_log
from mailserver.store.auth_log import Attempt
from mailserver.store.database import Tx
from mailserver.store.delivery_log import Delivery, Outcome
from mailserver.store.store import Store
from tests.fakes import FakeClock

CONFIG = Config(ServerConfig("mail.example.test", Path("/")), store=StoreConfig(log_days=90), queue=QueueConfig())


@pytest.fixture
async def config(store: Store, clock: FakeClock) -> AsyncIterator[list[Config]]:
    """Chores are being done with the one in here."""
    current = [CONFIG]
    chores = asyncio.create_task(do_chores(store, lambda: current[0], clock))
    yield current
    chores.cancel()
    await asyncio.gather(chores, return_exceptions=True)


async def until(clock: FakeClock, found: Callable[[], Awaitable[object]], wanted: object) -> None:
    """Rounds of chores until it is so; nobody tells us when one is over."""
    async with asyncio.timeout(5):
        while await found() != wanted:
            await clock.advance(INTERVAL_SECONDS)
            await asyncio.sleep(0.01)


async def test_logs_are_forgotten_when_they_are_old_and_the_reload_counts(
    store: Store, clock: FakeClock, config: list[Config]
) -> None:
    def write(tx: Tx) -> None:
        attempt = Attempt(None, "ann", "192.0.2.1", "imap", True, None, "2026-01-30 12:00:00")
        auth_log.add(tx, [attempt] * (2 * auth_log.BATCH + 1))
        auth_log.add(tx, [replace(attempt, created_at=tx.now)])
        for day in ("2025-11-01", "2026-01-30", "2026-03-01"):
            delivery_log.add(tx, Delivery(None, "", f"{day}@example.test", Outcome.DELIVERED))
            tx.run(
                "UPDATE delivery_log SET created_at = ?1 || ' 12:00:00' WHERE recipient = ?1 || '@example.test'", day
            )

    async def found() -> tuple[int, list[str]]:
        deliveries = await store.read(delivery_log.list)
        return len(await store.read(auth_log.list, 10_000)), [each.created_at[:10] for each in deliveries]

    await store.write(write)
    await until(clock, found, (2 * auth_log.BATCH + 2, ["2026-03-01", "2026-01-30"]))
    config[0] = replace(CONFIG, store=StoreConfig(log_days=20))
    await until(clock, found, (1, ["2026-03-01"]))
