"""Commands that take their time say so, with how far they are where that is known. RFC 9585."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

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
