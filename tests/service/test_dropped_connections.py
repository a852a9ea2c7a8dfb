"""Thousands of clients that vanish in the middle of anything leave nothing behind: no task, no session, no memory."""

import asyncio
import gc
import socket
import struct
import tracemalloc
from pathlib import Path
from types import CoroutineType

import pytest

from mailserver.auth.passwords import Passwords
from mailserver.config.tree import (
    AuthConfig,
    Config,
    ImapConfig,
    ListenerConfig,
    ListenersConfig,
    ServerConfig,
    StoreConfig,
    TlsMode,
    WebConfig,
)
from mailserver.daemon.run import Daemon
from mailserver.store import domains, users
from tests.clients import ImapClient
from tests.schema import migrated

ADDRESS, PASSWORD = "ann@example.test", "correct horse"
CONNECTIONS = 5000
AT_ONCE = 50
WARM_UP = 500  # connections after which caches, pools and interned values have what they will have
KEPT_OCTETS = 400  # of memory a connection may seem to keep: noise of the allocator, less than any one of its objects
CLEAN_SECONDS = 5.0
HARD_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: what the peer never got is thrown away, it hears RST

LOGIN = f'a LOGIN {ADDRESS} "{PASSWORD}"\r\n'.encode()
STAGES = (
    b"",
    b"a CAPAB",
    LOGIN,
    LOGIN + b"b SELECT INBOX\r\n",
    LOGIN + b"b SELECT INBOX\r\nc IDLE\r\n",
    LOGIN + b"b SELECT INBOX\r\nc FETCH 1:* (FLAGS BODY.PEEK[])\r\n",
    LOGIN + b"b APPEND INBOX {1000+}\r\nonly the beginning",
    LOGIN + b"b AUTHENTICATE PLAIN\r\n",
    LOGIN + b"b SELECT INBOX\r\nc SEARCH {5}\r\n",
)


@pytest.mark.timeout(240)
async def test_thousands_of_dropped_connections_leave_nothing_behind(tmp_path: Path) -> None:
    daemon = Daemon(_config(tmp_path))
    await daemon.start()
    try:
        await _people(daemon)
        port = daemon.ports["imap"]
        await _open_and_drop(port, WARM_UP)
        await _quiet(daemon)
        tasks, memory = _sessions(), _memory()
        assert await _while_connected(port) > tasks
        await _open_and_drop(port, CONNECTIONS)
        await _quiet(daemon)
        assert _sessions() <= tasks
        kept = (_memory() - memory) / CONNECTIONS
        assert kept < KEPT_OCTETS, f"{kept:.0f} octets of each connection stay"
    finally:
        tracemalloc.stop()
        await daemon.stop()


def _sessions() -> int:
    """Tasks of connections; what the daemon does besides comes and goes."""
    coroutines = [task.get_coro() for task in asyncio.all_tasks()]
    files = [each.cr_code.co_filename for each in coroutines if isinstance(each, CoroutineType)]
    return sum("/imap/" in file or "/serving/" in file for file in files)


async def _while_connected(port: int) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.readline()
    sessions = _sessions()
    writer.close()
    await writer.wait_closed()
    return sessions


def _config(tmp_path: Path) -> Config:
    off = ListenerConfig(0, TlsMode.NONE, enabled=False, addresses=("127.0.0.1",))
    return Config(
        server=ServerConfig("mail.example.test", migrated(tmp_path / "data"), shutdown_seconds=3.0),
        listeners=ListenersConfig(
            smtp=off,
            submission=off,
            submissions=off,
            imap=ListenerConfig(0, TlsMode.STARTTLS, addresses=("127.0.0.1",)),
            imaps=off,
            pop3=off,
            pop3s=off,
            https=off,
        ),
        web=WebConfig(enabled=False),
        imap=ImapConfig(allow_plain_auth=True, max_connections_per_address=1000, max_connection_rate=100_000),
        auth=AuthConfig(argon2_memory_kib=128, argon2_time_cost=1),
        store=StoreConfig(min_free_bytes=0),
    )


async def _people(daemon: Daemon) -> None:
    passwords = Passwords(daemon.config.auth)
    await daemon.store.write(domains.add, "example.test")
    await daemon.store.write(users.add, ADDRESS, await passwords.hash(PASSWORD))
    passwords.close()
    client = await ImapClient.login(daemon.ports["imap"], ADDRESS, f'"{PASSWORD}"')
    for number in range(20):
        await client.command("APPEND INBOX", b"Subject: %d\r\n\r\n%b" % (number, b"text\r\n" * 2000))
    await client.close()


async def _open_and_drop(port: int, connections: int) -> None:
    for start in range(0, connections, AT_ONCE):
        await asyncio.gather(*(_one(port, STAGES[number % len(STAGES)]) for number in range(start, start + AT_ONCE)))


async def _one(port: int, said: bytes) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket() as peer:
        peer.setblocking(False)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, HARD_CLOSE)
        await loop.sock_connect(peer, ("127.0.0.1", port))
        await loop.sock_recv(peer, 1000)
        if said:
            await loop.sock_sendall(peer, said)
            if said.startswith(LOGIN):
                await loop.sock_recv(peer, 1000)


async def _quiet(daemon: Daemon) -> None:
    """Every session noticed that its client is gone."""
    deadline = asyncio.get_running_loop().time() + CLEAN_SECONDS
    while any(task.get_name() == "imap-connection" for task in asyncio.all_tasks()):
        assert asyncio.get_running_loop().time() < deadline, "sessions stay behind"
        await asyncio.sleep(0.01)
    assert daemon.ports, "and the server still listens"


def _memory() -> int:
    if not tracemalloc.is_tracing():
        tracemalloc.start(1)
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
