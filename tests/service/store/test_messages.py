"""UIDs, flags, change numbers, quota and files of messages, on a real database and a real disk."""

import os
import random
from pathlib import Path

import pytest

from mailserver.mail.flags import FlagSet
from mailserver.store import change_numbers, fsck, mailboxes, messages, quota
from mailserver.store.database import Rx, Tx
from mailserver.store.events import FlagsChanged, MessagesAdded, MessagesRemoved
from mailserver.store.mailboxes import Mailbox
from mailserver.store.messages import FlagMode, Message
from mailserver.store.store import Store

SEEN = FlagSet.of(["\\Seen"])
NONE = FlagSet.of([])
TEXT = b"Subject: hi\r\n\r\nbody\r\n"


async def inbox(store: Store, user_id: int, name: str = "INBOX") -> Mailbox:
    return await store.read(mailboxes.get, user_id, name)


async def deliver(
    store: Store, mailbox: Mailbox, text: bytes = b"Subject: hi\r\n\r\nbody\r\n", flags: FlagSet = NONE
) -> Message:
    staged = await store.stage_bytes(text)
    return await store.write(messages.add, mailbox.id, staged, flags, 1_700_000_000)


def folder_names(store: Store, mailbox: Mailbox) -> list[str]:
    store.maildir.catch_up()
    return sorted(os.listdir(store.maildir.root / mailbox.folder / "cur"))


async def test_a_message_gets_the_next_uid_and_its_file_holds_exactly_its_octets(store: Store, user_id: int) -> None:
    box = await inbox(store, user_id)
    text = b"Subject: \xff\r\n\r\n.\r\n\0bare\nline"
    first, second = await deliver(store, box), await deliver(store, box, text)
    assert (first.uid, second.uid) == (1, 2)
    where = await store.read(messages.locate, box.id, 2)
    assert where is not None
    assert Path(store.maildir.path(where.folder, where.key, where.letters)).read_bytes() == text
    assert os.listdir(store.maildir.staging) == []


async def test_internal_date_flags_and_content_come_back(store: Store, user_id: int) -> None:
    box = await inbox(store, user_id)
    await deliver(store, box, flags=FlagSet.of(["$Work", "\\seen"]))
    [message] = await store.read(messages.list, box.id)
    assert message.internal_date == 1_700_000_000
    assert message.flags.names == ("\\Seen", "$Work")
    assert await store.read(Rx.one, "SELECT subject, flags FROM messages") == ("hi", "\\Seen,$Work")


async def test_every_change_takes_the_next_change_number(store: Store, user_id: int) -> None:
    box = await inbox(store, user_id)
    message = await deliver(store, box)
    stored = await store.write(messages.set_flags, box.id, [1], FlagMode.ADD, SEEN)
    await store.write(messages.remove, box.id, [1])
    current = await store.read(change_numbers.current, user_id)
    assert message.modseq < stored.modseq < current
    assert (await inbox(store, user_id)).highestmodseq == current
    assert await store.read(messages.list_vanished, box.id, stored.modseq) == [1]


async def test_flags_that_stay_as_they_are_change_nothing(store: Store, user_id: int) -> None:
    box = await inbox(store, user_id)
    await deliver(store, box, flags=SEEN)
    before = await store.read(change_numbers.current, user_id)
    stored = await store.write(messages.set_flags, box.id, [1], FlagMode.ADD, SEEN)
    assert stored.changed == ()
    assert await store.read(change_numbers.current, user_id) == before


async def test_unchanged_since_leaves_newer_messages_alone(store: Store, user_id: int) -> None:
    box = await inbox(store, user_id)
    old, new = await deliver(store, box), await deliver(store, box)
    stored = await store.write(messages.set_flags, box.id, [1, 2], FlagMode.ADD, SEEN, old.modseq)
    assert [uid for uid, _ in stored.changed] == [1]
    assert stored.failed == (new.uid,)


