"""The house that IMAP dialogues happen in: real store, services and sessions; only the wire is in memory."""

import asyncio
import itertools
import shutil
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from mailserver.auth.authenticator import Authenticator
from mailserver.auth.live_sessions import LiveSessions
from mailserver.auth.passwords import Passwords
from mailserver.config.tree import AuthConfig, ImapConfig, StoreConfig
from mailserver.imap.commands.table import COMMANDS
from mailserver.imap.session import Session, Surroundings
from mailserver.mail.flags import FlagSet
from mailserver.mailboxes.service import Mailboxes
from mailserver.serving.connection import Connection, ConnectionLost
from mailserver.store import domains, users
from mailserver.store.store import Store
from tests.fakes import FakeClock

LETTERS = Path(__file__).parent / "letters"
ADDRESS, PASSWORD = "ann@example.test", "correct horse"
STORE = StoreConfig(min_free_bytes=0, readers=2, file_threads=2)
AUTH = AuthConfig(argon2_memory_kib=64, argon2_time_cost=1, argon2_parallelism=1)
IMAP = ImapConfig(allow_plain_auth=True)

MESSAGE = b"""\
From: Bob <bob@example.test>\r
To: ann@example.test\r
Subject: message %d\r
Date: Sun, 1 Mar 2026 10:00:00 +0000\r
Message-ID: <%d@example.test>\r
\r
body %d\r
"""


async def prepare(data: Path) -> None:
    """A data folder with one account, to be copied for each scene."""
    async with await Store.open(data, FakeClock(), config=STORE) as store:
        passwords = Passwords(AUTH)
        await store.write(domains.add, "example.test")
        await store.write(users.add, ADDRESS, await passwords.hash(PASSWORD))
        passwords.close()


class World:
    """`async with await World.open(…) as world:`"""

    def __init__(self, stack: AsyncExitStack, store: Store, around: Surroundings, user_id: int) -> None:
        self._stack = stack
        self.store = store
        self.around = around
        self.mailboxes = around.mailboxes
        self.user_id = user_id
        self._letters = itertools.count(1)

    @classmethod
    async def open(cls, prepared: Path, data: Path, config: ImapConfig = IMAP) -> "World":
        shutil.copytree(prepared, data)
        async with AsyncExitStack() as stack:
            clock = FakeClock()
            store = await Store.open(data, clock, config=STORE)
            stack.push_async_callback(store.close)
            mailboxes = Mailboxes(store, clock, STORE)
            stack.push_async_callback(mailboxes.close)
            authenticator = await Authenticator.open(store, clock, AUTH, b"s" * 32)
            stack.push_async_callback(authenticator.close)
            live = LiveSessions(store)
            stack.push_async_callback(live.close)
            around = Surroundings(
                config, "mail.example.test", store, mailboxes, authenticator, live, clock,
                lambda: None, COMMANDS, itertools.count(1),
            )  # fmt: skip
            user = await store.read(users.get, ADDRESS)
            return cls(stack.pop_all(), store, around, user.id)
        raise AssertionError("unreachable")

    async def __aenter__(self) -> "World":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def deliver(self, mailbox: str, count: int = 1, flags: tuple[str, ...] = ()) -> None:
        for number in itertools.islice(self._letters, count):
            staged = await self.store.stage_bytes(MESSAGE % (number, number, number))
            await self.mailboxes.append(self.user_id, mailbox, staged, FlagSet.of(flags), 1_772_359_200 + number)

    async def deliver_letter(self, mailbox: str, name: str) -> None:
        """One of the letters that lie beside the dialogues."""
        staged = await self.store.stage_bytes((LETTERS / f"{name}.eml").read_bytes())
        await self.mailboxes.append(self.user_id, mailbox, staged, FlagSet.of(()), 1_795_251_600)

    async def set_quota(self, octets: int) -> None:
        await self.store.write(users.set_quota, ADDRESS, octets)

    async def disable(self) -> None:
        await self.store.write(users.set_active, ADDRESS, False)

    def connect(
        self, read_size: int, *, peer: str = "127.0.0.1", tls: bool = False, offers_tls: bool = False
    ) -> "Client":
        return Client(lambda wire: Session(wire, self.around, offers_tls=offers_tls), read_size, peer, tls)


class Client:
    """One client at the other end of a wire that cuts what it sends into reads of `read_size` octets; 0: whole."""

    def __init__(self, open_session: Callable[[Connection], Any], read_size: int, peer: str, tls: bool) -> None:
        self._read_size = read_size
        self._pipe = Pipe(peer, tls)
        self._connection = Connection()
        self._pipe.protocol = self._connection
        self._connection.connection_made(self._pipe)
        self.session = open_session(self._connection)
        self._task = asyncio.create_task(self._serve())

    async def _serve(self) -> None:
        try:
            await self.session.serve()
        except ConnectionLost:
            self._connection.abort()

    async def send(self, octets: bytes) -> None:
        size = self._read_size or len(octets)
        for start in range(0, len(octets), size):
            self._connection.data_received(octets[start : start + size])
            await asyncio.sleep(0)

    async def line(self) -> bytes:
        """The next line without its end, b"<closed>" when the server hung up."""
        async with asyncio.timeout(10):
            while (end := self._pipe.written.find(b"\r\n")) < 0 and not self._pipe.is_closing():
                self._pipe.news.clear()
                await self._pipe.news.wait()
        if end < 0:
            return b"<closed>"
        line = bytes(self._pipe.written[:end])
        del self._pipe.written[: end + 2]
        return line

    def rest(self) -> bytes:
        return bytes(self._pipe.written)

    async def hang_up(self) -> None:
        self._pipe.abort()
        async with asyncio.timeout(10):
            await self._task


class Pipe(asyncio.Transport):
    """A transport whose peer reads everything at once."""

    def __init__(self, peer: str, tls: bool) -> None:
        super().__init__({"peername": (peer, 50_000), "ssl_object": object() if tls else None})
        self.protocol: Connection | None = None
        self.written = bytearray()
        self.news = asyncio.Event()
        self._closing = False

    def write(self, data: Any) -> None:
        self.written += data
        self.news.set()

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self.news.set()
            if self.protocol is not None:
                asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    abort = close

    def is_closing(self) -> bool:
        return self._closing

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


def configured(settings: dict[str, str]) -> ImapConfig:
    """ImapConfig with fields as a dialogue writes them."""
    kinds: dict[str, Callable[[str], Any]] = {name: type(getattr(IMAP, name)) for name in settings}
    kinds |= {name: (lambda text: text == "yes") for name, kind in kinds.items() if kind is bool}
    return replace(IMAP, **{name: kinds[name](value) for name, value in settings.items()})
