"""Files follow their commits on a thread of their own: nobody misses one that is on its way."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from mailserver.mail.flags import FlagMode, FlagSet
from mailserver.mailboxes.service import Mailboxes
from mailserver.store import disk_jobs, mailboxes, messages, reconcile
from mailserver.store.disk_jobs import Job
from mailserver.store.store import Store
from tests.service.mailboxes.conftest import Put

OCTETS = b"Subject: hello\r\n\r\nworld\r\n"


@contextmanager
def held(store: Store) -> Iterator[threading.Event]:
    """Work on files waits until the event is set, as it does on a slow disk."""
    go, perform = threading.Event(), store.maildir.perform

    def slowly(job: Job) -> None:
        go.wait(10)
        perform(job)

    store.maildir.perform = slowly  # type: ignore[method-assign]
    try:
        yield go
    finally:
        go.set()
        store.maildir.perform = perform  # type: ignore[method-assign]


async def test_a_moved_message_is_read_while_its_file_is_on_the_way(
    store: Store, service: Mailboxes, user_id: int, put: Put
) -> None:
    uid = await put(OCTETS)
    index, _ = await service.select(user_id, "INBOX", claim_recent=False)
    with held(store) as go:
        moved = await service.move(user_id, index, [uid], "Archive")
        archive, _ = await service.select(user_id, "Archive", claim_recent=False)
        assert len(await store.read(disk_jobs.list)) == 1
        threading.Timer(0.05, go.set).start()
        file = await service.open(archive, moved.target_uids[0])
        assert await file.read(0, 100) == OCTETS
        file.close()


async def test_moves_there_and_back_end_where_they_should(
    store: Store, service: Mailboxes, user_id: int, put: Put
) -> None:
    uid = await put(OCTETS)
    inbox, _ = await service.select(user_id, "INBOX", claim_recent=False)
    archive, _ = await service.select(user_id, "Archive", claim_recent=False)
    with held(store):
        for source, target in ((inbox, "Archive"), (archive, "INBOX")) * 3:
            uid = (await service.move(user_id, source, [uid], target)).target_uids[0]
        await service.copy(user_id, inbox, [uid], "Archive")
        await service.set_flags(user_id, inbox, [uid], FlagMode.ADD, FlagSet.of(["\\Deleted"]))
        await service.expunge(user_id, inbox, None)
    await store.settle()
    assert [*store.maildir.files(inbox.mailbox.folder)] == []
    assert len([*store.maildir.files(archive.mailbox.folder)]) == 1
    assert await store.read(disk_jobs.list) == []


async def test_a_folder_is_removed_after_what_was_promised_of_its_files(
    store: Store, service: Mailboxes, user_id: int, put: Put
) -> None:
    await service.create(user_id, "Old")
    uid = await put(OCTETS, "Old")
    old, _ = await service.select(user_id, "Old", claim_recent=False)
    with held(store) as go:
        moved = await service.move(user_id, old, [uid], "Archive")
        threading.Timer(0.05, go.set).start()
        await service.delete(user_id, "Old")
    archive, _ = await service.select(user_id, "Archive", claim_recent=False)
    file = await service.open(archive, moved.target_uids[0])
    assert await file.read(0, 100) == OCTETS
    file.close()


async def test_a_file_on_its_way_is_no_stranger(store: Store, service: Mailboxes, user_id: int, put: Put) -> None:
    uid = await put(OCTETS)
    inbox, _ = await service.select(user_id, "INBOX", claim_recent=False)
    with held(store) as go:
        await service.move(user_id, inbox, [uid], "Archive")
        threading.Timer(0.05, go.set).start()
        for name in ("INBOX", "Archive"):
            done = await reconcile.reconcile(store, await store.read(mailboxes.get, user_id, name), grace=False)
            assert (done.adopted, done.removed) == (0, 0)
    archive = await store.read(mailboxes.get, user_id, "Archive")
    assert len(await store.read(messages.list, archive.id)) == 1
