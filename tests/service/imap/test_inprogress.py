"""Commands that take their time say so, with how far they are where that is known. RFC 9585."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mailserver.mailboxes import file_search
from mailserver.mailboxes.index import MailboxIndex
from mailserver.store.database import Tx
from mailserver.store.mailboxes import Mailbox
from tests.dialogues.imap_world import IMAP, Client, World, prepare

AT_ONCE = replace(IMAP, progress_seconds=0.02)


async def selected(world: World) -> Client:
    client = world.connect(0)
    await client.line()
    await client.send(b'a LOGIN ann@example.test "correct horse"\r\nb SELECT INBOX\r\n')
    while not (await client.line()).startswith(b"b OK"):
        pass
    return client


async def test_a_copy_that_waits_for_the_writer_says_that_it_goes_on(tmp_path: Path) -> None:
    await prepare(tmp_path / "prepared")
    async with await World.open(tmp_path / "prepared", tmp_path / "data", AT_ONCE) as world:
        await world.deliver("INBOX", 2)
        client = await selected(world)
        held, release = threading.Event(), threading.Event()

        def hold(_: Tx) -> None:
            held.set()
            release.wait(10)

        blocked = asyncio.create_task(world.store.write(hold))
        while not held.is_set():
            await asyncio.sleep(0)
        await client.send(b"d COPY 1:2 Archive\r\n")
        assert await client.line() == b'* OK [INPROGRESS ("d" NIL NIL)] Still working'
        assert await client.line() == b'* OK [INPROGRESS ("d" NIL NIL)] Still working'
        release.set()
        await blocked
        line = await client.line()
        while line.startswith(b"* OK [INPROGRESS"):
            line = await client.line()
        assert line.startswith(b"d OK [COPYUID ")
        await client.hang_up()


async def test_a_search_that_reads_files_says_how_far_it_is_and_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await prepare(tmp_path / "prepared")
    async with await World.open(tmp_path / "prepared", tmp_path / "data", AT_ONCE) as world:
        await world.deliver("INBOX", file_search.CHUNK * 2)
        searching, other = await selected(world), await selected(world)
        read, go_on = file_search.scan, asyncio.Event()
        pieces = 0

        async def scan(*arguments: Any) -> dict[int, bool]:
            """The first piece as it is; the second waits."""
            nonlocal pieces
            pieces += 1
            if pieces > 1:
                await go_on.wait()
            return await read(*arguments)

        monkeypatch.setattr(file_search, "scan", scan)
        await searching.send(b"s SEARCH HEADER X-Rarely-Asked yes\r\n")
        goal = file_search.CHUNK * 2
        while (line := await searching.line()) != b'* OK [INPROGRESS ("s" %d %d)] Still working' % (goal // 2, goal):
            assert line.startswith(b'* OK [INPROGRESS ("s" '), line
        await other.send(b'f FETCH 1 UID\r\nt SEARCH SUBJECT "message 7"\r\n')
        assert await other.line() == b"* 1 FETCH (UID 1)"
        assert await other.line() == b"f OK FETCH completed"
        assert (await other.line()).startswith(b"* SEARCH 7 ")
        assert await other.line() == b"t OK SEARCH completed"
        go_on.set()
        while (line := await searching.line()).startswith(b"* OK [INPROGRESS"):
            pass
        assert line == b"* SEARCH"
        assert await searching.line() == b"s OK SEARCH completed"
        for client in (searching, other):
            await client.hang_up()


async def test_a_search_in_all_mailboxes_says_how_many_are_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await prepare(tmp_path / "prepared")
    async with await World.open(tmp_path / "prepared", tmp_path / "data", AT_ONCE) as world:
        mailboxes = await world.mailboxes.visible(world.user_id)
        await world.deliver(mailboxes[-1].name, 1)
        look_into, release = world.mailboxes.look_into, asyncio.Event()

        @asynccontextmanager
        async def held(mailbox: Mailbox) -> AsyncIterator[MailboxIndex]:
            if mailbox.id == mailboxes[-1].mailbox.id:
                await release.wait()
            async with look_into(mailbox) as index:
                yield index

        monkeypatch.setattr(world.mailboxes, "look_into", held)
        client = await selected(world)
        await client.send(b"d ESEARCH IN (personal) RETURN (COUNT) ALL\r\n")
        done = len(mailboxes) - 1
        assert await client.line() == b'* OK [INPROGRESS ("d" %d %d)] Still working' % (done, done + 1)
        release.set()
        while not (line := await client.line()).startswith(b"d OK"):
            assert line.startswith((b"* ESEARCH", b"* OK [INPROGRESS"))
        await client.hang_up()
