"""Mailboxes of one account in the hands of another: counts, files, conversations, room. RFC 4314."""

import random
from pathlib import Path

import pytest

from mailserver.errors import LimitReached, NoSuchMailbox, NotPermitted, OverQuota
from mailserver.mail.flags import EMPTY, FlagMode, FlagSet
from mailserver.mail.rights import ALL, parse
from mailserver.mailboxes import sharing
from mailserver.mailboxes.service import Mailboxes
from mailserver.mailboxes.sharing import Change
from mailserver.store import fsck, mailboxes, quota, users
from mailserver.store.database import Rx
from mailserver.store.store import Store
from tests.service.mailboxes.conftest import Put

ANN, BOB = "ann@example.test", "bob@example.test"
WORK = f"Other Users/{ANN}/Work"


@pytest.fixture
async def bob_id(store: Store, service: Mailboxes, user_id: int) -> int:
    """Ann's mailbox Work is shared with him, with all rights."""
    bob = await store.write(users.add, BOB, "$argon2id$unused")
    await service.create(user_id, "Work")
    await service.sharing.set(user_id, "Work", BOB, Change.REPLACE, ALL)
    return bob.id


async def put_as(store: Store, service: Mailboxes, user_id: int, name: str, octets: bytes) -> int:
    staged = await store.stage_bytes(octets)
    return (await service.append(user_id, name, staged, EMPTY, None)).uid


async def counts(store: Store, user_id: int) -> dict[str, tuple[int, int, int, int]]:
    """(messages, octets) as the mailbox counts them, and as its messages are."""

    def read(rx: Rx) -> dict[str, tuple[int, int, int, int]]:
        rows = rx.all(
            """SELECT name, message_count, octets, (SELECT count(*) FROM messages WHERE mailbox_id = b.id),
                   (SELECT coalesce(sum(size), 0) FROM messages WHERE mailbox_id = b.id)
               FROM mailboxes b WHERE user_id = ?""",
            user_id,
        )
        return {row[0]: row[1:] for row in rows}

    return await store.read(read)


async def assert_exact(store: Store, *user_ids: int) -> None:
    for user_id in user_ids:
        found = await counts(store, user_id)
        assert {name: each[:2] for name, each in found.items()} == {name: each[2:] for name, each in found.items()}
        room = await store.read(quota.get, user_id)
        assert room.used_octets == sum(each[1] for each in found.values())
        assert room.messages == sum(each[0] for each in found.values())


async def test_what_a_guest_puts_in_counts_for_the_owner(
    store: Store, service: Mailboxes, user_id: int, bob_id: int
) -> None:
    await put_as(store, service, bob_id, WORK, b"Subject: from bob\r\n\r\n" + b"x" * 500)
    assert (await store.read(quota.get, user_id)).used_octets == 521
    assert (await store.read(quota.get, bob_id)).used_octets == 0
    await store.write(users.set_quota, ANN, 1000)
    with pytest.raises(OverQuota):
        await put_as(store, service, bob_id, WORK, b"Subject: more\r\n\r\n" + b"x" * 500)
    await put_as(store, service, bob_id, "INBOX", b"Subject: mine\r\n\r\n" + b"x" * 500)
    await assert_exact(store, user_id, bob_id)


async def test_a_copy_across_accounts_is_a_file_of_its_own(
    store: Store, service: Mailboxes, user_id: int, bob_id: int, put: Put
) -> None:
    await put(b"Subject: shared\r\n\r\nbody\r\n", name="Work")
    index, _ = await service.select(bob_id, WORK, claim_recent=True)
    await service.copy(bob_id, index, [1], "INBOX")
    await store.settle()
    files = {path.parent.parent.name for path in (Path(store.data) / "mail").rglob("cur/*")}
    assert files == {".Work", "bob"}
    await service.set_flags(user_id, index, [1], FlagMode.ADD, FlagSet.of(["\\Deleted"]))
    await service.expunge(user_id, index, None)
    service.release(index)
    mine, _ = await service.select(bob_id, "INBOX", claim_recent=True)
    file = await service.open(mine, mine.uids[0])
    assert await file.read(0, 100) == b"Subject: shared\r\n\r\nbody\r\n"
    file.close()
    service.release(mine)
    await assert_exact(store, user_id, bob_id)
    assert await fsck.check(store) == []


async def test_a_copied_message_joins_the_conversation_of_its_new_account(
    store: Store, service: Mailboxes, user_id: int, bob_id: int, put: Put
) -> None:
    first = b"Message-ID: <1@example.test>\r\nSubject: plan\r\n\r\n"
    answer = b"Message-ID: <2@example.test>\r\nIn-Reply-To: <1@example.test>\r\nSubject: Re: plan\r\n\r\n"
    for number in range(5):  # conversations are numbered by each account for itself
        await put_as(store, service, bob_id, "INBOX", b"Subject: other %d\r\n\r\n" % number)
    await put_as(store, service, bob_id, "INBOX", first)
    await put(answer, name="Work")
    work, _ = await service.select(bob_id, WORK, claim_recent=False)
    await service.move(bob_id, work, [1], "INBOX")
    mine, _ = await service.select(bob_id, "INBOX", claim_recent=False)
    assert mine.thread_ids[-1] == mine.thread_ids[-2]
    assert len({*mine.thread_ids}) == 6
    service.release(work)
    service.release(mine)


