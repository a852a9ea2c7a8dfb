"""Other Maildir programs at work in our folders, and fsck in both directions."""

import mailbox as stdlib_mailbox
import os
from pathlib import Path

import pytest

from mailserver.mail.flags import FlagSet
from mailserver.store import adopt, fsck, mailboxes, messages, reconcile
from mailserver.store.database import Tx
from mailserver.store.mailboxes import Mailbox
from mailserver.store.store import Store

NONE = FlagSet.of([])
TEXT = b"From: a@b.test\r\nSubject: here\r\n\r\nbody\r\n"


@pytest.fixture
async def box(store: Store, user_id: int) -> Mailbox:
    return await store.read(mailboxes.get, user_id, "INBOX")


async def add(store: Store, box: Mailbox) -> messages.Message:
    return await store.write(messages.add, box.id, await store.stage_bytes(TEXT), NONE, 0)


def folder(store: Store, box: Mailbox) -> Path:
    return store.maildir.root / box.folder


async def test_a_file_copied_into_new_becomes_a_message(store: Store, box: Mailbox) -> None:
    (folder(store, box) / "new" / "1.foreign.host").write_bytes(TEXT.replace(b"\r\n", b"\n"))
    done = await reconcile.reconcile(store, box)
    assert done.adopted == 1
    [message] = await store.read(messages.list, box.id)
    where = await store.read(messages.locate, box.id, message.uid)
    assert where is not None
    assert Path(store.maildir.path(where.folder, where.key, where.letters)).read_bytes() == TEXT
    assert os.listdir(folder(store, box) / "new") == []
    assert not await reconcile.compare(store, box)


async def test_flags_in_a_copied_files_name_count(store: Store, box: Mailbox) -> None:
    (folder(store, box) / "cur" / "1.foreign.host:2,FS").write_bytes(TEXT)
    await reconcile.reconcile(store, box)
    [message] = await store.read(messages.list, box.id)
    assert message.flags.names == ("\\Seen", "\\Flagged")


async def test_a_file_deleted_by_hand_is_expunged_with_a_tombstone(store: Store, box: Mailbox) -> None:
    await add(store, box)
    kept = await add(store, box)
    os.unlink(folder(store, box) / "cur" / os.listdir(folder(store, box) / "cur")[0])
    done = await reconcile.reconcile(store, box, grace=False)
    assert done.removed == 1
    assert len(await store.read(messages.list, box.id)) == 1
    assert len(await store.read(messages.list_vanished, box.id, kept.modseq)) == 1


async def test_a_file_that_is_missing_only_for_a_moment_is_kept(store: Store, box: Mailbox) -> None:
    await add(store, box)
    [name] = os.listdir(folder(store, box) / "cur")
    os.rename(folder(store, box) / "cur" / name, folder(store, box) / "away")

    async def come_back(seconds: float) -> None:
        assert seconds == adopt.GRACE_SECONDS
        os.rename(folder(store, box) / "away", folder(store, box) / "cur" / name)

    store.clock.sleep = come_back  # type: ignore[method-assign]
    assert (await reconcile.reconcile(store, box)).removed == 0
    assert len(await store.read(messages.list, box.id)) == 1


async def test_a_mail_program_that_marks_a_message_read_is_followed(store: Store, box: Mailbox) -> None:
    await add(store, box)
    foreign = stdlib_mailbox.Maildir(folder(store, box), factory=None)
    [(key, message)] = foreign.items()
    message.set_flags("RS")
    foreign[key] = message
    foreign.close()
    await reconcile.reconcile(store, box)
    [ours] = await store.read(messages.list, box.id)
    assert set(ours.flags.names) >= {"\\Seen", "\\Answered"}


async def test_our_flags_reach_the_file_name_in_time(store: Store, box: Mailbox) -> None:
    from mailserver.store import file_names

    message = await add(store, box)
    await store.write(messages.set_flags, box.id, [1], messages.FlagMode.ADD, FlagSet.of(["\\Seen", "\\Flagged", "$x"]))
    assert await store.write(file_names.refresh) == 1
    assert os.listdir(folder(store, box) / "cur") == [f"{message.key}:2,FS"]
    assert await store.write(file_names.refresh) == 0
    assert not await reconcile.compare(store, box)


async def test_the_standard_library_reads_our_folder(store: Store, box: Mailbox) -> None:
    await add(store, box)
    foreign = stdlib_mailbox.Maildir(folder(store, box), factory=None)
    assert [message["Subject"] for message in foreign] == ["here"]
    assert {*foreign.list_folders()} == {"Drafts", "Sent", "Junk", "Trash", "Archive"}
    foreign.close()


async def test_a_healthy_store_has_no_problems(store: Store, box: Mailbox) -> None:
    await add(store, box)
    assert await fsck.check(store, alone=True) == []


async def test_fsck_finds_and_repairs_both_directions(store: Store, box: Mailbox, user_id: int) -> None:
    first, second = await add(store, box), await add(store, box)
    os.unlink(folder(store, box) / "cur" / f"{first.key}:2,")
    (folder(store, box) / "new" / "stranger").write_bytes(TEXT)
    (store.maildir.spool / "orphan").write_bytes(b"x")
    (store.maildir.staging / "leftover").write_bytes(b"x")
    store.maildir.make_folder(box.folder + "/.Lost.Found")
    (folder(store, box) / ".Lost.Found" / "cur" / "found:2,S").write_bytes(TEXT)

    def drift(tx: Tx) -> None:
        tx.run("UPDATE users SET used_bytes = used_bytes + 7")
        tx.run("UPDATE messages SET content_id = NULL WHERE uid = ?", second.uid)

    await store.write(drift)
    found = {problem.kind for problem in await fsck.check(store, alone=True)}
    assert found == {
        "missing-file", "unknown-file", "quota", "unknown-content", "spool-file", "staged-file", "unknown-folder",
    }  # fmt: skip
    assert all(problem.repaired for problem in await fsck.check(store, repair=True, alone=True))
    assert await fsck.check(store, alone=True) == []
    assert [message.uid for message in await store.read(messages.list, box.id)] == [2, 3]
    lost = await store.read(mailboxes.get, user_id, "Lost/Found")
    assert [m.flags.names for m in await store.read(messages.list, lost.id)] == [("\\Seen",)]


async def test_a_symlink_in_the_folder_is_never_followed(store: Store, box: Mailbox, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    (folder(store, box) / "new" / "link").symlink_to(secret)
    assert (await reconcile.reconcile(store, box)).adopted == 0
