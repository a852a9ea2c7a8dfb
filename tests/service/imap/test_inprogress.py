"""Commands that take their time say so, with how far they are where that is known. RFC 9585."""

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

from mailserver.store.database import Tx
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
