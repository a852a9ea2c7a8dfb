"""One connection to another server: commands out, replies in, with a deadline for each. RFC 5321 §4.5.3.2.

aiosmtplib's protocol carries the octets (flow control, STARTTLS); how replies are read is ours: nothing that came out
of turn is thrown away unseen. Octets behind the 220 of STARTTLS end the session: whoever put them there in clear wants
them to be believed inside TLS (CVE-2011-0411).
"""

import asyncio
import re
import ssl
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import cast

from aiosmtplib.errors import SMTPException
from aiosmtplib.protocol import SMTPProtocol
from aiosmtplib.response import SMTPResponse

from mailserver.remote.dots import DotStuffer
from mailserver.remote.replies import CLOSING, BadReply, Reply, ReplyReader
from mailserver.remote.transcript import Direction, Line, Listener, nobody

WRITE_HIGH_WATER = 262_144  # octets the server has not read; then sending waits
CLOSE_SECONDS = 5.0  # for the last octets to go out
MAX_HELD = 10  # replies that came before they were asked for; more is a flood
CRLF = b"\r\n"

_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_ENDS_COMMAND = re.compile(rb"[\x00\r\n]")


class WireFailed(Exception):  # noqa: N818 - what the peer or the network did
    """No reply will come: the text says why, for the attempt."""


class StepTimeout(WireFailed):
    pass


