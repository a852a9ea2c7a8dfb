"""One client's octets in and replies out, on aiosmtpd's protocol class; when to give up on it.

Replies are collected and go out together when there is nothing left to do but wait for the client, so that a
pipelined group costs one write (RFC 2920 §3.2). Content is read in large pieces, never line by line.
"""

import asyncio
import contextlib
import ssl
from typing import Any, cast

from aiosmtpd.smtp import SMTP
from aiosmtpd.smtp import Session as Greeted

from mailserver.clock import Clock
from mailserver.config.tree import SmtpConfig
from mailserver.mail.transaction import Tls
from mailserver.smtp.wire.framing import Framing
from mailserver.tls.channel_bindings import channel_bindings

READ_OCTETS = 65_536  # taken from the stream at once; twice as many wait there before the socket is left alone
WRITE_OCTETS = 65_536  # replies that the client has not read; then we wait for it
HANDSHAKE_SECONDS = 30.0
CLOSE_SECONDS = 10.0  # for the last reply to go out
COMMANDS_IN_A_ROW = 50  # run without a look at the other connections
NEVER = float("inf")


class ConnectionLost(Exception):  # noqa: N818 - an event, not a mistake
    """The client is gone; there is nobody left to answer."""


class Connection(SMTP):
    """aiosmtpd's protocol with its reading, writing, time limits and TLS replaced.

    A lost connection cancels nothing (aiosmtpd cancels the command that runs): who waits for the client gets
    ConnectionLost, who is storing a message finishes, so that no message is half accepted.
    """

    line_length_limit = READ_OCTETS  # aiosmtpd's default stops the socket after every second kilobyte

    def __init__(self, config: SmtpConfig, clock: Clock, loop: asyncio.AbstractEventLoop) -> None:
        # Not SMTP.__init__: it looks through every attribute of its class for hooks, 0.4 ms a connection.
        asyncio.StreamReaderProtocol.__init__(
            self, asyncio.StreamReader(READ_OCTETS, loop), client_connected_cb=self._cb_client_connected, loop=loop
        )
        self.loop = loop
        self.config = config
        self.clock = clock
        self.transport: asyncio.Transport | None = None
        self.session: Greeted = Greeted(loop)
        self.peer_address = ""  # without port and IPv6 zone
        self.tls: Tls | None = None
        self.deadline = NEVER  # on the monotonic clock; whoever looks after it calls `expire` then
        self._opened = clock.monotonic()
        self._framing = Framing()
        self._replies: list[bytes] = []
        self._in_a_row = 0  # commands since we last waited
        self._heard = False  # anything at all

    # ---- asyncio.Protocol ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        asyncio.StreamReaderProtocol.connection_made(self, transport)
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are not instances of it
        self.session.peer = transport.get_extra_info("peername")
        self.peer_address = str((self.session.peer or ("",))[0]).partition("%")[0]
        self._notice_tls(self.transport)

    async def serve(self) -> None:
        """Speak with the client until the connection is closed."""
        await self._handle_client()
        with contextlib.suppress(OSError):  # how it ended matters to nobody any more
            await self._writer.wait_closed()

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None
        asyncio.StreamReaderProtocol.connection_lost(self, error)
        self._client_connected_cb = None  # a method of ours: the last cycle that keeps the buffers alive

    def eof_received(self) -> bool | None:
        """Half closed: what it sent is still answered. In TLS there are no halves."""
        return asyncio.StreamReaderProtocol.eof_received(self)

    # ---- out ----

    def send(self, reply: bytes) -> None:
        """A reply with its CRLF; goes out before we next wait for the client."""
        self._replies.append(reply)

    def hang_up(self, reply: bytes) -> None:
        """A last reply, then close. Commands that came behind it are not looked at."""
        self.send(reply)
        self.close()

    def close(self) -> None:
        self._flush()
        if self.transport is not None:
            self.transport.close()
        self.deadline = self.clock.monotonic() + CLOSE_SECONDS

    def expire(self) -> None:
        """The deadline is over: say so and close, or cut off who did not even take that."""
        if self.transport is None:
            self.deadline = NEVER
        elif self.transport.is_closing() or self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.hang_up(b"421 4.4.2 Timeout; closing connection\r\n")

    @property
    def is_waiting(self) -> bool:
        """For the client, who has a deadline then."""
        return self.deadline < NEVER

    @property
    def is_closing(self) -> bool:
        return self.transport is None or self.transport.is_closing()

    def _flush(self) -> None:
        if self._replies:
            if self.transport is not None and not self.transport.is_closing():
                self.transport.write(b"".join(self._replies))
            self._replies.clear()

    # ---- in ----

    @property
    def has_input(self) -> bool:
        """Whether the client sent something that nobody has taken yet."""
        return bool(len(self._framing) or self._reader._buffer)  # type: ignore[attr-defined]

    async def line(self, limit: int) -> bytes:
        """The next line without CRLF. Raises ConnectionLost, LineTooLong, NotALine."""
        self._in_a_row += 1
        if self._in_a_row > COMMANDS_IN_A_ROW:
            await self._let_others()
        while (line := self._framing.line(limit)) is None:
            now = self.clock.monotonic()
            patience = self.config.command_seconds if self._heard else self.config.silent_seconds
            deadline = min(now + patience, self._opened + self.config.connection_seconds)
            self._framing.feed(await self._receive(deadline))
        return line

    async def piece(self, deadline: float, most: int = READ_OCTETS) -> bytes:
        """Some of the octets that come next, at least one. Raises ConnectionLost."""
        data = self._framing.take() or await self._receive(deadline)
        if len(data) > most:
            self._framing.put_back(data[most:])
            data = data[:most]
        return data

    def put_back(self, data: bytes) -> None:
        """What was read behind the end of a message: the next commands."""
        self._framing.put_back(data)

    async def _let_others(self) -> None:
        """One client's long pipeline does not hold the others up, nor pile up replies it does not read."""
        self.deadline = self.clock.monotonic() + self.config.command_seconds
        try:
            await self._drain()
        except OSError as fault:
            raise ConnectionLost from fault
        self.deadline = NEVER
        await asyncio.sleep(0)
        self._in_a_row = 0

    async def _drain(self) -> None:
        self._flush()
        if self.transport is not None and self.transport.get_write_buffer_size() > WRITE_OCTETS:
            await self._writer.drain()

    async def _receive(self, deadline: float) -> bytes:
        self.deadline = deadline
        self._in_a_row = 0
        try:
            await self._drain()
            data = await self._reader.read(READ_OCTETS)
        except OSError as fault:  # reset, timed out, a broken TLS record
            raise ConnectionLost from fault
        if not data or self.is_closing:
            raise ConnectionLost
        self._heard = True
        self.deadline = NEVER
        return data

    # ---- TLS ----

    async def start_tls(self, context: ssl.SSLContext, ready: bytes) -> None:
        """Say `ready` and go on inside TLS. Raises ConnectionLost, also where the handshake fails.

        The loop's own start_tls: aiosmtpd's takes asyncio's TLS under uvloop too, 255 KB a session instead of
        30. Nothing may be read between `ready` and the switch, or the handshake's first octets are lost.
        """
        plain = self.transport
        if plain is None or self.has_input:
            raise ConnectionLost  # clear text behind STARTTLS is somebody else's, CVE-2011-0411
        self.send(ready)
        plain.pause_reading()
        self._flush()
        try:
            secured = await self.loop.start_tls(
                plain, self, context, server_side=True, ssl_handshake_timeout=HANDSHAKE_SECONDS
            )
        except OSError as fault:
            plain.abort()
            self.connection_lost(None)  # the TLS layer reports only connections whose handshake succeeded
            raise ConnectionLost from fault
        if secured is None or plain.is_closing():
            raise ConnectionLost
        self._use(secured)

    def _use(self, secured: asyncio.Transport) -> None:
        self.transport = secured
        self._writer._transport = secured  # type: ignore[attr-defined]
        self._reader._transport = secured  # type: ignore[attr-defined]
        self._replace_writer(self._writer)  # type: ignore[attr-defined]
        self._notice_tls(secured)

    @property
    def bindings(self) -> dict[str, bytes]:
        """TLS channel bindings by name; none in clear."""
        return channel_bindings((self.session.ssl or {}).get("ssl_object"))

    def _notice_tls(self, transport: asyncio.Transport) -> None:
        tls: Any = transport.get_extra_info("ssl_object")
        if tls is None:
            return
        self.session.ssl = {"ssl_object": tls}
        cipher = tls.cipher() or ("", "", 0)
        self.tls = Tls(tls.version() or "TLS", cipher[0], cipher[2] or 0)