async def test_a_move_across_accounts_is_in_one_of_them(
    store: Store, service: Mailboxes, user_id: int, bob_id: int, put: Put
) -> None:
    for _ in range(3):
        await put(name="Work", flags=("\\Flagged", "$Label"))
    index, _ = await service.select(bob_id, WORK, claim_recent=False)
    moved = await service.move(bob_id, index, [1, 3], "Archive")
    assert (moved.source_uids, moved.target_uids) == ((1, 3), (1, 2))
    assert [*index.uids] == [2]
    archive, _ = await service.select(bob_id, "Archive", claim_recent=False)
    assert [flags.text for flags in archive.flags] == ["\\Flagged,$Label"] * 2
    assert archive.keywords == ("$Label",)
    for each in (index, archive):
        service.release(each)
    await assert_exact(store, user_id, bob_id)
    await store.settle()
    assert await fsck.check(store) == []


async def test_change_numbers_are_the_owners(
    store: Store, service: Mailboxes, user_id: int, bob_id: int, put: Put
) -> None:
    await put(name="Work")
    index, _ = await service.select(bob_id, WORK, claim_recent=False)
    before = index.highestmodseq
    for _ in range(3):  # Bob's own numbers run ahead
        await put_as(store, service, bob_id, "INBOX", b"Subject: x\r\n\r\n")
    await service.set_flags(bob_id, index, [1], FlagMode.ADD, FlagSet.of(["\\Seen"]))
    assert index.highestmodseq == before + 1
    service.release(index)


async def test_counts_and_room_stay_exact_whoever_does_what(
    store: Store, service: Mailboxes, user_id: int, bob_id: int
) -> None:
    """Both put in, copy, move and expunge at random, in own and shared mailboxes, with all rights and with few."""
    chance = random.Random(5)
    await service.sharing.set(user_id, "Archive", BOB, Change.REPLACE, parse("lrsite"))
    names = {
        user_id: ["INBOX", "Work", "Archive"],
        bob_id: ["INBOX", WORK, f"Other Users/{ANN}/Archive"],
    }
    for _ in range(120):
        who = chance.choice([user_id, bob_id])
        source, target = chance.choice(names[who]), chance.choice(names[who])
        flags = FlagSet.of(chance.sample(["\\Seen", "\\Deleted", "\\Flagged", "$Work"], 2))
        octets = b"Subject: x\r\n\r\n" + b"y" * chance.randrange(2000)
        staged = await store.stage_bytes(octets)
        await service.append(who, target, staged, flags, None)
        index, _ = await service.select(who, source, claim_recent=False)
        uids = sorted(chance.sample([*index.uids], min(len(index.uids), 3)))
        match chance.randrange(4):
            case 0 if uids:
                await service.copy(who, index, uids, target)
            case 1 if uids:
                await service.move(who, index, uids, target)
            case 2:
                await service.expunge(who, index, None)
            case _:
                await service.set_flags(who, index, uids, FlagMode.REPLACE, flags)
        service.release(index)
    await assert_exact(store, user_id, bob_id)
    for who, each in ((user_id, "Work"), (bob_id, WORK)):
        status = await service.status(who, each)
        index, _ = await service.select(who, each, claim_recent=False)
        assert (status.messages, status.octets) == (len(index.uids), sum(index.sizes))
        deleted = [size for size, flags in zip(index.sizes, index.flags, strict=True) if flags.deleted]
        assert (status.deleted, status.deleted_octets) == (len(deleted), sum(deleted))
        service.release(index)


async def test_renaming_inbox_and_deleting_a_mailbox_keep_the_counts(
    store: Store, service: Mailboxes, user_id: int, put: Put
) -> None:
    for _ in range(3):
        await put()
    await service.rename(user_id, "INBOX", "Old")
    await assert_exact(store, user_id)
    await service.delete(user_id, "Old")
    await assert_exact(store, user_id)


async def test_counts_that_are_wrong_are_found_and_set_right(store: Store, user_id: int, put: Put) -> None:
    await put()
    await store.settle()
    await store.write(lambda tx: tx.run("UPDATE mailboxes SET message_count = 7 WHERE name = 'INBOX'"))
    assert [problem.kind for problem in await fsck.check(store)] == ["counts"]
    assert [problem.repaired for problem in await fsck.check(store, repair=True)] == [True]
    assert await fsck.check(store) == []
    await assert_exact(store, user_id)


async def test_an_upgraded_database_counts_what_is_there(store: Store, user_id: int, put: Put) -> None:
    await put()
    await put()
    sql = (Path(__file__).parents[3] / "migrations" / "015_sharing.sql").read_text()
    update = sql[sql.index("UPDATE mailboxes SET") :]
    await store.write(lambda tx: tx.run("UPDATE mailboxes SET message_count = 0, octets = 0"))
    await store.write(lambda tx: tx.run(update))
    await assert_exact(store, user_id)


