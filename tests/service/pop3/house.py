"""A POP3 server on a free loopback port, over a real store with one account."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Self

from mailserver.auth.authenticator import Authenticator
from mailserver.auth.live_sessions import LiveSessions
from mailserver.auth.passwords import Passwords
from mailserver.clock import SystemClock
from mailserver.config.tree import AuthConfig, ListenerConfig, Pop3Config, StoreConfig, TlsMode
from mailserver.mail.flags import EMPTY
from mailserver.mailboxes.service import Mailboxes
from mailserver.pop3.server import Pop3Server
from mailserver.store import domains, users
from mailserver.store.store import Store

ADDRESS, PASSWORD = "ann@example.test", "correct horse"
AUTH = AuthConfig(argon2_memory_kib=64, argon2_time_cost=1, argon2_parallelism=1)


@dataclass(slots=True)
class House:
    store: Store
    mailboxes: Mailboxes
    server: Pop3Server
    user_id: int
    port: int

    async def put(self, octets: bytes) -> None:
        staged = await self.store.stage_bytes(octets)
        await self.mailboxes.append(self.user_id, "INBOX", staged, EMPTY, None)

    async def fill(self, count: int) -> None:
        """INBOX gets so many messages of 13 octets, most of them copies of one another."""
        await self.put(b"A: 1\r\n\r\none\r\n")
        index, _ = await self.mailboxes.select(self.user_id, "INBOX", claim_recent=False)
        while (have := len(index.uids)) < count:
            await self.mailboxes.copy(self.user_id, index, index.uids[: count - have], "INBOX")
        self.mailboxes.release(index)

    def client(self) -> "Client":
        return Client(self.port)


@dataclass(slots=True)
class Client:
    """`async with house.client() as client:` is logged in; `connect` alone is not."""

    port: int
    _reader: asyncio.StreamReader | None = None
    _writer: asyncio.StreamWriter | None = None

    async def connect(self) -> bytes:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 24)
        return await self.line()

    async def log_in(self) -> bytes:
        await self.ask(f"USER {ADDRESS}".encode())
        return await self.ask(f"PASS {PASSWORD}".encode())

    async def send(self, octets: bytes) -> None:
        assert self._writer is not None
        self._writer.write(octets)
        await self._writer.drain()

    async def line(self) -> bytes:
        """b"" at the end."""
        assert self._reader is not None
        async with asyncio.timeout(20):
            return await self._reader.readline()

    async def ask(self, command: bytes) -> bytes:
        await self.send(command + b"\r\n")
        return await self.line()

    async def lines(self, command: bytes) -> list[bytes]:
        """Of a multi-line reply, without the first and the last."""
        assert (await self.ask(command)).startswith(b"+OK")
        found = []
        while (line := await self.line()) != b".\r\n":
            assert line
            found.append(line)
        return found

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    async def __aenter__(self) -> Self:
        await self.connect()
        assert (await self.log_in()).startswith(b"+OK")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


@asynccontextmanager
async def running(store: Store, config: Pop3Config) -> AsyncIterator[House]:
    passwords = Passwords(AUTH)
    await store.write(domains.add, "example.test")
    user = await store.write(users.add, ADDRESS, await passwords.hash(PASSWORD))
    passwords.close()
    async with AsyncExitStack() as stack:
        clock = SystemClock()
        mailboxes = Mailboxes(store, clock, StoreConfig())
        stack.push_async_callback(mailboxes.close)
        authenticator = await Authenticator.open(store, clock, AUTH, b"s" * 32)
        stack.push_async_callback(authenticator.close)
        live = LiveSessions(store)
        stack.push_async_callback(live.close)
        server = Pop3Server(config, mailboxes, authenticator, live, clock, lambda: None)
        stack.push_async_callback(server.stop, 1.0)
        [listener] = await server.start(ListenerConfig(0, TlsMode.NONE, addresses=("127.0.0.1",)))
        yield House(store, mailboxes, server, user.id, listener.sockets[0].getsockname()[1])
