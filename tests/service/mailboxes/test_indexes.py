"""Indexes in memory: loaded once, in step with this process and with others, bounded."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from mailserver.config.tree import StoreConfig
from mailserver.errors import NoSuchMailbox, Unavailable
from mailserver.mail.flags import EMPTY, FlagSet
from mailserver.mailboxes import indexes
from mailserver.mailboxes.indexes import Indexes
from mailserver.mailboxes.service import Mailboxes
from mailserver.mailboxes.values import FlagMode
from mailserver.store import mailboxes, messages
from mailserver.store.database import Rx
from mailserver.store.store import Store
from tests.fakes import FakeClock
from tests.service.mailboxes.conftest import Put

SEEN = FlagSet.of(["\\Seen"])
OCTETS = b"Subject: hello\r\n\r\nworld\r\n"


@pytest.fixture
async def other(store: Store, clock: FakeClock) -> AsyncIterator[Store]:
    """Another process's store on the same folder: its commits are foreign here."""
    async with await Store.open(store.data, clock, config=StoreConfig(min_free_bytes=0)) as other:
        yield other


async def append(store: Store, mailbox_id: int) -> int:
    message = await store.write(messages.add, mailbox_id, await store.stage_bytes(OCTETS), EMPTY, 1_700_000_000)
    return message.uid


async def test_many_attaching_at_once_share_one_index(store: Store, service: Mailboxes, user_id: int) -> None:
    attached = await asyncio.gather(*(service.select(user_id, "INBOX", claim_recent=False) for _ in range(8)))
    assert len({id(index) for index, _ in attached}) == 1


async def test_what_is_appended_while_the_index_loads_is_in_it_once(
    store: Store, service: Mailboxes, user_id: int, put: Put
) -> None:
    """Every moment of a load may fall between a commit and its event."""
    index, _ = await service.select(user_id, "INBOX", claim_recent=False)
    mailbox_id = index.mailbox.id
    for turns in range(12):
        fresh = Indexes(store)
        loading = asyncio.create_task(fresh.attach(mailbox_id))
        for _ in range(turns):
            await asyncio.sleep(0)
        uids = [await append(store, mailbox_id) for _ in range(2)]
        await store.write(messages.remove, mailbox_id, uids[:1])
        await store.write(messages.set_flags, mailbox_id, uids[1:], FlagMode.ADD, SEEN)
        loaded = await loading
        assert ([*loaded.uids], loaded.flags) == ([*index.uids], index.flags)
        assert (loaded.uidnext, loaded.highestmodseq) == (index.uidnext, index.highestmodseq)
        await fresh.close()


async def test_another_process_is_followed(
    store: Store, other: Store, service: Mailboxes, user_id: int, put: Put
) -> None:
    for _ in range(3):
        await put()
    index, _ = await service.select(user_id, "INBOX", claim_recent=True)
    known, held = index.highestmodseq, index.uids
    heard: list[int] = []
    index.listen(lambda: heard.append(len(index.uids)))
    await append(other, index.mailbox.id)
    await other.write(messages.remove, index.mailbox.id, [2])
    await other.write(messages.set_flags, index.mailbox.id, [3], FlagMode.ADD, FlagSet.of(["$New"]))
    await store.look_for_foreign_commits()
    await service.settled(index)
    assert ([*index.uids], [*held]) == ([1, 3, 4], [1, 2, 3])
    assert index.flags[1].names == ("$New",)
    assert service.keywords(index) == ("$New",)
    assert index.changed_since(known) == [3, 4]
    assert (index.uidnext, heard) == (5, [3])


async def test_our_own_message_waits_for_the_foreign_one_before_it(
    store: Store, other: Store, service: Mailboxes, user_id: int, put: Put
) -> None:
    """Nobody told us of UID 2 yet when UID 3 is announced: it must not go in behind it."""
    await put()
    index, _ = await service.select(user_id, "INBOX", claim_recent=False)
    assert await append(other, index.mailbox.id) == 2
    assert await put() == 3
    await service.settled(index)
    assert [*index.uids] == [1, 2, 3]