async def test_keywords_keep_the_spelling_that_was_used_first(store: Store, user_id: int) -> None:
    box = await inbox(store, user_id)
    await deliver(store, box, flags=FlagSet.of(["Project"]))
    await deliver(store, box, flags=FlagSet.of(["PROJECT"]))
    assert {m.flags.names for m in await store.read(messages.list, box.id)} == {("Project",)}


async def test_a_copy_is_a_hard_link_with_the_same_content_and_a_uid_of_its_own(store: Store, user_id: int) -> None:
    box, archive = await inbox(store, user_id), await inbox(store, user_id, "Archive")
    await deliver(store, box, flags=SEEN)
    pairs = await store.write(messages.copy, box.id, [1, 9], archive.id, [store.new_key(), store.new_key()])
    assert pairs == [(1, 1)]
    original, copy = await store.read(messages.locate, box.id, 1), await store.read(messages.locate, archive.id, 1)
    assert original is not None and copy is not None
    store.maildir.catch_up()
    assert os.stat(store.maildir.path(original.folder, original.key, "S")).st_nlink == 2
    assert await store.read(Rx.one, "SELECT count(*) FROM contents") == (1,)
    await store.write(messages.remove, box.id, [1])
    assert await store.read(Rx.one, "SELECT count(*) FROM contents") == (1,)
    await store.write(messages.remove, archive.id, [1])
    assert await store.read(Rx.one, "SELECT count(*) FROM contents") == (0,)


async def test_a_move_keeps_the_file_and_leaves_a_tombstone(store: Store, user_id: int) -> None:
    box, archive = await inbox(store, user_id), await inbox(store, user_id, "Archive")
    message = await deliver(store, box)
    assert await store.write(messages.move, box.id, [1], archive.id) == [(1, 1)]
    assert folder_names(store, box) == []
    assert folder_names(store, archive) == [f"{message.key}:2,"]
    assert await store.read(messages.list_vanished, box.id, 0) == [1]


async def test_the_quota_is_exact_after_everything(store: Store, user_id: int) -> None:
    box, archive = await inbox(store, user_id), await inbox(store, user_id, "Archive")
    for size in (10, 200, 3000):
        await deliver(store, box, b"a" * size)
    await store.write(messages.copy, box.id, [2, 3], archive.id, [store.new_key(), store.new_key()])
    await store.write(messages.move, box.id, [1], archive.id)
    await store.write(messages.remove, archive.id, [1])
    used = (await store.read(quota.get, user_id)).used_octets
    assert used == 10 + 200 + 3000 + 3000
    assert await store.write(quota.recount, user_id) == 0
    await store.write(mailboxes.remove, user_id, "Archive")
    assert (await store.read(quota.get, user_id)).used_octets == 200 + 3000


async def test_removal_takes_the_file_away_after_the_commit(store: Store, user_id: int) -> None:
    box = await inbox(store, user_id)
    await deliver(store, box)
    assert await store.write(messages.remove, box.id, [1]) == [1]
    assert folder_names(store, box) == []


async def test_one_staged_file_serves_several_mailboxes(store: Store, user_id: int) -> None:
    boxes = [await inbox(store, user_id, name) for name in ("INBOX", "Archive", "Junk")]
    staged = await store.stage_bytes(b"To: all\r\n\r\nhello\r\n")

    def everywhere(tx: Tx) -> None:
        for box in boxes:
            messages.add(tx, box.id, staged, NONE, 0)

    await store.write(everywhere)
    [name] = folder_names(store, boxes[0])
    assert all(folder_names(store, box) == [name] for box in boxes)
    assert os.stat(store.maildir.root / boxes[0].folder / "cur" / name).st_nlink == 3
    assert await store.read(Rx.one, "SELECT count(*) FROM contents") == (1,)


