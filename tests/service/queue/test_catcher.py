"""The demo's catcher: what would leave the machine ends in a local folder, at once and once."""

import asyncio
from collections.abc import AsyncIterator
from mailbox import Maildir
from pathlib import Path

import pytest

from mailserver.queue.catcher import Catcher
from mailserver.queue.outbound import OutboundQueue
from mailserver.store import queue
from mailserver.store.queue import Entry
from mailserver.store.store import Store
from tests.service.queue.test_queue import put, spooled


@pytest.fixture
async def catcher(store: Store, tmp_path: Path) -> AsyncIterator[Catcher]:
    catcher = Catcher(store, OutboundQueue(store, "catcher"), tmp_path / "caught")
    yield catcher
    await catcher.stop()


async def ended(store: Store, count: int) -> list[Entry]:
    """All rows, once so many are no longer live."""
    changed = asyncio.Event()
    unsubscribe = store.subscribe(lambda event: changed.set())
    try:
        async with asyncio.timeout(10):
            while True:
                changed.clear()
                entries = await store.read(queue.list)
                if sum(entry.status in {"sent", "failed"} for entry in entries) >= count:
                    return entries
                await changed.wait()
    finally:
        unsubscribe()


async def test_mail_is_caught_as_it_comes_and_what_waited_before(
    store: Store, catcher: Catcher, tmp_path: Path
) -> None:
    await put(store, "early@far.example")
    await catcher.start()
    await put(store, "x@far.example", "y@other.example", message=b"Subject: two\r\n\r\nbody\r\n")
    entries = await ended(store, 3)
    assert {entry.status for entry in entries} == {"sent"}
    assert spooled(store) == []
    caught = sorted(path.read_bytes() for path in (tmp_path / "caught/new").iterdir())
    assert caught == sorted(
        [
            b"X-Caught-Sender: <ann@example.test>\r\nX-Caught-Recipient: <early@far.example>\r\n"
            b"Subject: out\r\n\r\nx\r\n",
            b"X-Caught-Sender: <ann@example.test>\r\nX-Caught-Recipient: <x@far.example>\r\n"
            b"X-Caught-Recipient: <y@other.example>\r\nSubject: two\r\n\r\nbody\r\n",
        ]
    )
    folder = Maildir(tmp_path / "caught", create=False)
    assert sorted(message["Subject"] for message in folder) == ["out", "two"]


@pytest.mark.parametrize("path", ["0" * 64, "../../../../../../etc/hostname", "/etc/hostname", ""])
async def test_a_row_without_its_file_fails_and_holds_up_nobody(store: Store, catcher: Catcher, path: str) -> None:
    await put(store, "x@far.example")
    await store.write(lambda tx: tx.run("UPDATE outbound_queue SET message_path = ?", path))
    await put(store, "y@far.example", message=b"Subject: fine\r\n\r\n")
    await catcher.start()
    entries = await ended(store, 2)
    assert sorted((entry.recipient, entry.status) for entry in entries) == [
        ("x@far.example", "failed"),
        ("y@far.example", "sent"),
    ]


async def test_stopping_twice_or_before_the_start_does_no_harm(catcher: Catcher) -> None:
    await catcher.stop()
    await catcher.start()
    await catcher.stop()
