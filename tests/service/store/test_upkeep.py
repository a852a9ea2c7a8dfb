"""What a serving store does by itself goes on after a fault of the disk or the database."""

import asyncio
from pathlib import Path

import pytest

from mailserver.config.tree import StoreConfig
from mailserver.errors import Unavailable
from mailserver.mail.flags import FlagMode, FlagSet
from mailserver.store import domains, mailboxes, messages, upkeep, users
from mailserver.store.database import Rx
from mailserver.store.store import Store
from tests.fakes import FakeClock
from tests.schema import migrated


@pytest.mark.parametrize("fault", [Unavailable(), OSError("broken"), RuntimeError("a bug")])
async def test_a_fault_puts_the_upkeep_off_and_does_not_end_it(
    tmp_path: Path, fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    async with await Store.open(migrated(tmp_path), clock, config=StoreConfig(min_free_bytes=0), serving=True) as store:
        await store.write(domains.add, "example.test")
        user = await store.write(users.add, "ann@example.test", "$argon2id$unused")
        inbox = await store.read(mailboxes.get, user.id, "INBOX")
        await store.write(messages.add, inbox.id, await store.stage_bytes(b"Subject: x\r\n\r\n"), FlagSet.of([]), 0)
        await store.write(messages.set_flags, inbox.id, [1], FlagMode.ADD, FlagSet.of(["\\Seen"]), None)
        failed = asyncio.Event()

        async def fail(*_: object) -> None:
            failed.set()
            raise fault

        with monkeypatch.context() as broken:
            for name in ("read", "settle", "look_for_foreign_commits"):
                broken.setattr(store, name, fail)
            await clock.advance(upkeep.SETTLE_SECONDS)
            await asyncio.wait_for(failed.wait(), 10)
        while not list((tmp_path / "mail" / inbox.folder / "cur").glob("*:2,S")):
            await clock.advance(upkeep.SETTLE_SECONDS)
            await asyncio.sleep(0.01)


async def test_a_reserve_given_up_is_taken_again_when_there_is_room(tmp_path: Path) -> None:
    clock = FakeClock()
    async with await Store.open(migrated(tmp_path), clock, config=StoreConfig(min_free_bytes=0), serving=True):
        (tmp_path / "reserve").unlink()
        while not (tmp_path / "reserve").exists():
            await clock.advance(upkeep.SETTLE_SECONDS)
            await asyncio.sleep(0.01)


async def test_removals_are_remembered_for_their_days_and_forgotten_then(tmp_path: Path) -> None:
    """After that a client that was away hears of more than was removed, never of less: the floor rises."""
    clock = FakeClock()
    config = StoreConfig(min_free_bytes=0, tombstone_days=30)
    async with await Store.open(migrated(tmp_path), clock, config=config, serving=True) as store:
        await store.write(domains.add, "example.test")
        user = await store.write(users.add, "ann@example.test", "$argon2id$unused")
        inbox = await store.read(mailboxes.get, user.id, "INBOX")
        await store.write(messages.add, inbox.id, await store.stage_bytes(b"Subject: x\r\n\r\n"), FlagSet.of([]), 0)
        await store.write(messages.remove, inbox.id, [1])
        for _ in range(29):
            await clock.advance(upkeep.DAILY_SECONDS)
        await store.settle()
        assert await store.read(messages.list_vanished, inbox.id, 0) == [1]
        async with asyncio.timeout(10):
            while await store.read(messages.list_vanished, inbox.id, 0):
                await clock.advance(upkeep.DAILY_SECONDS)
                await asyncio.sleep(0.01)
        floor = await store.read(Rx.one, "SELECT floor FROM change_counters WHERE user_id = ?", user.id)
        assert floor is not None and floor[0] > 0
