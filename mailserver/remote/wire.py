"""One connection to another server: commands out, replies in, with a deadline for each. RFC 5321 §4.5.3.2.

aiosmtplib's protocol carries the octets (flow control, STARTTLS); how replies are read is ours: nothing that came out
of turn is thrown away unseen. Octets behind the 220 of STARTTLS end the session: whoever put them there in clear wants
them to be believed inside TLS (CVE-2011-0411).
"""

import asyncio
import re
import ssl
from collections import deque
from collections.abc import AsyncIterator
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

_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class WireFailed(Exception):  # noqa: N818 - what the peer or the network did
    """No reply will come: the text says why, for the attempt."""


class StepTimeout(WireFailed):
    pass


class Wire(SMTPProtocol):
    def __init__(self) -> None:
        super().__init__(asyncio.get_running_loop())
        self.listener: Listener = nobody
        self._reader = ReplyReader()
        self._replies: deque[Reply] = deque()
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
            if len(self._replies) + len(replies) > MAX_HELD:
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
        self.listener(Line(Direction.NOTE, _UNSEEN.sub("?", text)))

    async def reply(self, seconds: float) -> Reply:
        """The next one. Raises WireFailed."""
        try:
            async with asyncio.timeout(seconds):
                while not self._replies and self._fault is None:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise StepTimeout(f"The server did not answer within {seconds:g} seconds") from None
        if not self._replies:
            raise WireFailed(self._fault or "")
        reply = self._replies.popleft()
        for place, line in enumerate(reply.lines, 1):
            between = " " if place == len(reply.lines) else "-"
            self.listener(Line(Direction.RECEIVED, f"{reply.code}{between}{_UNSEEN.sub('?', line)}"))
        return reply

    async def read_response(self, timeout: float | None = None) -> SMTPResponse:  # noqa: ASYNC109 - theirs
        """For what of aiosmtplib waits for a reply."""
        reply = await self.reply(timeout or 0)
        return SMTPResponse(reply.code, "\n".join(reply.lines))

    async def command(self, command: bytes, seconds: float, shown: str | None = None) -> Reply:
        """`shown`: what stands in the transcript where the command is a secret. Raises WireFailed."""
        self.listener(Line(Direction.SENT, _UNSEEN.sub("?", shown or command.decode("utf-8", "replace"))))
        if self._replies:  # said between commands: the server takes its leave, or nothing pairs any more
            return self._out_of_turn(await self.reply(seconds))
        try:
            response = await self.execute_command(command, timeout=seconds)
        except SMTPException:
            raise WireFailed(self._fault or "The connection is closed") from None
        return Reply(response.code, tuple(response.message.split("\n")))

    def _out_of_turn(self, reply: Reply) -> Reply:
        self.close()
        if reply.code != CLOSING:
            raise WireFailed(f"The server answered what it was not asked: {reply}")
        return reply

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
        stuffer, self.sent_octets, self.sent_end = DotStuffer(), 0, False
        async for piece in pieces:
            await self._write(stuffer.feed(piece), seconds)
            if self._replies or self._fault is not None:
                return await self._early_answer()
            self.sent_octets += len(piece)
        if self._replies or self._fault is not None:
            return await self._early_answer()
        end = stuffer.finish()
        self.listener(Line(Direction.NOTE, f"{self.sent_octets} octets of message"))
        self.listener(Line(Direction.SENT, "."))
        self.sent_end = True
        await self._write(end, seconds)
        return await self.reply(end_seconds)

    async def _early_answer(self) -> Reply:
        self.close()
        reply = await self.reply(0)
        if reply.code < 400:
            raise WireFailed(f"The server answered before the message was sent: {reply}")
        return reply

    async def _write(self, data: bytes, seconds: float) -> None:
        try:
            self.write(data)
            async with asyncio.timeout(seconds):
                await self._drain_helper()
        except TimeoutError:
            raise StepTimeout(f"The server took nothing for {seconds:g} seconds") from None
        except (SMTPException, OSError):
            raise WireFailed(self._fault or "The connection broke") from None

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
