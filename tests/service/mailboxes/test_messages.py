"""Selecting, appending, copying, moving, flagging and removing, and the index that follows."""

import asyncio
from pathlib import Path

import pytest

from mailserver.errors import NoSuchMailbox, NoSuchTarget, OverQuota
from mailserver.mail.flags import EMPTY, FlagSet
from mailserver.mailboxes.index import MailboxIndex
from mailserver.mailboxes.service import Mailboxes
from mailserver.mailboxes.values import Detail, FlagMode, MessageGone
from mailserver.store import users
from mailserver.store.store import Store
from tests.fakes import FakeClock
from tests.service.mailboxes.conftest import Put

SEEN, DELETED = FlagSet.of(["\\Seen"]), FlagSet.of(["\\Deleted"])
OCTETS = b"Subject: hello\r\n\r\nworld\r\n"


async def selected(service: Mailboxes, user_id: int, name: str = "INBOX") -> MailboxIndex:
    index, _ = await service.select(user_id, name, claim_recent=False)
    return index


def staged_files(store: Store) -> list[Path]:
    return [*store.maildir.staging.iterdir()]


async def test_an_appended_message_is_in_the_index_before_append_returns(
    service: Mailboxes, store: Store, user_id: int, clock: FakeClock
) -> None:
    index = await selected(service, user_id)
    heard: list[int] = []
    index.listen(lambda: heard.append(len(index.uids)))
    staged = await store.stage_bytes(OCTETS)
    done = await service.append(user_id, "inbox", staged, SEEN, 1_700_000_000)
    assert heard == [1]
    assert (done.uid, done.mailbox_id, done.uidvalidity) == (1, index.mailbox.id, index.mailbox.uidvalidity)
    assert ([*index.uids], index.flags, [*index.sizes]) == ([1], [SEEN], [len(OCTETS)])
    assert [*index.internal_dates] == [1_700_000_000]
    await service.append(user_id, "INBOX", await store.stage_bytes(OCTETS), EMPTY, None)
    assert index.internal_dates[1] == int(clock.now().timestamp())


async def test_append_to_a_missing_mailbox_leaves_nothing(service: Mailboxes, store: Store, user_id: int) -> None:
    with pytest.raises(NoSuchTarget):
        await service.append(user_id, "Nowhere", await store.stage_bytes(OCTETS), EMPTY, None)
    assert staged_files(store) == []


async def test_append_and_copy_stop_at_the_quota_and_move_does_not(
    service: Mailboxes, store: Store, user_id: int, put: Put
) -> None:
    await store.write(users.set_quota, "ann@example.test", 3 * len(OCTETS))
    index = await selected(service, user_id)
    await put(OCTETS)
    await put(OCTETS)
    with pytest.raises(OverQuota):
        await service.copy(user_id, index, [1, 2], "Archive")
    assert (await service.status(user_id, "Archive")).messages == 0
    await service.copy(user_id, index, [1], "Archive")
    with pytest.raises(OverQuota):
        await put(OCTETS)
    assert staged_files(store) == []
    await service.move(user_id, index, [1, 2], "Trash")
    used = await service.quota(user_id)
    assert (used.used_octets, used.limit_octets, used.messages) == (3 * len(OCTETS), 3 * len(OCTETS), 3)


async def test_copies_keep_flags_dates_and_octets(service: Mailboxes, user_id: int, put: Put) -> None:
    for number in range(3):
        await put(OCTETS, flags=("\\Seen", "$Work"), date=1_700_000_000 + number)
    index = await selected(service, user_id)
    copied = await service.copy(user_id, index, [1, 3], "Archive")
    target = await selected(service, user_id, "Archive")
    assert copied.uidvalidity == target.mailbox.uidvalidity
    assert (copied.source_uids, copied.target_uids) == ((1, 3), (1, 2))
    assert [*target.internal_dates] == [1_700_000_000, 1_700_000_002]
    assert target.flags == [FlagSet.of(["\\Seen", "$Work"])] * 2
    assert service.keywords(target) == ("$Work",)
    file = await service.open(target, 2)
    assert await file.read(0, 1000) == OCTETS
    file.close()


async def test_copy_and_move_are_all_or_none(service: Mailboxes, user_id: int, put: Put) -> None:
    for _ in range(3):
        await put(flags=("\\Deleted",))
    index = await selected(service, user_id)
    await service.expunge(user_id, index, [2])
    for transfer in (service.copy, service.move):
        with pytest.raises(MessageGone):
            await transfer(user_id, index, [1, 2, 3], "Archive")
        with pytest.raises(NoSuchTarget):
            await transfer(user_id, index, [1, 3], "Nowhere")
    assert (await service.status(user_id, "Archive")).messages == 0
    assert [*index.uids] == [1, 3]


