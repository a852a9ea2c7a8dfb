"""The index follows the store: behind every answer, complete again after anything, made anew where it is of no use."""

import asyncio
import shutil
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import pytest
from pysqlite3 import dbapi2 as sqlite

from mailserver.config.tree import StoreConfig
from mailserver.errors import Unavailable
from mailserver.mail.flags import FlagSet
from mailserver.mail.search import Body
from mailserver.search import indexer
from mailserver.search.indexer import RESTED_SECONDS, Indexer
from mailserver.search.text_index import TextIndex
from mailserver.search.verify import Verified, status, verify
from mailserver.store import content_files, domains, mailboxes, messages, search_requests, users, word_tables
from mailserver.store.events import MessagesAdded
from mailserver.store.store import Store
from mailserver.store.word_index import BEING_BUILT, FILE, DamagedIndex, WordIndex
from mailserver.store.word_tables import Ix
from tests.fakes import FakeClock
from tests.schema import migrated
from tests.service.search.conftest import Find, Put

SECONDS = 20.0  # that waiting for a thread may take


def letter(number: int) -> bytes:
    return b"Subject: letter %d\r\n\r\nword%d in the report\r\n" % (number, number)


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(SECONDS):
        while not holds():
            await asyncio.sleep(0.01)


async def behind(store: Store) -> int:
    return (await status(store)).behind


async def everything_right(store: Store, count: int) -> None:
    found = await verify(store, everything=True)
    assert found == Verified(found.status, count, ())
    assert (found.status.indexed, found.status.behind) == (count, 0)


@pytest.fixture
async def following(store: Store, clock: FakeClock) -> AsyncIterator[TextIndex]:
    texts = await TextIndex.open(store, clock)
    yield texts
    await texts.close()


async def settled(store: Store, clock: FakeClock, seconds: float = RESTED_SECONDS) -> None:
    """Let time pass until the index has everything; its threads take their own."""
    async with asyncio.timeout(SECONDS):
        while await behind(store):
            await clock.advance(seconds)
            await asyncio.sleep(0.01)


async def test_new_messages_are_indexed_within_two_seconds(
    following: TextIndex, store: Store, clock: FakeClock, put: Put
) -> None:
    for number in range(3):
        await put(letter(number))
        await settled(store, clock)
    assert RESTED_SECONDS <= 2
    await everything_right(store, 3)


async def test_messages_of_another_process_are_indexed_too(
    following: TextIndex, store: Store, clock: FakeClock, user_id: int, tmp_path: Path
) -> None:
    async with await Store.open(tmp_path / "data", clock, config=StoreConfig(min_free_bytes=0)) as other:
        inbox = await other.read(mailboxes.get, user_id, "INBOX")
        await other.write(messages.add, inbox.id, await other.stage_bytes(letter(1)), FlagSet.of([]), 0)
    await store.look_for_foreign_commits()
    await settled(store, clock)
    await everything_right(store, 1)


async def test_a_message_is_acknowledged_and_found_while_the_index_is_busy(
    texts: TextIndex, put: Put, find: Find, store: Store
) -> None:
    """Behind the acknowledgement: nothing of a delivery or a search waits for the index's writer."""
    gate, begun = threading.Event(), threading.Event()

    def hold(ix: Ix) -> None:
        begun.set()
        gate.wait()

    held = asyncio.create_task(texts._words.write(hold))
    await until(begun.is_set)
    await put(letter(7))
    assert await find(Body("word7")) == [1]
    assert not held.done()
    gate.set()
    await held
    await texts.indexer.settle()
    await everything_right(store, 1)


class Busy:
    """Each look at the clock is a second later, and mail arrives while `mail` says so."""

    def __init__(self, mail: Callable[[], bool]) -> None:
        self._mail = mail
        self._seconds = 0.0
        self.indexer: Indexer | None = None
        self.slept: list[float] = []

    def now(self) -> datetime:
        raise NotImplementedError

    def monotonic(self) -> float:
        self._seconds += 1
        if self.indexer is not None and self._mail():
            self.indexer._hear(MessagesAdded(1, 1, ()))
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


async def test_most_of_the_time_is_left_to_mail_that_arrives(
    store: Store, texts: TextIndex, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexer, "BATCH", 4)
    monkeypatch.setattr(indexer, "BUSY_BATCH", 2)
    for number in range(12):
        await put(letter(number))
    clock = Busy(lambda: len(clock.slept) < 3)
    clock.indexer = Indexer(store, texts._words, clock)
    await clock.indexer.settle()
    assert clock.slept == [9.0, 9.0, 9.0, 0.0, 0.0]  # 4 + 2 + 2 messages and 2 more, then the others in a row
    await clock.indexer.stop()
    await everything_right(store, 12)


