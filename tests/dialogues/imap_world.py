"""The house that IMAP dialogues happen in: real store, services and sessions; only the wire is in memory."""

import asyncio
import itertools
import shutil
import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from mailserver.auth import new_passwords, tokens
from mailserver.auth.account import Account
from mailserver.auth.authenticator import Authenticator
from mailserver.auth.live_sessions import LiveSessions
from mailserver.config.tree import AuthConfig, DeliveryConfig, ImapConfig, QueueConfig, SmtpConfig, StoreConfig
from mailserver.delivery.submission import Submission
from mailserver.imap.commands.table import COMMANDS
from mailserver.imap.session import Session, Surroundings
from mailserver.mail.flags import FlagSet
from mailserver.mail.transaction import Envelope, EnvelopeRecipient, Peer
from mailserver.mailboxes.outbox import Outbox
from mailserver.mailboxes.service import Mailboxes
from mailserver.serving.connection import Connection, ConnectionLost
from mailserver.store import change_numbers, domains, queue, queue_claim, queue_record, users
from mailserver.store import tokens as token_rows
from mailserver.store.attempts import Attempt
from mailserver.store.database import Tx
from mailserver.store.events import AccountsChanged
from mailserver.store.queue import Entry
from mailserver.store.queue_record import Settled
from mailserver.store.queue_states import Event
from mailserver.store.store import Store
from tests.fakes import FakeClock
from tests.schema import migrated

LETTERS = Path(__file__).parent / "letters"
ADDRESS, PASSWORD = "ann@example.test", "correct horse"
OTHERS = ("bob@example.test", "cat@example.test", "dan@other.test")  # with the same password
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

LETTER = b"""\
Bcc: cat@example.test\r
From: ann@example.test\r
To: bob@example.test\r
Subject: for later\r
Date: Sun, 1 Mar 2026 10:00:00 +0000\r
Message-ID: <later@example.test>\r
\r
body\r
"""


class NoSigner:
    async def sign_as_written(
        self, header: bytes, reverse_path: str, body: Iterable[bytes], octets: int | None = None
    ) -> bytes:
        return b""


async def prepare(data: Path) -> None:
    """A data folder with a few accounts, to be copied for each scene."""
    async with await Store.open(migrated(data), FakeClock(), config=STORE) as store:
        for domain in ("example.test", "other.test"):
            await store.write(domains.add, domain)
        for address in (ADDRESS, *OTHERS):
            new = await new_passwords.prepare(store, AUTH, address, PASSWORD, not_random)
            await store.write(users.add, address, new.hash, scram=new.scram)
        await tokens.make(store, tokens.NewToken(ADDRESS, "Phone"), not_random)
        await tokens.make(store, tokens.NewToken(ADDRESS, "Printer", ("smtp",)), lambda octets: b"p" * octets)


def not_random(octets: int) -> bytes:
    """So that the same exchanges can be written down once."""
    return b"r" * octets