async def test_a_moved_message_changes_both_indexes(service: Mailboxes, user_id: int, put: Put) -> None:
    for _ in range(3):
        await put()
    source, target = await selected(service, user_id), await selected(service, user_id, "Trash")
    moved = await service.move(user_id, source, [1, 3], "Trash")
    assert (moved.source_uids, moved.target_uids) == ((1, 3), (1, 2))
    assert ([*source.uids], [*target.uids]) == ([2], [1, 2])
    assert source.highestmodseq == target.highestmodseq


async def test_messages_can_be_copied_and_moved_within_their_mailbox(
    service: Mailboxes, user_id: int, put: Put
) -> None:
    await put(OCTETS)
    index = await selected(service, user_id)
    assert (await service.copy(user_id, index, [1], "INBOX")).target_uids == (2,)
    assert (await service.move(user_id, index, [1], "INBOX")).target_uids == (3,)
    assert [*index.uids] == [2, 3]
    for uid in index.uids:
        file = await service.open(index, uid)
        assert await file.read(0, 1000) == OCTETS
        file.close()


async def test_flags_are_added_removed_and_replaced(service: Mailboxes, user_id: int, put: Put) -> None:
    await put(flags=("\\Seen",))
    await put(flags=("\\Flagged", "work"))
    index = await selected(service, user_id)
    before = index.highestmodseq
    assert (await service.set_flags(user_id, index, [1, 2], FlagMode.ADD, SEEN)).changed == [2]
    assert index.highestmodseq > before
    before = index.highestmodseq
    assert (await service.set_flags(user_id, index, [1, 2], FlagMode.ADD, SEEN)).changed == []  # no effect, no number
    assert index.highestmodseq == before
    await service.set_flags(user_id, index, [2], FlagMode.REMOVE, FlagSet.of(["WORK", "\\flagged"]))
    assert index.flags[1] == SEEN
    await service.set_flags(user_id, index, [1], FlagMode.REPLACE, FlagSet.of(["WORK"]))
    assert index.flags[0].names == ("work",)  # in the mailbox's spelling
    assert (await service.set_flags(user_id, index, [99], FlagMode.ADD, DELETED)).changed == []


async def test_unchanged_since_refuses_exactly_what_changed(service: Mailboxes, user_id: int, put: Put) -> None:
    for _ in range(3):
        await put()
    index = await selected(service, user_id)
    known = index.highestmodseq
    await service.set_flags(user_id, index, [2], FlagMode.ADD, SEEN)
    done = await service.set_flags(user_id, index, [1, 2, 3], FlagMode.ADD, DELETED, unchanged_since=known)
    assert (done.changed, done.failed) == ([1, 3], [2])
    assert index.changed_since(known) == [1, 2, 3]


async def test_flags_set_by_many_at_once_are_all_kept(service: Mailboxes, user_id: int, put: Put) -> None:
    await put()
    index = await selected(service, user_id)
    names = [f"k{number}" for number in range(20)]
    await asyncio.gather(*(service.set_flags(user_id, index, [1], FlagMode.ADD, FlagSet.of([name])) for name in names))
    assert {*index.flags[0].names} == {*names}


async def test_expunge_takes_what_is_deleted_and_asked_for(service: Mailboxes, user_id: int, put: Put) -> None:
    for flags in (("\\Deleted",), (), ("\\Deleted",), ("\\Deleted",)):
        await put(flags=flags)
    index = await selected(service, user_id)
    assert await service.expunge(user_id, index, [2, 3, 99]) == [3]
    assert await service.expunge(user_id, index, None) == [1, 4]
    assert [*index.uids] == [2]
    assert (await service.status(user_id, "INBOX")).uidnext == 5


async def test_uids_ascend_with_eight_appending_at_once(service: Mailboxes, store: Store, user_id: int) -> None:
    index = await selected(service, user_id)

    async def append_some() -> list[int]:
        uids = []
        for _ in range(10):
            staged = await store.stage_bytes(OCTETS)
            uids.append((await service.append(user_id, "INBOX", staged, EMPTY, None)).uid)
        return uids

    runs = await asyncio.gather(*(append_some() for _ in range(8)))
    assert all(run == sorted(run) for run in runs)
    assert sorted(uid for run in runs for uid in run) == [*range(1, 81)] == [*index.uids]


async def test_recent_is_told_to_one_session_only(service: Mailboxes, store: Store, user_id: int, put: Put) -> None:
    for _ in range(2):
        await put()
    assert (await service.status(user_id, "INBOX")).recent == 2
    examined, first = await service.select(user_id, "INBOX", claim_recent=False)
    assert (first, (await service.status(user_id, "INBOX")).recent) == (1, 2)
    index, first = await service.select(user_id, "INBOX", claim_recent=True)
    assert (first, (await service.status(user_id, "INBOX")).recent) == (1, 0)
    _, second = await service.select(user_id, "INBOX", claim_recent=True)
    assert second == 3
    await put()
    assert [service.claim_recent(index), service.claim_recent(examined)] == [3, 4]


async def test_claims_of_recent_survive_a_restart(store: Store, user_id: int, put: Put, clock: FakeClock) -> None:
    await put()
    for first_recent in (1, 2):
        service = Mailboxes(store, clock, store.config)
        _, first = await service.select(user_id, "INBOX", claim_recent=True)
        assert first == first_recent
        await service.close()