async def test_an_answer_joins_the_thread_whichever_came_first(store: Store, user_id: int) -> None:
    box = await inbox(store, user_id)
    await deliver(store, box, b"Message-ID: <c@x>\r\nReferences: <a@x> <b@x>\r\n\r\n")
    await deliver(store, box, b"Message-ID: <a@x>\r\n\r\n")
    await deliver(store, box, b"Message-ID: <b@x>\r\nIn-Reply-To: <a@x>\r\n\r\n")
    await deliver(store, box, b"Message-ID: <z@x>\r\n\r\n")
    threads = [m.thread_id for m in await store.read(messages.list, box.id)]
    assert threads[0] == threads[1] == threads[2] != threads[3]


async def test_what_changed_is_told_after_the_commit_in_order(store: Store, user_id: int) -> None:
    box = await inbox(store, user_id)
    heard: list[type] = []
    store.subscribe(lambda event: heard.append(type(event)))
    await deliver(store, box)
    await store.write(messages.set_flags, box.id, [1], FlagMode.ADD, SEEN)
    await store.write(messages.remove, box.id, [1])
    assert heard == [MessagesAdded, FlagsChanged, MessagesRemoved]


async def test_uidvalidity_is_new_for_a_mailbox_made_again(store: Store, user_id: int) -> None:
    first = await store.write(mailboxes.add, user_id, "Box")
    await store.write(mailboxes.remove, user_id, "Box")
    second = await store.write(mailboxes.add, user_id, "Box")
    assert second.uidvalidity > first.uidvalidity
    assert not (store.maildir.root / first.folder / "cur" / "x").exists()


async def test_a_renamed_mailbox_takes_its_folder_and_children_along(store: Store, user_id: int) -> None:
    for name in ("Work", "Work/2024", "Working"):
        await store.write(mailboxes.add, user_id, name)
    message = await deliver(store, await inbox(store, user_id, "Work/2024"))
    await store.write(mailboxes.rename, user_id, "Work", "Büro")
    box = await inbox(store, user_id, "Büro/2024")
    assert folder_names(store, box) == [f"{message.key}:2,"]
    assert await store.read(mailboxes.find, user_id, "Working") is not None
    assert await store.read(mailboxes.find, user_id, "Work") is None


@pytest.mark.parametrize("name", ["..", "../../x", "a.b", ".", "a" * 1000, "\0", "~", "INBOX/..", "ü/é", "cur", "new"])
async def test_no_mailbox_name_leaves_its_users_folder(store: Store, user_id: int, name: str) -> None:
    box = await store.write(mailboxes.add, user_id, name)
    message = await deliver(store, box)
    root = (store.maildir.root / "example.test" / "ann").resolve()
    path = (store.maildir.root / box.folder).resolve()
    assert path.parent == root
    assert path.name.startswith(".")
    assert folder_names(store, box) == [f"{message.key}:2,"]
    await store.write(mailboxes.remove, user_id, name)
    assert folder_names(store, await inbox(store, user_id)) == []


async def test_the_quota_has_not_drifted_after_a_random_life(store: Store, user_id: int) -> None:
    rng, names = random.Random(11), ["INBOX", "Archive", "Trash", "Box"]
    await store.write(mailboxes.add, user_id, "Box")
    for step in range(600):
        source, target = [await inbox(store, user_id, name) for name in rng.sample(names, 2)]
        uids = [message.uid for message in await store.read(messages.list, source.id)]
        some = rng.sample(uids, min(len(uids), rng.randrange(1, 6)))
        match rng.randrange(6):
            case 0 | 1:
                await deliver(store, source, rng.randbytes(rng.randrange(1, 3000)))
            case 2:
                await store.write(messages.copy, source.id, some, target.id, [store.new_key() for _ in some])
            case 3:
                await store.write(messages.move, source.id, some, target.id)
            case 4:
                await store.write(messages.remove, source.id, some)
            case _ if step % 10 == 0:
                await store.write(mailboxes.remove, user_id, "Box")
                await store.write(mailboxes.add, user_id, "Box")
    assert await store.write(quota.recount, user_id) == 0
    assert await fsck.check(store, alone=True) == []
