"""Faults of the disk at moments that no system call of a usual day has: every caller gets a Refusal, nobody waits."""

import errno
import os
import stat
from pathlib import Path

import pytest

from mailserver.errors import InsufficientStorage, Unavailable
from mailserver.store.database import Tx
from mailserver.store.staging import MEMORY_OCTETS
from mailserver.store.store import Store
from tests.fakes import FakeClock
from tests.schema import migrated


async def test_a_fault_of_the_disk_inside_a_transaction_is_a_refusal(store: Store) -> None:
    def full(_: Tx) -> None:
        raise OSError(errno.ENOSPC, "full")

    with pytest.raises(InsufficientStorage):
        await store.write(full)


async def test_a_message_that_does_not_fit_is_refused_and_leaves_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    async with store.incoming() as incoming:
        with monkeypatch.context() as disk:
            disk.setattr(os, "write", full)
            with pytest.raises(InsufficientStorage) as refused:
                await incoming.write(bytes(MEMORY_OCTETS + 1))
        assert os.listdir(store.maildir.staging) != []
    assert os.listdir(store.maildir.staging) == []
    assert refused.value.__traceback__ is not None, "what still holds the octets must not hold up their end"


async def test_a_folder_whose_sync_failed_is_synced_again_for_the_next(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both files were staged before the sync; only one commit waited for it."""
    await store.stage_bytes(b"Subject: first\r\n\r\n")
    await store.stage_bytes(b"Subject: second\r\n\r\n")
    synced, sync = list[str](), os.fsync

    def fail_once(fd: int) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            synced.append("folder")
            if len(synced) == 1:
                raise OSError(errno.EIO, "broken")
        sync(fd)

    monkeypatch.setattr(os, "fsync", fail_once)
    with pytest.raises(Unavailable):
        await store.write(lambda _: None)
    await store.write(lambda _: None)
    assert len(synced) == 2


async def test_work_that_can_not_be_settled_does_not_hold_up_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await Store.open(migrated(tmp_path), FakeClock())

    async def fail() -> None:
        raise Unavailable

    monkeypatch.setattr(store, "settle", fail)
    await store.close()
