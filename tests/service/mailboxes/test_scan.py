"""What other programs do in a mailbox's folder becomes news: cp a file into new/ and it appears."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from mailserver.mailboxes.index import MailboxIndex
from mailserver.mailboxes.service import Mailboxes
from mailserver.store.store import Store
from tests.fakes import FakeClock
from tests.service.mailboxes.conftest import Put

OCTETS = b"Subject: by hand\r\n\r\nfrom a shell\r\n"
DEADLINE_SECONDS = 5.0


def folder(store: Store, index: MailboxIndex) -> Path:
    return store.maildir.root / index.mailbox.folder


async def until(index: MailboxIndex, holds: Callable[[], bool]) -> None:
    changed = asyncio.Event()
    stop = index.listen(changed.set)
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not holds():
            await changed.wait()
            changed.clear()
    stop()


async def test_a_file_copied_into_new_is_there_at_select(
    service: Mailboxes, store: Store, user_id: int, put: Put
) -> None:
    await put()
    index, _ = await service.select(user_id, "INBOX", claim_recent=False)
    service.release(index)
    (folder(store, index) / "new" / "1700000000.by.hand").write_bytes(OCTETS)
    index, _ = await service.select(user_id, "INBOX", claim_recent=False)
    assert [*index.uids] == [1, 2]
    file = await service.open(index, 2)
    assert await file.read(0, 1000) == OCTETS
    file.close()
    service.release(index)


async def test_a_file_copied_into_new_appears_while_selected(
    service: Mailboxes, store: Store, user_id: int, clock: FakeClock
) -> None:
    index, _ = await service.select(user_id, "INBOX", claim_recent=False)
    await asyncio.sleep(0)  # the watch begins
    (folder(store, index) / "new" / "1700000000.by.hand").write_bytes(OCTETS)
    await clock.advance(31)
    await until(index, lambda: len(index.uids) == 1)
    service.release(index)


async def test_a_removed_file_is_expunged_and_a_renamed_one_changes_flags(
    service: Mailboxes, store: Store, user_id: int, clock: FakeClock, put: Put
) -> None:
    for _ in range(3):
        await put()
    index, _ = await service.select(user_id, "INBOX", claim_recent=False)
    cur = folder(store, index) / "cur"
    removed, renamed, _ = sorted(os.listdir(cur))
    (cur / removed).unlink()
    (cur / renamed).rename(cur / f"{renamed}FS")
    for _ in range(8):
        await clock.advance(10)
        await asyncio.sleep(0.05)
    await until(index, lambda: len(index.uids) == 2)
    assert sorted(flags.names for flags in index.flags) == [(), ("\\Seen", "\\Flagged")]
    service.release(index)


async def test_nothing_is_looked_at_when_nobody_selects(
    service: Mailboxes, store: Store, user_id: int, clock: FakeClock
) -> None:
    index, _ = await service.select(user_id, "INBOX", claim_recent=False)
    service.release(index)
    (folder(store, index) / "new" / "1700000000.by.hand").write_bytes(OCTETS)
    await clock.advance(3600)
    assert [*index.uids] == []
