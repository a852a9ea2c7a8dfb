"""What a running server forgets by itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mailserver.config.tree import Config, QueueConfig, ServerConfig, StoreConfig
from mailserver.daemon.chores import INTERVAL_SECONDS, do_chores
from mailserver.mail.flags import EMPTY
from mailserver.store import auth_log, delivery_log, mailboxes, messages, retention
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


async def test_trash_and_junk_are_emptied_of_what_was_put_there_long_ago(
    store: Store, clock: FakeClock, user_id: int, config: list[Config]
) -> None:
    """The day a message came into the mailbox counts, not its own date; other mailboxes keep all."""

    async def put(*names: str) -> None:
        for name in names:
            staged = await store.stage_bytes(b"Subject: old\r\n\r\n")
            mailbox = await store.read(mailboxes.get, user_id, name)
            await store.write(messages.add, mailbox.id, staged, EMPTY, 0)

    async def left() -> dict[str, int]:
        boxes = await store.read(mailboxes.list, user_id)
        counts = {box.name: len(await store.read(messages.list, box.id)) for box in boxes}
        return {name: count for name, count in counts.items() if count}

    await put("Trash", "Junk", "Archive")
    await clock.advance(10 * 86_400)
    await put("Trash", "Junk", "INBOX")
    everything = {"Trash": 2, "Junk": 2, "Archive": 1, "INBOX": 1}
    await until(clock, left, everything)  # nothing is removed unless it was asked for
    config[0] = replace(CONFIG, store=StoreConfig(trash_days=5))
    await until(clock, left, everything | {"Trash": 1})
    config[0] = replace(CONFIG, store=StoreConfig(junk_days=5))
    await until(clock, left, everything | {"Trash": 1, "Junk": 1})


async def test_much_old_mail_goes_in_pieces(
    store: Store, clock: FakeClock, user_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    trash = await store.read(mailboxes.get, user_id, "Trash")
    for _ in range(3):
        staged = await store.stage_bytes(b"Subject: old\r\n\r\n")
        await store.write(messages.add, trash.id, staged, EMPTY, 0)
    later = int(clock.now().timestamp()) + 1
    assert [await store.write(retention.remove_old, "\\Trash", later) for _ in range(3)] == [2, 1, 0]
    assert await store.read(messages.list_vanished, trash.id, 0) == [1, 2, 3]