async def test_status_counts_what_is_there(service: Mailboxes, user_id: int, put: Put) -> None:
    for flags in ((), ("\\Seen",), ("\\Deleted", "\\SeenElsewhere"), ("$Seen", "\\Seen", "\\Deleted")):
        await put(OCTETS, flags=flags)
    status = await service.status(user_id, "inbox")
    assert (status.messages, status.unseen, status.deleted, status.recent) == (4, 2, 2, 4)
    assert (status.uidnext, status.octets) == (5, 4 * len(OCTETS))
    many = await service.statuses(user_id, ["INBOX", "Sent", "Nowhere"], with_deleted_octets=False)
    assert {name: found.messages for name, found in many.items()} == {"INBOX": 4, "Sent": 0}
    index = await selected(service, user_id)
    assert many["INBOX"].highestmodseq == index.highestmodseq
    with pytest.raises(NoSuchMailbox):
        await service.status(user_id, "Nowhere")


async def test_details_come_by_uid_without_what_is_gone(service: Mailboxes, user_id: int, put: Put) -> None:
    for number in range(3):
        await put(b"Subject: number %d\r\nX-Other: y\r\n\r\nbody\r\n" % number, flags=("\\Deleted",))
    index = await selected(service, user_id)
    await service.expunge(user_id, index, [2])
    rows = [
        row
        async for chunk in service.details(index, [1, 2, 3], Detail.ENVELOPE | Detail.HEADER_FIELDS | Detail.PARTS)
        for row in chunk
    ]
    assert [row.uid for row in rows] == [1, 3]
    assert b"number 2" in rows[1].envelope
    assert rows[0].header_fields == b"Subject: number 0\r\n"
    assert rows[0].parts[0].media_type == "text/plain"
    assert rows[0].header_octets == len(b"Subject: number 0\r\nX-Other: y\r\n\r\n")
    assert rows[0].body == b""  # not asked for


async def test_an_open_message_stays_readable_when_it_is_removed(
    service: Mailboxes, store: Store, user_id: int, put: Put
) -> None:
    octets = b"Subject: large\r\n\r\n" + b"x" * 200_000
    await put(octets, flags=("\\Deleted",))
    index = await selected(service, user_id)
    file = await service.open(index, 1)
    await service.expunge(user_id, index, None)
    assert file.size == len(octets)
    assert await file.read(0, 10) == octets[:10]
    assert await file.read(60_000, 100_000) == octets[60_000:160_000]
    assert await file.read(len(octets) - 5, 100) == octets[-5:]
    assert await file.read(len(octets), 100) == b""
    file.close()
    with pytest.raises(MessageGone):
        await service.open(index, 1)


async def test_a_deleted_mailbox_is_gone_for_its_sessions_and_refuses_politely(
    service: Mailboxes, user_id: int, put: Put
) -> None:
    await service.create(user_id, "a")
    await put(name="a")
    index = await selected(service, user_id, "a")
    heard: list[bool] = []
    index.listen(lambda: heard.append(index.gone))
    await service.delete(user_id, "a")
    assert heard == [True]
    with pytest.raises(NoSuchMailbox):
        await service.set_flags(user_id, index, [1], FlagMode.ADD, SEEN)
    with pytest.raises((NoSuchMailbox, MessageGone)):
        await service.copy(user_id, index, [1], "INBOX")
    with pytest.raises(MessageGone):
        await service.open(index, 1)
    service.release(index)
    await service.create(user_id, "a")
    anew = await selected(service, user_id, "a")
    assert (anew.gone, [*anew.uids]) == (False, [])
    assert anew.mailbox.uidvalidity > index.mailbox.uidvalidity


async def test_a_renamed_mailbox_keeps_its_sessions(service: Mailboxes, user_id: int, put: Put) -> None:
    await service.create(user_id, "a")
    index = await selected(service, user_id, "a")
    await service.rename(user_id, "a", "b")
    await put(name="b")
    again = await selected(service, user_id, "b")
    assert again is index
    assert (index.mailbox.name, [*index.uids]) == ("b", [1])


async def test_the_save_date_is_when_a_message_came_into_its_mailbox(
    service: Mailboxes, user_id: int, put: Put, clock: FakeClock
) -> None:
    """By APPEND, COPY or MOVE, whatever its internal date says. RFC 8514"""
    inbox, archive = await selected(service, user_id), await selected(service, user_id, "Archive")
    arrived = int(clock.now().timestamp())
    await put(date=1_000_000_000)
    await put(date=1_000_000_000)
    await clock.advance(3600)
    await service.copy(user_id, inbox, [1], "Archive")
    await clock.advance(3600)
    await service.move(user_id, inbox, [2], "Archive")
    assert [*inbox.save_dates] == [arrived]
    assert [*archive.save_dates] == [arrived + 3600, arrived + 7200]
    assert [*archive.internal_dates] == [1_000_000_000] * 2
