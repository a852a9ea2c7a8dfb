"""A session ends soon after its line drops, whatever it waits for: news, a slow reader, a password, the database."""

import asyncio
import socket
import struct
import threading
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from mailserver.auth.account import Account
from mailserver.clock import SystemClock
from mailserver.config.tree import ListenerConfig, TlsMode
from mailserver.imap.server import ImapServer
from mailserver.mail.flags import FlagSet
from tests.dialogues.imap_world import ADDRESS, IMAP, PASSWORD, World, prepare

DEADLINE = 10.0  # of the test; sessions that are not cut short wait for ever


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    await prepare(tmp_path / "prepared")
    async with await World.open(tmp_path / "prepared", tmp_path / "data") as world:
        yield world


@pytest.fixture
async def server(world: World) -> AsyncIterator[ImapServer]:
    around = world.around
    server = ImapServer(
        IMAP, "mail.example.test", world.store, around.mailboxes, around.authenticator, around.live, SystemClock(),
        lambda: None,
    )  # fmt: skip
    yield server
    await server.stop(1.0)


Lines = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connect(server: ImapServer) -> Lines:
    [listener] = await server.start(ListenerConfig(0, TlsMode.NONE, addresses=("127.0.0.1",)))
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.sockets[0].getsockname()[1])
    await reader.readline()
    return reader, writer


async def say(lines: Lines, text: str, until: bytes) -> None:
    reader, writer = lines
    writer.write(text.encode() + b"\r\n")
    while not (await reader.readline()).startswith(until):
        pass


async def log_in(lines: Lines) -> None:
    await say(lines, f'l LOGIN {ADDRESS} "{PASSWORD}"', b"l OK")
    await say(lines, "s SELECT INBOX", b"s OK")


def drop(lines: Lines) -> None:
    """As a broken line does: a reset, no farewell."""
    sock = lines[1].get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    lines[1].transport.abort()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not holds():
            await asyncio.sleep(0.01)


async def test_in_idle(server: ImapServer, world: World) -> None:
    lines = await connect(server)
    await log_in(lines)
    await say(lines, "i IDLE", b"+")
    drop(lines)
    await until(lambda: server.connections == 0)
    assert len(world.around.live) == 0


async def test_in_the_middle_of_a_long_fetch(server: ImapServer, world: World) -> None:
    staged = await world.store.stage_bytes(b"Subject: long\r\n\r\n" + b"x" * 70 * 100_000)
    await world.mailboxes.append(world.user_id, "INBOX", staged, FlagSet.of(()), 1_772_359_200)
    lines = await connect(server)
    await log_in(lines)
    await say(lines, "f FETCH 1 BODY.PEEK[]", b"* 1 FETCH")
    assert server.connections == 1
    drop(lines)
    await until(lambda: server.connections == 0)


async def test_waiting_for_a_password_to_be_verified(
    server: ImapServer, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    async def never(*_: str, **__: str) -> Account:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(world.around.authenticator, "authenticate", never)
    lines = await connect(server)
    lines[1].write(b"a LOGIN ann x\r\n")
    await asked.wait()
    drop(lines)
    await until(lambda: server.connections == 0)


@pytest.mark.parametrize("command", ["CREATE Blocked", "STORE 1 +FLAGS (\\Seen)", "EXPUNGE"])
async def test_waiting_for_the_database(server: ImapServer, world: World, command: str) -> None:
    """What was asked of the writer is done all the same; only nobody waits for it."""
    await world.deliver("INBOX", 1, ("\\Deleted",))
    lines = await connect(server)
    await log_in(lines)
    block = Block()
    blocking = asyncio.create_task(world.store.write(block.last))
    try:
        await until(block.entered.is_set)
        lines[1].write(f"c {command}\r\n".encode())
        await until(lambda: len(world.store._database._waiting) > 0)
        drop(lines)
        await until(lambda: server.connections == 0)
    finally:
        block.free.set()
    await blocking
    if command.startswith("CREATE"):
        async with asyncio.timeout(DEADLINE):
            while await world.mailboxes.find(world.user_id, "Blocked") is None:
                await asyncio.sleep(0.01)


async def test_in_the_middle_of_a_deflated_stream(server: ImapServer, world: World) -> None:
    lines = await connect(server)
    await log_in(lines)
    await say(lines, "z COMPRESS DEFLATE", b"z OK")
    deflater = zlib.compressobj(wbits=-15)
    command = deflater.compress(b"i NOOP\r\n" * 1000) + deflater.flush(zlib.Z_SYNC_FLUSH)
    lines[1].write(command[: len(command) // 2])
    await lines[1].drain()
    drop(lines)
    await until(lambda: server.connections == 0)
    assert len(world.around.live) == 0


class Block:
    """A transaction that lasts until it is freed."""

    def __init__(self) -> None:
        self.entered, self.free = threading.Event(), threading.Event()

    def last(self, _: object) -> bool:
        self.entered.set()
        return self.free.wait(DEADLINE * 2)
