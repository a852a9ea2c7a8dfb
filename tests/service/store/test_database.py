"""Transactions: group commit, snapshots, cancellation, other processes."""

import asyncio
from pathlib import Path

import pytest

from mailserver.config.tree import StoreConfig
from mailserver.errors import MailboxExists
from mailserver.store import mailboxes
from mailserver.store.database import Rx, Tx
from mailserver.store.events import ForeignCommit, MailboxesChanged
from mailserver.store.store import Store
from tests.fakes import FakeClock


def note(tx: Tx, name: str) -> None:
    tx.run("INSERT INTO server_state (name, value) VALUES (?, 1)", name)


def refuse(tx: Tx, name: str) -> None:
    note(tx, name)
    raise MailboxExists


async def noted(store: Store) -> set[str]:
    return {row[0] for row in await store.read(Rx.all, "SELECT name FROM server_state WHERE name LIKE 'note%'")}


async def test_a_refusal_in_a_group_undoes_only_itself(store: Store) -> None:
    writes = [store.write(refuse if n % 3 == 0 else note, f"note{n}") for n in range(30)]
    answers = await asyncio.gather(*writes, return_exceptions=True)
    assert [isinstance(answer, MailboxExists) for answer in answers] == [n % 3 == 0 for n in range(30)]
    assert await noted(store) == {f"note{n}" for n in range(30) if n % 3}


async def test_writes_that_wait_together_share_a_commit(store: Store, tmp_path: Path) -> None:
    before = await store.exclusively(lambda c: c.total_changes)
    await asyncio.gather(*(store.write(note, f"note{n}") for n in range(100)))
    assert await store.exclusively(lambda c: c.total_changes) == before + 100
    frames = (tmp_path / "data" / "mail.db-wal").stat().st_size
    await asyncio.gather(*(store.write(note, f"note{n}") for n in range(100, 200)))
    grown = (tmp_path / "data" / "mail.db-wal").stat().st_size - frames
    assert grown < 40 * 4096  # one page for each of a hundred commits would be 100 frames


async def test_a_cancelled_caller_does_not_undo_or_block_the_write(store: Store) -> None:
    task = asyncio.create_task(store.write(note, "note1"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await store.write(note, "note2")
    assert await noted(store) == {"note1", "note2"}


async def test_all_queries_of_a_read_see_the_same_commit(store: Store) -> None:
    def count_twice(rx: Rx) -> tuple[int, int]:
        sql = "SELECT count(*) FROM server_state"
        first = rx.one(sql)
        asyncio.run_coroutine_threadsafe(store.write(note, "note1"), loop).result()
        second = rx.one(sql)
        assert first is not None and second is not None
        return first[0], second[0]

    loop = asyncio.get_running_loop()
    first, second = await store.read(count_twice)
    assert first == second
    assert await noted(store) == {"note1"}


async def test_a_reader_can_not_write(store: Store) -> None:
    with pytest.raises(Exception, match=r"temporary|failure"):
        await store.read(Rx.all, "DELETE FROM server_state")


async def test_every_connection_enforces_foreign_keys(store: Store) -> None:
    answers = await asyncio.gather(*(store.read(Rx.one, "PRAGMA foreign_keys") for _ in range(12)))
    assert {*answers} == {(1,)}
    assert await store.exclusively(lambda c: c.execute("PRAGMA foreign_keys").fetchone()) == (1,)


async def test_a_commit_of_another_process_is_heard(
    store: Store, tmp_path: Path, clock: FakeClock, user_id: int
) -> None:
    heard = asyncio.Event()
    store.subscribe(lambda event: heard.set() if isinstance(event, ForeignCommit) else None)
    await store.look_for_foreign_commits()
    assert not heard.is_set()
    async with await Store.open(tmp_path / "data", clock, config=StoreConfig(min_free_bytes=0)) as other:
        await other.write(mailboxes.add, user_id, "Elsewhere")
    await store.look_for_foreign_commits()
    assert heard.is_set()


async def test_a_serving_store_is_poked_by_another_process_at_once(tmp_path: Path) -> None:
    clock = FakeClock()
    config = StoreConfig(min_free_bytes=0)
    async with await Store.open(tmp_path / "data", clock, config=config, serving=True) as serving:
        heard = asyncio.Event()
        serving.subscribe(lambda event: heard.set() if isinstance(event, ForeignCommit) else None)
        async with await Store.open(tmp_path / "data", clock, config=config) as other:
            await other.write(note, "note1")
            await asyncio.wait_for(heard.wait(), 0.9)  # sooner than the look that nobody asked for


async def test_a_failing_listener_hides_no_commit(store: Store, user_id: int) -> None:
    def fail(event: object) -> None:
        raise RuntimeError("listener")

    store.subscribe(fail)
    heard: list[object] = []
    store.subscribe(heard.append)
    await store.write(mailboxes.add, user_id, "Box")
    assert heard == [MailboxesChanged(user_id)]
