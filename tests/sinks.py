"""A scripted SMTP server of our own on loopback, for tests: takes, defers, refuses, hangs, drops, babbles; records all.

    async with Sink() as sink:                        # 127.0.0.2, any free port; takes everything in clear text
        ...
        [message] = await sink.arrived(1)
        assert message.sender == "ann@example.test" and message.content.endswith(b"\\r\\n")

What it does at a stage stands in `at`; a stage without a row does its duty. A step is one of:

    "450 4.2.1 later"      this reply; several lines with \\n between them
    b"garbage"             these octets, exactly
    HANG                   no answer, ever (the connection stays open until the peer or the test ends it)
    DROP, RESET            the connection ends: FIN, or RST
    Last("421 bye")        this reply and then FIN
    Slowly("250 ok", 0.01) octet by octet with so many seconds between
    After(event, step)     waits for an asyncio.Event first
    [step, step, …]        one after the other at each visit of this sink, the last one stays
    {"bob@x.test": step}   at MAIL and RCPT: by address; others are taken
    callable(visit)        any of these, decided by what was said so far (visit.line is the command)
    None                   its duty

Stages: CONNECT, EHLO, HELO, STARTTLS, HANDSHAKE (once the client has begun it, instead of it; After(event, None) only
delays it), AUTH, MAIL, RCPT, DATA, CONTENT (after the first octet of the content), DOT (the whole content has arrived),
RSET, NOOP, VRFY, QUIT. A message is in `messages` when its DOT was answered 2xx, in `contents` when it arrived whole:
what DROP at DOT leaves in doubt is only there.

Several hosts of one test listen on one port: Sink(address="127.0.0.3", port=first.port).
"""

import asyncio
import base64
import contextlib
import re
import socket
import ssl
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Any, Self, Union