async def test_a_deleted_owners_mailboxes_are_gone_for_others_and_come_back_with_him(
    store: Store, service: Mailboxes, bob_id: int
) -> None:
    await store.write(users.remove, ANN)
    assert WORK not in [each.name for each in await service.visible(bob_id)]
    with pytest.raises(NoSuchMailbox):
        await service.status(bob_id, WORK)
    await store.write(users.restore, ANN)
    assert WORK in [each.name for each in await service.visible(bob_id)]


async def test_a_purged_guest_leaves_no_line_behind(
    store: Store, service: Mailboxes, user_id: int, bob_id: int
) -> None:
    await store.write(users.remove, BOB)
    assert await service.sharing.list(user_id, "Work") == [(ANN, ALL)]
    await store.write(lambda tx: users.purge(tx, tx.now_ms + 1))
    assert (await store.read(mailboxes.get, user_id, "Work")).grants == ()


async def test_anyone_is_every_user_of_the_server(store: Store, service: Mailboxes, user_id: int, bob_id: int) -> None:
    await service.sharing.set(user_id, "Work", "anyone", Change.REPLACE, parse("lr"))
    cat = await store.write(users.add, "cat@example.test", "$argon2id$unused")
    assert (await service.status(cat.id, WORK)).messages == 0
    await service.sharing.set(user_id, "Work", "-cat@example.test", Change.REPLACE, parse("l"))
    assert WORK not in [each.name for each in await service.visible(cat.id)]


async def test_a_new_mailbox_has_the_rights_of_the_one_above(
    store: Store, service: Mailboxes, user_id: int, bob_id: int
) -> None:
    await service.create(user_id, "Work/a/b")
    assert (await service.sharing.list(user_id, "Work/a/b"))[1:] == [(BOB, ALL)]
    await service.sharing.set(user_id, "Work/a/b", BOB, Change.REPLACE, parse("l"))
    await service.rename(user_id, "Work/a", "Play")
    assert (await service.sharing.list(user_id, "Play/b"))[1:] == [(BOB, parse("l"))]
    await service.create(user_id, "Other")
    assert (await service.sharing.list(user_id, "Other"))[1:] == []


async def test_lines_are_bounded(
    service: Mailboxes, user_id: int, bob_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "MAX_GRANTS", 1)
    await service.sharing.set(user_id, "Work", BOB, Change.REPLACE, parse("lr"))
    with pytest.raises(LimitReached):
        await service.sharing.set(user_id, "Work", "anyone", Change.REPLACE, parse("lr"))


async def test_another_processs_change_of_rights_is_heard(
    store: Store, service: Mailboxes, user_id: int, bob_id: int, put: Put
) -> None:
    await put(name="Work")
    index, _ = await service.select(bob_id, WORK, claim_recent=False)
    async with await Store.open(store.data, store.clock) as other:
        elsewhere = Mailboxes(other, other.clock, other.config)
        await elsewhere.sharing.remove(user_id, "Work", BOB)
        await elsewhere.close()
    with pytest.raises(NoSuchMailbox):  # whatever is known in memory
        await service.set_flags(bob_id, index, [1], FlagMode.ADD, FlagSet.of(["\\Seen"]))
    await store.look_for_foreign_commits()
    await service.settled(index)
    assert index.mailbox.rights(bob_id) == frozenset()
    service.release(index)


async def test_a_name_of_old_that_looks_like_anothers_stays_ones_own(
    store: Store, service: Mailboxes, user_id: int
) -> None:
    """Made before there were shared mailboxes."""
    await store.write(mailboxes.add, user_id, "Other Users")
    await store.write(mailboxes.add, user_id, "Other Users/x@y.test/z")
    assert (await service.status(user_id, "Other Users/x@y.test/z")).messages == 0
    await service.delete(user_id, "Other Users/x@y.test/z")
    await service.rename(user_id, "Other Users", "Mine")
    assert "Mine" in [each.name for each in await service.visible(user_id)]


async def test_an_address_with_a_slash_is_found(store: Store, service: Mailboxes, user_id: int) -> None:
    odd = await store.write(users.add, "a/b@example.test", "$argon2id$unused")
    await service.sharing.set(odd.id, "INBOX", ANN, Change.REPLACE, parse("lr"))
    [listed] = [each for each in await service.visible(user_id) if not each.own]
    assert listed.name == "Other Users/a/b@example.test/INBOX"
    assert (await service.status(user_id, listed.name)).messages == 0


async def test_the_owner_may_take_rights_from_himself(service: Mailboxes, user_id: int, put: Put) -> None:
    await put(name="Archive")
    index, _ = await service.select(user_id, "Archive", claim_recent=False)
    await service.sharing.set(user_id, "Archive", f"-{ANN}", Change.REPLACE, parse("tex"))
    for refused in (
        service.expunge(user_id, index, None),
        service.move(user_id, index, [1], "INBOX"),
        service.delete(user_id, "Archive"),
    ):
        with pytest.raises(NotPermitted):
            await refused
    service.release(index)