class Unpaired(WireFailed):
    """Replies do not belong to what was asked: none of them can be relied on."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"The server answered what it was not asked: {reply}")


class Wire(SMTPProtocol):
    def __init__(self) -> None:
        super().__init__(asyncio.get_running_loop())
        self.listener: Listener = nobody
        self._reader = ReplyReader()
        self._replies: deque[Reply] = deque()
        self._expected = 0  # replies to commands that were sent
        self._fault: str | None = None  # why no more replies come
        self._news = asyncio.Event()
        self.sent_octets = 0  # of the message's content in the running transaction
        self.sent_end = False  # the end of data may have reached the server

    # ---- the transport's side ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        cast(asyncio.Transport, transport).set_write_buffer_limits(high=WRITE_HIGH_WATER)

    def data_received(self, data: bytes) -> None:
        if self._fault is not None:
            return
        try:
            replies = self._reader.feed(data)
            if len(self._replies) + len(replies) > self._expected + MAX_HELD:
                raise BadReply("replies to commands that were never sent")
        except BadReply as fault:
            self._fail(f"The server's answer could not be read: {fault}")
            return
        self._replies += replies
        self._news.set()

    def eof_received(self) -> bool:
        self._fail("The server closed the connection")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"The connection broke: {exc}" if exc else "The server closed the connection")
        super().connection_lost(exc)

    def _fail(self, reason: str) -> None:
        self._fault = self._fault or reason
        self._news.set()

    # ---- for the session ----

    @property
    def is_fresh(self) -> bool:
        """Open, and the server has not said anything since the last reply that was asked for."""
        return self._fault is None and self.is_connected and not self._replies and self._reader.is_clear

    @property
    def tls(self) -> ssl.SSLObject | None:
        return self.transport.get_extra_info("ssl_object") if self.transport else None

    @property
    def local_address(self) -> str:
        name = self.transport.get_extra_info("sockname") if self.transport else None
        return str(name[0]) if name else ""

    def note(self, text: str) -> None:
        self._show(Direction.NOTE, text)

    async def reply(self, seconds: float) -> Reply:
        """The next one. Raises WireFailed."""
        if not self._replies and self._fault is None:
            await self._news_within(seconds)
        if not self._replies:
            raise WireFailed(self._fault or "")
        reply = self._replies.popleft()
        self._expected = max(self._expected - 1, 0)
        for place, line in enumerate(reply.lines, 1):
            between = " " if place == len(reply.lines) else "-"
            self._show(Direction.RECEIVED, f"{reply.code}{between}{line}")
        return reply

    async def _news_within(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not self._replies and self._fault is None:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise StepTimeout(f"The server did not answer within {seconds:g} seconds") from None

    async def read_response(self, timeout: float | None = None) -> SMTPResponse:  # noqa: ASYNC109 - theirs
        """For what of aiosmtplib waits for a reply."""
        reply = await self.reply(timeout or 0)
        return SMTPResponse(reply.code, "\n".join(reply.lines))

    async def command(self, command: bytes, seconds: float, shown: str | None = None) -> Reply:
        """`shown`: what stands in the transcript where the command is a secret. Raises WireFailed."""
        self.say([command], shown)
        return await self.reply(seconds)

    def say(self, commands: Sequence[bytes], shown: str | None = None) -> None:
        """All in one go; `reply` gives the answers in their order, RFC 2920. Raises WireFailed.

        Where the server took its leave before, nothing is sent and its 421 is the first answer.
        """
        for command in commands:
            if _ENDS_COMMAND.search(command):
                raise ValueError("a command in a command")
            self._show(Direction.SENT, shown or command)
        if self._replies:  # said between commands: the server takes its leave, or nothing pairs any more
            self.close()
            if self._replies[0].code != CLOSING:
                raise Unpaired(self._replies[0])
            return
        self._expected += len(commands)
        self._put(CRLF.join([*commands, b""]))

    def _show(self, direction: Direction, text: str | bytes) -> None:
        if self.listener is not nobody:
            words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
            self.listener(Line(direction, _UNSEEN.sub("?", words)))

    async def secure(self, context: ssl.SSLContext, name: str, seconds: float) -> None:
        """The handshake after the 220 of STARTTLS. Raises WireFailed, OSError (ssl.SSLError among them)."""
        if not self.is_fresh or self.transport is None:
            self.close()
            raise WireFailed(self._fault or "The server sent more than its 220 before TLS stood: not trusted")
        try:
            secured = await self._loop.start_tls(
                cast(asyncio.Transport, self.transport),
                self,
                context,
                server_hostname=name,
                ssl_handshake_timeout=seconds,
            )
        except ValueError:  # DNS allows more in a name than TLS can ask for
            self.close()
            raise WireFailed("TLS can not be begun with a host of this name") from None
        if secured is None:
            raise WireFailed(self._fault or "The connection broke in the TLS handshake")
        self.transport = secured
        self._over_ssl = True
        secured.set_write_buffer_limits(high=WRITE_HIGH_WATER)

    async def send(self, pieces: AsyncIterator[bytes], seconds: float, end_seconds: float) -> Reply:
        """The content after 354 and the server's answer to it; `seconds` for each piece. Raises WireFailed.

        An answer before the end of data is a refusal: the rest is not sent, the connection is good for nothing more.
        """
        stuffer, held, self.sent_octets, self.sent_end = DotStuffer(), b"", 0, False
        async for piece in pieces:
            if held:
                await self._write(held, seconds)
            if self._is_interrupted:
                return await self._early_answer()
            held = stuffer.feed(piece)
            self.sent_octets += len(piece)
        if self._is_interrupted:
            return await self._early_answer()
        self.note(f"{self.sent_octets} octets of message")
        self._show(Direction.SENT, ".")
        self.sent_end = True
        self._expected += 1
        await self._write(held + stuffer.finish(), seconds)  # in one: a packet less, and a call
        return await self.reply(end_seconds)

    @property
    def _is_interrupted(self) -> bool:
        return bool(self._replies) or self._fault is not None

    async def _early_answer(self) -> Reply:
        self.close()
        reply = await self.reply(0)
        if reply.code < 400:
            raise WireFailed(f"The server answered before the message was sent: {reply}")
        return reply

    async def _write(self, data: bytes, seconds: float) -> None:
        self._put(data)
        if not self._paused:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._drain_helper()
        except TimeoutError:
            raise StepTimeout(f"The server took nothing for {seconds:g} seconds") from None
        except OSError:
            raise WireFailed(self._fault or "The connection broke") from None

    def _put(self, data: bytes) -> None:
        try:
            self.write(data)
        except SMTPException:
            raise WireFailed(self._fault or "The connection is closed") from None

    def leave_if_told(self, reply: Reply) -> None:
        if reply.code == CLOSING:
            self.close()

    def close(self) -> None:
        """Send what is left, then hang up; at once where nobody reads it."""
        if self.transport is None or self.transport.is_closing():
            return
        transport = cast(asyncio.Transport, self.transport)
        transport.close()
        self._loop.call_later(CLOSE_SECONDS, transport.abort)

    def abort(self) -> None:
        if self.transport is not None:
            cast(asyncio.Transport, self.transport).abort()
