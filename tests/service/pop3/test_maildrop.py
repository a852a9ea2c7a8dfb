"""The picture of INBOX that a session keeps, over a real store."""

import random
from collections.abc import AsyncIterator

import pytest

from mailserver.config.tree import StoreConfig
from mailserver.mail.flags import EMPTY
from mailserver.mailboxes.index import MailboxIndex
from mailserver.mailboxes.service import Mailboxes
from mailserver.pop3.maildrop import Maildrop
from mailserver.pop3.refusals import NoSuchMessage
from mailserver.store.store import Store
from tests.fakes import FakeClock


@pytest.fixture
async def mailboxes(store: Store, clock: FakeClock) -> AsyncIterator[Mailboxes]:
    mailboxes = Mailboxes(store, clock, StoreConfig())
    yield mailboxes
    await mailboxes.close()


async def _put(store: Store, mailboxes: Mailboxes, user_id: int, octets: int) -> None:
    staged = await store.stage_bytes(b"A: 1\r\n\r\n" + b"x" * octets)
    await mailboxes.append(user_id, "INBOX", staged, EMPTY, None)


async def _selected(mailboxes: Mailboxes, user_id: int) -> MailboxIndex:
    index, _ = await mailboxes.select(user_id, "INBOX", claim_recent=False)
    return index


async def test_nothing_that_happens_to_the_mailbox_changes_the_picture(
    store: Store, mailboxes: Mailboxes, user_id: int
) -> None:
    for octets in range(8):
        await _put(store, mailboxes, user_id, octets)
    index = await _selected(mailboxes, user_id)
    drop = Maildrop(index)
    before = [(n, drop.uid(n), drop.size(n), drop.unique_id(n)) for n in drop.numbers()]
    assert [size for _, _, size, _ in before] == [*range(8, 16)]
    chance = random.Random(3)
    for _ in range(12):
        if chance.random() < 0.5 and len(index.uids):
            await mailboxes.remove(index, [chance.choice(index.uids)])
        else:
            await _put(store, mailboxes, user_id, chance.randrange(9))
        assert [(n, drop.uid(n), drop.size(n), drop.unique_id(n)) for n in drop.numbers()] == before
        assert (drop.count, drop.octets) == (8, sum(range(8, 16)))
    mailboxes.release(index)


async def test_marks_are_counted_and_taken_back(store: Store, mailboxes: Mailboxes, user_id: int) -> None:
    for octets in (1, 2, 3):
        await _put(store, mailboxes, user_id, octets)
    index = await _selected(mailboxes, user_id)
    drop = Maildrop(index)
    drop.delete(drop.require(2))
    assert (drop.count, drop.octets, [*drop.numbers()]) == (2, 9 + 11, [1, 3])
    assert drop.deleted_uids() == [index.uids[1]]
    for number in (0, 2, 4):
        with pytest.raises(NoSuchMessage):
            drop.require(number)
    drop.reset()
    assert (drop.count, drop.octets, [*drop.numbers()]) == (3, 9 + 10 + 11, [1, 2, 3])
    mailboxes.release(index)


async def test_unique_ids_are_short_printable_and_never_the_same_again(
    store: Store, mailboxes: Mailboxes, user_id: int
) -> None:
    """RFC 1939 §7: 1 to 70 octets from 0x21 to 0x7E."""
    seen: set[bytes] = set()
    for _ in range(3):
        await _put(store, mailboxes, user_id, 1)
        await _put(store, mailboxes, user_id, 1)
        index = await _selected(mailboxes, user_id)
        drop = Maildrop(index)
        ids = [drop.unique_id(number) for number in drop.numbers()]
        assert all(1 <= len(each) <= 70 and all(0x21 <= octet <= 0x7E for octet in each) for each in ids)
        assert seen.isdisjoint(ids)
        seen.update(ids)
        await mailboxes.remove(index, [*index.uids])
        mailboxes.release(index)


async def test_deleting_what_is_gone_is_no_fault(store: Store, mailboxes: Mailboxes, user_id: int) -> None:
    for _ in range(3):
        await _put(store, mailboxes, user_id, 1)
    index = await _selected(mailboxes, user_id)
    uids = [*index.uids]
    await mailboxes.remove(index, uids[:1])
    await mailboxes.discard(index, uids[:2])
    assert [*index.uids] == uids[2:]
    assert (await mailboxes.status(user_id, "Trash")).messages == 1
    mailboxes.release(index)
