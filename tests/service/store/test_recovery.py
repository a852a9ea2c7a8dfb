"""What a crash leaves at each step, and what the next start makes of it."""

import os
from pathlib import Path

import pytest

from mailserver.config.tree import StoreConfig
from mailserver.mail.flags import FlagSet
from mailserver.store import disk_jobs, domains, mailboxes, messages, users
from mailserver.store.database import Rx, Tx
from mailserver.store.maildir import Maildir
from mailserver.store.store import Store
from tests.fakes import FakeClock
from tests.schema import migrated

CONFIG = StoreConfig(min_free_bytes=0)
NONE = FlagSet.of([])


async def opened(data: Path, *, serving: bool) -> Store:
    return await Store.open(data, FakeClock(), config=CONFIG, serving=serving)


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    async with await opened(migrated(tmp_path / "data"), serving=False) as store:
        await store.write(domains.add, "example.test")
        await store.write(users.add, "ann@example.test", "$argon2id$unused")
    return tmp_path / "data"


async def test_a_staged_file_without_a_row_was_never_acknowledged_and_goes(data: Path) -> None:
    async with await opened(data, serving=False) as store:
        await store.stage_bytes(b"Subject: x\r\n\r\n")
        assert len(os.listdir(store.maildir.staging)) == 1
    async with await opened(data, serving=False) as store:
        assert len(os.listdir(store.maildir.staging)) == 1, "only the holder of the lock may clean up"
    async with await opened(data, serving=True) as store:
        assert os.listdir(store.maildir.staging) == []


async def test_a_staged_file_with_rows_appears_in_every_mailbox(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with await opened(data, serving=False) as store:
        user = await store.read(users.get, "ann@example.test")
        boxes = [await store.read(mailboxes.get, user.id, name) for name in ("INBOX", "Archive")]
        staged = await store.stage_bytes(b"Subject: x\r\n\r\nbody\r\n")

        def both(tx: Tx) -> None:
            for box in boxes:
                messages.add(tx, box.id, staged, NONE, 0)

        with monkeypatch.context() as crash:
            crash.setattr(Maildir, "finish_delivery", lambda *_: None)  # killed right after the commit
            await store.write(both)
        where = await store.read(messages.locate, boxes[0].id, 1)
        assert where is not None
        os.close(store.maildir.open(where.folder, where.key, where.letters))  # readable even now
    async with await opened(data, serving=True) as store:
        for box in boxes:
            [name] = os.listdir(store.maildir.root / box.folder / "cur")
            assert name == f"{staged.key}:2,"
        assert os.listdir(store.maildir.staging) == []


@pytest.mark.parametrize("verb", ["copy", "move", "remove", "rename", "delete"])
async def test_promised_disk_work_is_done_at_the_next_start(
    data: Path, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await opened(data, serving=False) as store:
        user = await store.read(users.get, "ann@example.test")
        inbox, archive = [await store.read(mailboxes.get, user.id, name) for name in ("INBOX", "Archive")]
        staged = await store.stage_bytes(b"Subject: x\r\n\r\nbody\r\n")
        source = archive if verb in {"rename", "delete"} else inbox
        await store.write(messages.add, source.id, staged, NONE, 0)
        monkeypatch.setattr(Maildir, "perform", lambda *_: None)
        monkeypatch.setattr(disk_jobs, "remove", lambda *_: None)
        match verb:
            case "copy":
                await store.write(messages.copy, inbox.id, [1], archive.id, ["key2"])
            case "move":
                await store.write(messages.move, inbox.id, [1], archive.id)
            case "remove":
                await store.write(messages.remove, inbox.id, [1])
            case "rename":
                await store.write(mailboxes.rename, user.id, "Archive", "Old")
            case "delete":
                await store.write(mailboxes.remove, user.id, "Archive")
    monkeypatch.undo()
    async with await opened(data, serving=True) as store:
        assert await store.read(Rx.all, "SELECT * FROM disk_jobs") == []
        root = store.maildir.root
        in_inbox = os.listdir(root / inbox.folder / "cur")
        match verb:
            case "copy":
                assert os.listdir(root / archive.folder / "cur") == ["key2:2,"]
                assert len(in_inbox) == 1
            case "move":
                assert in_inbox == []
                assert os.listdir(root / archive.folder / "cur") == [f"{staged.key}:2,"]
            case "remove":
                assert in_inbox == []
            case "rename":
                renamed = await store.read(mailboxes.get, user.id, "Old")
                assert os.listdir(root / renamed.folder / "cur") == [f"{staged.key}:2,"]
                assert not (root / archive.folder).exists()
            case "delete":
                assert not (root / archive.folder).exists()


async def test_doing_a_job_twice_does_no_harm(data: Path) -> None:
    async with await opened(data, serving=False) as store:
        user = await store.read(users.get, "ann@example.test")
        inbox, archive = [await store.read(mailboxes.get, user.id, name) for name in ("INBOX", "Archive")]
        staged = await store.stage_bytes(b"Subject: x\r\n\r\nbody\r\n")
        await store.write(messages.add, inbox.id, staged, NONE, 0)
        await store.write(messages.copy, inbox.id, [1], archive.id, ["key2"])
        await store.write(messages.move, inbox.id, [1], archive.id)
        jobs = await store.read(disk_jobs.list)
        store.maildir.catch_up()
        for _, job in jobs:
            store.maildir.perform(job)
        assert sorted(os.listdir(store.maildir.root / archive.folder / "cur")) == sorted(
            [f"{staged.key}:2,", "key2:2,"]
        )
        await store.settle()
        assert await store.read(disk_jobs.list) == []


async def test_another_process_at_work_keeps_its_staged_files(data: Path) -> None:
    async with await opened(data, serving=False) as other:
        staged = await other.stage_bytes(b"Subject: x\r\n\r\n")
        async with await opened(data, serving=True):
            user = await other.read(users.get, "ann@example.test")
            inbox = await other.read(mailboxes.get, user.id, "INBOX")
            await other.write(messages.add, inbox.id, staged, NONE, 0)
        assert os.listdir(other.maildir.root / inbox.folder / "cur") == [f"{staged.key}:2,"]


@pytest.mark.parametrize("verb", ["delete", "rename"])
async def test_a_mailbox_made_again_does_not_lose_its_mail_to_an_old_promise(data: Path, verb: str) -> None:
    async with await opened(data, serving=False) as store:
        user = await store.read(users.get, "ann@example.test")
        if verb == "delete":
            await store.write(mailboxes.remove, user.id, "Archive")
        else:
            await store.write(mailboxes.rename, user.id, "Archive", "Old")
        again = await store.write(mailboxes.add, user.id, "Archive")
        await store.write(messages.add, again.id, await store.stage_bytes(b"Subject: x\r\n\r\n"), NONE, 0)
        jobs = await store.read(disk_jobs.list)
        assert jobs
        for _, job in jobs:  # as after a crash
            store.maildir.perform(job)
        assert len(os.listdir(store.maildir.root / again.folder / "cur")) == 1