class World:
    """`async with await World.open(…) as world:`"""

    def __init__(self, stack: AsyncExitStack, store: Store, around: Surroundings, user_id: int) -> None:
        self._stack = stack
        self.store = store
        self.around = around
        self.mailboxes = around.mailboxes
        self.user_id = user_id
        self._letters = itertools.count(1)
        self.outbox = Outbox(store, store.clock, "Outbox")

    @classmethod
    async def open(cls, prepared: Path, data: Path, config: ImapConfig = IMAP) -> "World":
        shutil.copytree(prepared, data)
        async with AsyncExitStack() as stack:
            clock = FakeClock()
            store = await Store.open(data, clock, config=STORE)
            stack.push_async_callback(store.close)
            mailboxes = Mailboxes(store, clock, STORE)
            stack.push_async_callback(mailboxes.close)
            authenticator = await Authenticator.open(store, clock, AUTH, b"s" * 32, random=not_random)
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

    async def send(self, seconds: int, to: Sequence[str]) -> None:
        """A message of the first account, handed in to leave later."""
        clock = self.store.clock
        config = SmtpConfig(), DeliveryConfig(), QueueConfig()
        submission = Submission(self.store, clock, "mail.example.test", *config, NoSigner(), not_random)
        account = Account(self.user_id, ADDRESS, "", is_admin=False)
        rcpts = tuple([EnvelopeRecipient(each, await submission.resolve(account, each, None)) for each in to])
        until = clock.now() + timedelta(seconds=seconds)
        peer = Peer("127.0.0.1", "client", True, authenticated=ADDRESS)
        async with self.store.incoming() as incoming:
            await incoming.write(LETTER)
            await submission.accept(account, Envelope(ADDRESS, rcpts, peer, hold_until=until), incoming)

    async def claim(self) -> Sequence[Entry]:
        await self.around.clock.advance(3600)  # type: ignore[attr-defined]
        return await self.store.write(queue_claim.claim, "worker", 100, 60_000)

    async def defer(self) -> None:
        entries = await self.claim()
        now = int(self.store.clock.now().timestamp() * 1000)
        attempt = Attempt(now, 1, "mx.far.example", code=451, status="4.7.1", text="Greylisted")
        settled = [Settled(entry.id, Event.DEFER, attempt, now + 3_600_000) for entry in entries]
        await self.store.write(queue_record.record, "worker", settled)

    async def states(self) -> list[str]:
        rows = await self.store.read(queue.list)
        return [row.state.value for row in sorted(rows, key=lambda row: row.id)]

    async def set_quota(self, octets: int) -> None:
        await self.store.write(users.set_quota, ADDRESS, octets)

    async def set_quota_messages(self, messages: int) -> None:
        await self.store.write(users.set_quota_messages, ADDRESS, messages)

    async def set_admin(self, address: str) -> None:
        await self.store.write(users.set_admin, address, True)

    async def forget_removals(self) -> None:
        later = int(self.around.clock.now().timestamp() * 1000) + 1
        await self.store.write(change_numbers.forget_removals, later)

    async def disable(self) -> None:
        await self.store.write(users.set_active, ADDRESS, False)

    async def forget_keys(self) -> None:
        """Ann's SCRAM keys, as if the account were older than SCRAM; returns when the server has heard."""
        await self.store.write(_forget_keys)
        await self.heard()

    async def heard(self) -> None:
        while self.around.authenticator._gate._looking is not None:
            await asyncio.sleep(0.001)

    async def remove_token(self, name: str) -> None:
        await self.store.write(token_rows.remove, ADDRESS, name)

    async def do_without(self, capabilities: Sequence[str]) -> None:
        await self.store.write(users.set_imap_without, ADDRESS, capabilities)

    def connect(
        self, read_size: int, *, peer: str = "127.0.0.1", tls: bool = False, offers_tls: bool = False
    ) -> "Client":
        return Client(lambda wire: Session(wire, self.around, offers_tls=offers_tls), read_size, peer, tls)


def _forget_keys(tx: Tx) -> None:
    tx.run("DELETE FROM scram_keys WHERE user_id = (SELECT id FROM users WHERE username = 'ann')")
    tx.tell(AccountsChanged())


class Client:
    """One client at the other end of a wire that cuts what it sends into reads of `read_size` octets; 0: whole."""

    def __init__(self, open_session: Callable[[Connection], Any], read_size: int, peer: str, tls: bool) -> None:
        self._read_size = read_size
        self._deflater: Any = None  # zlib's
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

    def deflate(self) -> None:
        """What is sent and read from here on is deflated, RFC 4978."""
        self._deflater = zlib.compressobj(wbits=-15)
        self._pipe.inflater = zlib.decompressobj(-15)

    async def send(self, octets: bytes) -> None:
        if self._deflater is not None:
            octets = self._deflater.compress(octets) + self._deflater.flush(zlib.Z_SYNC_FLUSH)
        await self.send_raw(octets)

    async def send_raw(self, octets: bytes) -> None:
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
        self.inflater: Any = None  # zlib's, after COMPRESS
        self.news = asyncio.Event()
        self._closing = False

    def write(self, data: Any) -> None:
        self.written += data if self.inflater is None else self.inflater.decompress(data)
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
    kinds |= {name: (lambda text: tuple(text.split(","))) for name, kind in kinds.items() if kind is tuple}
    return replace(IMAP, **{name: kinds[name](value) for name, value in settings.items()})