EXTENSIONS = ("PIPELINING", "SIZE 26214400", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES")
DEADLINE = 20.0  # for tests that wait on a sink; far above what any of them needs
LINGER = 1.0  # seconds a dropped connection is still read
MAX_LINE = 1_000_000
PATH = re.compile(r"(?:FROM|TO):\s*<(?P<path>[^>]*)>(?P<rest>.*)", re.I | re.S)


class Ending(Enum):
    HANG = "hang"
    DROP = "drop"
    RESET = "reset"


HANG, DROP, RESET = Ending.HANG, Ending.DROP, Ending.RESET


@dataclass(frozen=True, slots=True)
class Last:
    reply: str


@dataclass(frozen=True, slots=True)
class Slowly:
    reply: str
    seconds: float


@dataclass(frozen=True, slots=True)
class After:
    event: asyncio.Event
    step: "Step"


Step = Union[
    None, str, bytes, Ending, Last, Slowly, After, "list[Step]", "Mapping[str, Step]", "Callable[[Visit], Step]"
]


@dataclass(frozen=True, slots=True)
class Tls:
    version: str  # "TLSv1.3"
    cipher: str
    server_name: str | None  # SNI, as the client sent it


@dataclass(frozen=True, slots=True)
class Path:
    """A MAIL or RCPT that was taken."""

    address: str
    parameters: Mapping[str, str | None]  # upper-case keywords; None: no value


@dataclass(frozen=True, slots=True)
class Message:
    mail: Path
    rcpts: tuple[Path, ...]
    content: bytes  # dots unstuffed, the final CRLF kept
    tls: Tls | None
    login: str | None
    helo: str
    source: str  # the client's address
    visit: int  # which connection, counted from 0

    @property
    def sender(self) -> str:
        return self.mail.address

    @property
    def recipients(self) -> tuple[str, ...]:
        return tuple(path.address for path in self.rcpts)


@dataclass(slots=True)
class Visit:
    """One connection, and what was said on it."""

    number: int
    source: str
    lines: list[str] = field(default_factory=list)  # commands as they came, without CRLF; no content
    replies: list[bytes] = field(default_factory=list)  # octets as they went
    tls: Tls | None = None
    tls_error: str | None = None  # of a handshake that failed
    login: str | None = None
    helo: str = ""
    mail: Path | None = None
    rcpts: list[Path] = field(default_factory=list)
    closed: bool = False

    @property
    def line(self) -> str:
        return self.lines[-1] if self.lines else ""

    @property
    def verbs(self) -> list[str]:
        return [line.partition(" ")[0].upper() for line in self.lines]

    @property
    def address(self) -> str:
        """Of the MAIL or RCPT at hand."""
        found = PATH.search(self.line)
        return found["path"] if found else ""


class Sink:
    def __init__(
        self,
        *,
        address: str = "127.0.0.2",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        implicit_tls: bool = False,
        extensions: tuple[str, ...] = EXTENSIONS,
        extensions_in_tls: tuple[str, ...] = (),
        logins: Mapping[str, str] | None = None,
        at: Mapping[str, Step] | None = None,
        hostname: str = "sink.test",
    ) -> None:
        """`tls` with STARTTLS unless `implicit_tls`; with `logins` it demands AUTH PLAIN or LOGIN (RFC 4954).

        `extensions_in_tls` are told over TLS besides the others, as REQUIRETLS must be.
        """
        self.address, self.port = address, port
        self.tls, self.implicit_tls = tls, implicit_tls
        self.extensions, self.extensions_in_tls, self.logins = extensions, extensions_in_tls, logins
        self.at: dict[str, Step] = dict(at or {})
        self.hostname = hostname
        self.visits: list[Visit] = []
        self.messages: list[Message] = []
        self.contents: list[Message] = []
        self.most_at_once = 0  # connections
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def now_open(self) -> int:
        return sum(not visit.closed for visit in self.visits)

    async def arrived(self, count: int = 1) -> list[Message]:
        """Wait until so many messages were taken; all there are."""
        await self.until(lambda: len(self.messages) >= count)
        return self.messages

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for anything that a command, a message or the end of a connection brings about."""
        async with asyncio.timeout(DEADLINE), self._changed:
            await self._changed.wait_for(holds)

    async def __aenter__(self) -> Self:
        context = self.tls if self.implicit_tls else None
        if self.tls is not None:
            self.tls.sni_callback = _remember_name
        self._server = await asyncio.start_server(
            self._connected, self.address, self.port, limit=MAX_LINE, ssl=context, backlog=1000
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Nobody listens any more, open connections are reset."""
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def news(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visit = Visit(len(self.visits), writer.get_extra_info("peername")[0])
        self.visits.append(visit)
        self.most_at_once = max(self.most_at_once, self.now_open)
        task = asyncio.get_running_loop().create_task(self._serve(_Conversation(self, visit, reader, writer)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, conversation: "_Conversation") -> None:
        try:
            with contextlib.suppress(_Over, asyncio.IncompleteReadError, ConnectionError):
                await conversation.run()
        finally:
            conversation.end()
            await asyncio.shield(self.news())


class _Over(Exception):
    """The connection is to end."""


class _Conversation:
    def __init__(self, sink: Sink, visit: Visit, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._sink, self._visit, self._reader, self._writer = sink, visit, reader, writer
        self._raw = writer.transport  # below TLS, once there is any

    async def run(self) -> None:
        if self._sink.implicit_tls:
            self._note_tls()
        await self._say("CONNECT", f"220 {self._sink.hostname} ESMTP")
        while True:
            line = (await self._reader.readuntil(b"\n")).rstrip(b"\r\n").decode("utf-8", "backslashreplace")
            self._visit.lines.append(line)
            verb = line.partition(" ")[0].upper()
            await self._sink.news()
            await _DUTIES.get(verb, _Conversation._unknown)(self)

    def end(self) -> None:
        self._visit.closed = True
        self._writer.transport.abort()
        self._raw.abort()

    # --- commands, each under its verb in _DUTIES

    async def _unknown(self) -> None:
        await self._say(self._visit.verbs[-1], "502 5.5.1 unknown")

    async def _ehlo(self) -> None:
        self._visit.helo = self._visit.line.partition(" ")[2]
        self._reset()
        told = [self._sink.hostname, *self._sink.extensions]
        if self._sink.tls is not None and self._visit.tls is None:
            told.append("STARTTLS")
        if self._visit.tls is not None:
            told += self._sink.extensions_in_tls
        if self._sink.logins is not None and (self._visit.tls is not None or self._sink.tls is None):
            told.append("AUTH PLAIN LOGIN")
        await self._say("EHLO", "\n".join([f"250-{word}" for word in told[:-1]] + [f"250 {told[-1]}"]))

    async def _helo(self) -> None:
        self._visit.helo = self._visit.line.partition(" ")[2]
        self._reset()
        await self._say("HELO", f"250 {self._sink.hostname}")

    async def _starttls(self) -> None:
        if self._sink.tls is None or self._visit.tls is not None:
            await self._say("STARTTLS", "503 5.5.1 not now")
            return
        if (await self._say("STARTTLS", "220 2.0.0 go ahead")).startswith("220"):
            await self._instead_of_handshake()
            try:
                await self._writer.start_tls(self._sink.tls)
            except (ssl.SSLError, OSError) as error:
                self._visit.tls_error = str(error)
                raise _Over from None
            self._note_tls()
            self._visit.helo = ""
            self._reset()

    async def _instead_of_handshake(self) -> None:
        step = self._sink.at.get("HANDSHAKE")
        if step is not None and not isinstance(step, After):
            await self._reader.readexactly(1)
            await self._step("HANDSHAKE", step, "")
            await self._drop()
            raise _Over
        await self._step("HANDSHAKE", step, "")

    async def _auth(self) -> None:
        mechanism, _, initial = self._visit.line.partition(" ")[2].partition(" ")
        if mechanism.upper() == "PLAIN":
            name, password = _plain(initial or await self._ask("334 "))
        else:
            name = _text(initial or await self._ask("334 VXNlcm5hbWU6"))
            password = _text(await self._ask("334 UGFzc3dvcmQ6"))
        good = self._sink.logins is not None and self._sink.logins.get(name) == password
        reply = await self._say("AUTH", "235 2.7.0 welcome" if good else "535 5.7.8 wrong name or password")
        if reply.startswith("2"):
            self._visit.login = name

    async def _ask(self, challenge: str) -> str:
        await self._send(challenge)
        return (await self._reader.readuntil(b"\r\n")).decode().strip()

    async def _mail(self) -> None:
        if self._sink.logins is not None and self._visit.login is None:
            await self._say("MAIL", "530 5.7.0 log in first")
        elif (await self._say("MAIL", "250 2.1.0 sender ok", self._visit.address)).startswith("2"):
            self._visit.mail, self._visit.rcpts = _path(self._visit.line), []

    async def _rcpt(self) -> None:
        if self._visit.mail is None:
            await self._say("RCPT", "503 5.5.1 MAIL first")
        elif (await self._say("RCPT", "250 2.1.5 recipient ok", self._visit.address)).startswith("2"):
            self._visit.rcpts.append(_path(self._visit.line))

    async def _data(self) -> None:
        usual = "354 go ahead" if self._visit.rcpts else "554 5.5.1 no valid recipients"
        if not (await self._say("DATA", usual)).startswith("3"):
            return
        start = await self._reader.readexactly(1)
        await self._step("CONTENT", self._sink.at.get("CONTENT"), "")
        content = await self._content(start)
        assert self._visit.mail is not None
        visit = self._visit
        message = Message(
            visit.mail, tuple(visit.rcpts), content, visit.tls, visit.login, visit.helo, visit.source, visit.number
        )
        self._sink.contents.append(message)
        await self._sink.news()
        reply = await self._say("DOT", "250 2.0.0 taken")
        if reply.startswith("2"):
            self._sink.messages.append(message)
        self._reset()
        await self._sink.news()

    async def _content(self, start: bytes) -> bytes:
        lines = []
        while (line := start + await self._reader.readuntil(b"\r\n")) != b".\r\n":
            lines.append(line[1:] if line.startswith(b".") else line)
            start = b""
        return b"".join(lines)

    async def _rset(self) -> None:
        self._reset()
        await self._say("RSET", "250 2.0.0 forgotten")

    async def _noop(self) -> None:
        await self._say("NOOP", "250 2.0.0 fine")

    async def _vrfy(self) -> None:
        await self._say("VRFY", "252 2.5.0 perhaps")

    async def _quit(self) -> None:
        await self._say("QUIT", "221 2.0.0 bye")
        raise _Over

    # --- how

    def _reset(self) -> None:
        self._visit.mail, self._visit.rcpts = None, []

    def _note_tls(self) -> None:
        tls: ssl.SSLObject = self._writer.get_extra_info("ssl_object")
        cipher = tls.cipher()
        assert cipher is not None
        self._visit.tls = Tls(tls.version() or "", cipher[0], getattr(tls, "client_said_name", None))

    async def _say(self, stage: str, usual: str, address: str = "") -> str:
        """Do the stage's step, else say the usual; the reply that was given."""
        return await self._step(stage, self._sink.at.get(stage), usual, address)

    async def _step(self, stage: str, step: Step, usual: str, address: str = "") -> str:
        match step:
            case None:
                return await self._send(usual) if usual else ""
            case str():
                return await self._send(step)
            case bytes():
                self._visit.replies.append(step)
                self._writer.write(step)
                await self._writer.drain()
                return step.decode("latin-1")
            case Last(reply):
                await self._send(reply)
                await self._drop()
            case Slowly(reply, seconds):
                return await self._send(reply, seconds)
            case After(event, then):
                await event.wait()
                return await self._step(stage, then, usual, address)
            case Ending.HANG:
                await self._hang()
            case Ending.DROP:
                await self._drop()
            case Ending.RESET:
                linger = struct.pack("ii", 1, 0)
                self._raw.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            case list():
                return await self._step(stage, step.pop(0) if len(step) > 1 else step[0], usual, address)
            case Mapping():
                return await self._step(stage, step.get(address), usual, address)
            case _:
                return await self._step(stage, step(self._visit), usual, address)
        raise _Over

    async def _send(self, reply: str, pause: float = 0) -> str:
        octets = reply.replace("\n", "\r\n").encode() + b"\r\n"
        self._visit.replies.append(octets)
        for piece in (octets,) if not pause else (octets[i : i + 1] for i in range(len(octets))):
            self._writer.write(piece)
            await self._writer.drain()
            await asyncio.sleep(pause)
        return reply

    async def _hang(self) -> None:
        """Listen and say nothing until the peer has gone."""
        while await self._reader.read(65_536):
            pass

    async def _drop(self) -> None:
        """FIN; what the peer still sends is read for a while, or RST would follow and take our last reply with it."""
        if self._writer.can_write_eof():  # not over TLS
            self._writer.write_eof()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LINGER):
                    await self._hang()
        self._writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await self._writer.wait_closed()


_DUTIES: dict[str, Any] = {
    "EHLO": _Conversation._ehlo,
    "HELO": _Conversation._helo,
    "STARTTLS": _Conversation._starttls,
    "AUTH": _Conversation._auth,
    "MAIL": _Conversation._mail,
    "RCPT": _Conversation._rcpt,
    "DATA": _Conversation._data,
    "RSET": _Conversation._rset,
    "NOOP": _Conversation._noop,
    "VRFY": _Conversation._vrfy,
    "QUIT": _Conversation._quit,
}


def _remember_name(tls: Any, name: str | None, context: ssl.SSLContext) -> None:
    tls.client_said_name = name


def _path(line: str) -> Path:
    found = PATH.search(line)
    assert found is not None, line
    words = [word.partition("=") for word in found["rest"].split()]
    return Path(found["path"], {key.upper(): value if sign else None for key, sign, value in words})


def _plain(initial: str) -> tuple[str, str]:
    """RFC 4616: authorization identity, name, password, with NUL between."""
    name, _, password = base64.b64decode(initial).decode().partition("\0")[2].partition("\0")
    return name, password


def _text(encoded: str) -> str:
    return base64.b64decode(encoded).decode()
