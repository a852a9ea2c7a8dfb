"""What comes in from one client: received, framed and handed on, with patience for silence that has an end."""

import asyncio
from collections.abc import Awaitable, Callable

from mailserver.config.tree import ImapConfig
from mailserver.errors import LimitReached, TooBig
from mailserver.imap.wire import writer
from mailserver.imap.wire.frames import BEFORE_LOGIN, AppendStart, Command, Item, RawLine, Refused, after_login
from mailserver.imap.wire.framing import CommandFramer
from mailserver.imap.wire.reader import BadSyntax
from mailserver.serving.connection import Connection, ConnectionLost
from mailserver.serving.deflate import Garbled

SASL_LINE_OCTETS = 12_288  # RFC 9051 §6.2.2 lets base64 lines be long; no credential of ours needs more


class Ending(Exception):  # noqa: N818 - an event, not a mistake
    """The session ends with BYE; `text` follows it."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        super().__init__(text)


class Intake:
    def __init__(
        self,
        connection: Connection,
        config: ImapConfig,
        most_unasked: int | None,
        between: Callable[[], Awaitable[None]],
    ) -> None:
        """`between`: done before the session waits for a command. `most_unasked`: see CommandFramer."""
        self._connection = connection
        self._config = config
        self._between = between
        self._framer = CommandFramer(most_unasked=most_unasked)
        self._farewell: bytes | None = None
        self._logged_in = False
        self._login_deadline = self._deadline()

    # ---- how it is read ----

    def log_in(self, most_unasked: int | None) -> None:
        self._logged_in = True
        self._framer.limits = after_login(self._config.max_append_octets)
        self._framer.most_unasked = most_unasked

    def log_out(self, most_unasked: int | None) -> None:
        self._logged_in = False
        self._framer.limits, self._framer.utf8 = BEFORE_LOGIN, False
        self._framer.most_unasked = most_unasked
        self._login_deadline = self._deadline()

    def read_utf8(self, utf8: bool) -> None:
        self._framer.utf8 = utf8

    def begin_anew(self, most_unasked: int | None) -> None:
        """Inside TLS: nothing of what came before counts, RFC 9051 §11.1."""
        self._framer = CommandFramer(most_unasked=most_unasked)

    def take_pending(self) -> bytes:
        return self._framer.take_pending()

    def bye(self, text: bytes) -> None:
        """End the session when the running command is done; at once where it waits for the client."""
        self._farewell = text
        self._connection.wake()

    # ---- what comes ----

    async def command(self) -> Item:
        """The next, while none is running."""
        return await self._next(between=True)

    async def ask(self, prompt: bytes) -> bytes:
        """One line of the client's to `+ prompt`, without its end."""
        self._prompt(prompt)
        return _line_of(await self._next(asking=True))

    async def line_or_news(self, prompt: bytes | None, seconds: float) -> bytes | None:
        """In IDLE: the client's line, or None when the connection was woken or `seconds` have passed.

        `prompt` is given the first time.
        """
        if prompt is not None:
            self._prompt(prompt)
        while (item := self._framer.next()) is None:
            try:
                data = await self._receive_or_wake(seconds)
            except TimeoutError:
                return None
            if data is None:
                return None
            self._framer.feed(data)
        return _line_of(item)

    async def piece(self) -> Item:
        """Of a message that streams in: a LiteralChunk, then what follows.

        Raises BadSyntax for a refused rest, TooBig or LimitReached where that is what it was refused for.
        """
        item = await self._next()
        if not isinstance(item, Refused):
            return item
        if item.close:
            raise Ending(item.text)
        code, _, text = item.text.decode("ascii", "replace").partition("] ")
        if item.status == b"NO":
            raise (TooBig if code == "[TOOBIG" else LimitReached)(text)
        raise BadSyntax(text or code)

    def refuse_rest(self) -> None:
        """The running command is answered although more of it is on its way: that is swallowed."""
        self._framer.refuse()

    # ---- inside ----

    def _prompt(self, prompt: bytes) -> None:
        self._connection.write(writer.continuation(prompt))
        self._framer.expect_line(SASL_LINE_OCTETS)

    async def _next(self, *, between: bool = False, asking: bool = False) -> Item:
        """`between`: no command is running; `asking`: in an exchange where a person may have to be asked."""
        while (item := self._framer.next()) is None:
            if self._farewell is not None:
                raise Ending(self._farewell)
            if between:
                await self._between()
            try:
                data = await self._receive_or_wake(self._patience(asking=asking))
            except TimeoutError:
                raise Ending(b"[UNAVAILABLE] Idle for too long") from None
            if data is not None:
                self._framer.feed(data)
        if self._farewell is not None and isinstance(item, Command | AppendStart):
            raise Ending(self._farewell)
        return item

    async def _receive_or_wake(self, seconds: float) -> bytes | None:
        try:
            data = await self._connection.receive(seconds)
        except Garbled:
            raise Ending(b"What came in is not a DEFLATE stream") from None
        if self._farewell is not None:
            raise Ending(self._farewell)
        if data == b"":
            self._connection.close()
            raise ConnectionLost
        return data

    def _patience(self, *, asking: bool) -> float:
        """Seconds of silence from the client."""
        if self._logged_in:
            return self._config.idle_seconds
        left = max(self._login_deadline - asyncio.get_running_loop().time(), 0.0)
        return left if asking else min(left, self._config.silent_seconds)

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self._config.login_seconds


def _line_of(item: Item) -> bytes:
    if not isinstance(item, RawLine):
        raise Ending(b"[LIMIT] Line too long")
    return item.line