async def test_batches_are_bounded_in_octets(
    texts: TextIndex, put: Put, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexer, "BATCH_OCTETS", 150)
    batches: list[int] = []
    write = WordIndex.write

    async def counting(self: WordIndex, fn: object, *args: object) -> object:
        batches.append(len(args[-1]))  # type: ignore[arg-type]
        return await write(self, fn, *args)  # type: ignore[arg-type]

    for number in range(5):
        await put(letter(number))
    monkeypatch.setattr(WordIndex, "write", counting)
    await texts.indexer.settle()
    assert batches == [3, 2]


# ---- a file that is of no use ----


def missing(file: Path) -> None:
    for each in file.parent.glob(f"{FILE}*"):
        each.unlink()


def garbage(file: Path) -> None:
    file.write_bytes(b"no database at all" * 1000)


def cut_off(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.truncate(6000)


def empty(file: Path) -> None:
    file.write_bytes(b"")


def of_another_version(file: Path) -> None:
    connection = sqlite.connect(str(file))
    connection.execute("PRAGMA user_version = 99")
    connection.close()


def without_a_table(file: Path) -> None:
    connection = sqlite.connect(str(file))
    connection.execute("DROP TABLE words")
    connection.commit()
    connection.close()


def damage_pages(file: Path) -> None:
    """The head of the file stays."""
    with file.open("r+b") as opened:
        octets = len(opened.read())
        for page in range(3, octets // 4096):
            opened.seek(page * 4096)
            opened.write(b"\xde\xad" * 1000)


async def reopened(texts: TextIndex, spoil: Callable[[Path], None]) -> None:
    """As by a server that was stopped meanwhile."""
    await texts._words._disconnect()
    spoil(texts._words.path)
    await texts._words.open()


@pytest.mark.parametrize("spoil", [missing, garbage, cut_off, empty, of_another_version, without_a_table])
async def test_a_spoiled_file_changes_no_answer_and_is_made_anew(
    store: Store, clock: FakeClock, put: Put, find: Find, texts: TextIndex, spoil: Callable[[Path], None]
) -> None:
    for number in range(20):
        await put(letter(number))
    await texts.indexer.settle()
    await reopened(texts, spoil)
    assert await find(Body("report")) == [*range(1, 21)]
    for _ in range(2):  # the first one may find out
        await texts.indexer._try(texts.indexer.settle)
    assert await find(Body("word1")) == [2, *range(11, 21)]
    await everything_right(store, 20)


async def test_pages_damaged_under_a_running_server_change_no_answer(
    store: Store, put: Put, find: Find, texts: TextIndex
) -> None:
    for number in range(200):
        await put(letter(number))
    await texts.indexer.settle()
    await texts._words.write(word_tables.merge)
    await reopened(texts, damage_pages)
    assert await find(Body("report")) == [*range(1, 201)]
    assert await find(Body("word19")) == [20, *range(191, 201)]
    for _ in range(2):
        await texts.indexer._try(texts.indexer.settle)
    await everything_right(store, 200)


async def test_an_index_of_other_mail_is_made_anew(tmp_path: Path, clock: FakeClock) -> None:
    """A restored database gives the ids of messages that came after the backup to others."""
    data = migrated(tmp_path / "data")

    @asynccontextmanager
    async def opened() -> AsyncIterator[Store]:
        async with await Store.open(data, clock, config=StoreConfig(min_free_bytes=0)) as store:
            yield store

    async def deliver(store: Store, number: int) -> None:
        user = await store.read(users.get, "ann@example.test")
        inbox = await store.read(mailboxes.get, user.id, "INBOX")
        await store.write(messages.add, inbox.id, await store.stage_bytes(letter(number)), FlagSet.of([]), 0)

    async def checked(store: Store) -> int:
        """Messages in the index after the check."""
        texts = await TextIndex.open(store, clock, follow=False)
        await texts.indexer.check()
        kept = (await status(store)).indexed
        await texts.indexer.settle()
        await everything_right(store, await store.read(content_files.last_id))
        await texts.close()
        return kept

    async with opened() as store:
        await store.write(domains.add, "example.test")
        await store.write(users.add, "ann@example.test", "$argon2id$unused")
        await deliver(store, 1)
        assert await checked(store) == 0
    shutil.copy(data / "mail.db", tmp_path / "backup.db")
    async with opened() as store:
        await deliver(store, 2)
        assert await checked(store) == 1
    shutil.copy(tmp_path / "backup.db", data / "mail.db")
    async with opened() as store:
        assert await checked(store) == 0  # it knew of a message that is not there
        await deliver(store, 3)
        assert await checked(store) == 1
    shutil.copy(tmp_path / "backup.db", data / "mail.db")
    async with opened() as store:
        await deliver(store, 4)
        assert await checked(store) == 0  # message 2 is another one


# ---- made anew on request ----


async def test_a_rebuild_goes_on_while_mail_arrives_and_searches_stay_right(
    store: Store, texts: TextIndex, put: Put, find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexer, "BATCH", 5)
    for number in range(60):
        await put(letter(number))
    await texts.indexer.settle()
    await store.write(search_requests.ask)
    rebuilding = asyncio.create_task(texts.indexer.settle())
    number = 60
    while not rebuilding.done():
        await put(letter(number))
        number += 1
        assert await find(Body("report")) == [*range(1, number + 1)]
        assert await find(Body(f"word{number - 1}")) == [number]
    await rebuilding
    assert number > 61
    assert await store.read(search_requests.pending) == 0
    assert not (store.data / BEING_BUILT).exists()
    await texts.indexer.settle()
    await everything_right(store, number)


async def test_the_server_takes_up_a_wish_of_another_process(
    following: TextIndex, store: Store, clock: FakeClock, put: Put, tmp_path: Path
) -> None:
    await put(letter(1))
    await settled(store, clock)
    await following._words.write(lambda ix: ix.run("DELETE FROM units WHERE rowid > 0"))
    assert len((await verify(store, everything=True)).faults) == 1
    async with await Store.open(tmp_path / "data", clock, config=StoreConfig(min_free_bytes=0)) as other:
        await other.write(search_requests.ask)
    await store.look_for_foreign_commits()
    async with asyncio.timeout(SECONDS):
        while await store.read(search_requests.pending):
            await clock.advance(RESTED_SECONDS)
            await asyncio.sleep(0.01)
    await everything_right(store, 1)


async def test_wishes_made_during_a_rebuild_are_not_lost(store: Store) -> None:
    first = await store.write(search_requests.ask)
    second = await store.write(search_requests.ask)
    assert second > first
    await store.write(search_requests.done, first)
    assert await store.read(search_requests.pending) == second
    await store.write(search_requests.done, second)
    assert await store.read(search_requests.pending) == 0


async def test_contents_that_are_no_more_are_swept_out_hourly(
    following: TextIndex, store: Store, clock: FakeClock, put: Put
) -> None:
    await put(letter(1), flags=("\\Deleted",))
    await put(letter(2))
    await settled(store, clock)
    user = await store.read(users.get, "ann@example.test")
    inbox = await store.read(mailboxes.get, user.id, "INBOX")
    await store.write(messages.remove, inbox.id, [1])
    async with asyncio.timeout(SECONDS):
        while (await status(store)).indexed != 1:
            await clock.advance(indexer.SWEEP_SECONDS)
            await asyncio.sleep(0.01)
    await everything_right(store, 1)


async def test_a_disk_that_refuses_puts_the_index_off_not_the_searches(
    following: TextIndex, store: Store, clock: FakeClock, put: Put, find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[int] = []

    async def refusing(self: WordIndex, *_: object) -> object:
        refused.append(1)
        raise Unavailable

    with monkeypatch.context() as patched:
        patched.setattr(WordIndex, "write", refusing)
        await put(letter(5))
        while not refused:
            await clock.advance(RESTED_SECONDS)
            await asyncio.sleep(0.01)
        assert await find(Body("word5")) == [1]
    await settled(store, clock, indexer.RETRY_SECONDS)
    await everything_right(store, 1)


async def test_verify_tells_what_is_wrong(store: Store, texts: TextIndex, put: Put) -> None:
    with pytest.raises(DamagedIndex, match="there is none"):
        (store.data / FILE).unlink()
        await verify(store, everything=False)
    await texts._words.empty()
    for number in range(4):
        await put(letter(number))
    assert (await verify(store, everything=False)).status.behind == 4
    await texts.indexer.settle()

    def spoil(ix: Ix) -> None:
        ix.run("DELETE FROM indexed WHERE content_id = 1")
        ix.run("UPDATE indexed SET checksum = 1 WHERE content_id = 2")
        ix.run("DELETE FROM units WHERE rowid = ?", (2 << word_tables.PLACE_SHIFT) + 3)
        ix.run("DELETE FROM words WHERE word = 'word3'")

    await texts._words.write(spoil)
    found = await verify(store, everything=True)
    assert found.faults == (
        "message 1 was left out",
        "message 2 has another text",
        "message 3 is not found by 4 of its words",
        "message 4 is not found by 1 of its words",
    )