async def test_a_mailbox_deleted_or_renamed_by_another_process_is_noticed(
    store: Store, other: Store, service: Mailboxes, user_id: int
) -> None:
    for name in ("a", "b"):
        await service.create(user_id, name)
    deleted, _ = await service.select(user_id, "a", claim_recent=False)
    renamed, _ = await service.select(user_id, "b", claim_recent=False)
    await other.write(mailboxes.remove, user_id, "a")
    await other.write(mailboxes.rename, user_id, "b", "c")
    await store.look_for_foreign_commits()
    await service.settled(deleted)
    await service.settled(renamed)
    assert (deleted.gone, renamed.gone, renamed.mailbox.name) == (True, False, "c")


async def test_nothing_is_lost_while_reading_fails(
    store: Store, other: Store, service: Mailboxes, user_id: int, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put()
    index, _ = await service.select(user_id, "INBOX", claim_recent=False)
    await append(other, index.mailbox.id)

    def failing(rx: Rx, mailbox_id: int, modseq: int) -> None:
        raise Unavailable

    with monkeypatch.context() as broken:
        broken.setattr(indexes, "_read_difference", failing)
        await store.look_for_foreign_commits()
        await service.settled(index)
        assert await put() == 3
        await service.settled(index)
        assert [*index.uids] == [1]
    assert await put() == 4
    await service.settled(index)
    assert [*index.uids] == [1, 2, 3, 4]


async def test_a_first_reading_that_fails_is_tried_again_by_the_next(
    store: Store, service: Mailboxes, user_id: int, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put()

    def failing(rx: Rx, mailbox_id: int) -> None:
        raise Unavailable

    with monkeypatch.context() as broken:
        broken.setattr(indexes, "_read_whole", failing)
        with pytest.raises(Unavailable):
            await service.select(user_id, "INBOX", claim_recent=False)
    index, _ = await service.select(user_id, "INBOX", claim_recent=False)
    assert [*index.uids] == [1]


async def test_indexes_nobody_uses_are_bounded(
    store: Store, service: Mailboxes, user_id: int, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexes, "IDLE_MESSAGES", 3)
    for name in ("INBOX", "Sent", "Trash"):
        await put(name=name)
        await put(name=name)
    first, _ = await service.select(user_id, "INBOX", claim_recent=False)
    second, _ = await service.select(user_id, "Sent", claim_recent=False)
    service.release(first)
    again, _ = await service.select(user_id, "INBOX", claim_recent=False)
    assert again is first  # kept while there is room
    service.release(again)
    service.release(second)
    third, _ = await service.select(user_id, "INBOX", claim_recent=False)
    fourth, _ = await service.select(user_id, "Sent", claim_recent=False)
    assert [third is first, fourth is second].count(True) == 1  # one of them had to go
    assert [*third.uids] == [*fourth.uids] == [1, 2]


async def test_attaching_to_nothing_leaves_nothing(store: Store, user_id: int) -> None:
    fresh = Indexes(store)
    for _ in range(2):
        with pytest.raises(NoSuchMailbox):
            await fresh.attach(999)
    assert fresh.find(999) is None
    await fresh.close()


async def test_a_cancelled_attach_holds_nothing(
    store: Store, service: Mailboxes, user_id: int, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexes, "IDLE_MESSAGES", 0)
    await put()
    index, _ = await service.select(user_id, "INBOX", claim_recent=False)
    fresh = Indexes(store)
    cancelled = asyncio.create_task(fresh.attach(index.mailbox.id))
    await asyncio.sleep(0)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    loaded = await fresh.attach(index.mailbox.id)
    fresh.release(loaded)
    assert fresh.find(index.mailbox.id) is None
    await fresh.close()
