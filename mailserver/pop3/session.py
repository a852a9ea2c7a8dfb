"""One client: read → frame → parse → run → write, and the one place where exceptions become replies.

Commands run one after the other, so pipelined ones are answered in order; what they write is collected and goes out
when the session has to wait. Only QUIT deletes: however else a session ends, the mailbox stays as it is.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import structlog

from mailserver.auth.account import Account
from mailserver.auth.authenticator import Authenticator
from mailserver.auth.live_sessions import LiveSessions
from mailserver.auth.sasl.exchange import MAX_LINE
from mailserver.auth.sasl.mechanisms import offered
from mailserver.config.tree import Pop3Config
from mailserver.errors import Refusal, Unavailable
from mailserver.pop3.capabilities import Facts
from mailserver.pop3.maildrop import Maildrop
from mailserver.pop3.maildrops import Maildrops
from mailserver.pop3.refusals import code_of
from mailserver.pop3.row import Row, Rows
from mailserver.pop3.states import State
from mailserver.pop3.wire import replies
from mailserver.pop3.wire.arguments import BadSyntax
from mailserver.pop3.wire.framing import LineFramer, LineTooLong, NotALine
from mailserver.serving.connection import Connection, ConnectionLost

MAX_COMMAND = 255  # octets with line end, RFC 2449 §4; AUTH may bring a longer response
TURN_COMMANDS = 32  # pipelined commands answered before other sessions get their turn


class Ending(Exception):  # noqa: N818 - an event, not a mistake
    """The session ends; `reply` is the last thing said, b"" for nothing."""

    def __init__(self, reply: bytes = b"") -> None:
        self.reply = reply
        super().__init__(reply)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all sessions of a server share."""

    config: Pop3Config
    maildrops: Maildrops
    authenticator: Authenticator
    live: LiveSessions
    tls: Callable[[], ssl.SSLContext | None]
    commands: Rows
    ids: Iterator[int]  # of sessions, for the log


class Session:
    def __init__(self, connection: Connection, around: Surroundings, *, offers_tls: bool) -> None:
        self.connection = connection
        self.around = around
        self.offers_tls = offers_tls
        self.state = State.AUTHORIZATION
        self.username: str | None = None  # of USER, until PASS
        self.failed_logins = 0
        self.secure_after_reply = False  # STLS was answered +OK
        self._maildrop: Maildrop | None = None
        self._framer = LineFramer()
        self._login_deadline = asyncio.get_running_loop().time() + around.config.login_seconds
        self._errors = 0  # commands that were not understood, in a row
        self._farewell: bytes | None = None
        self._forget_live: Callable[[], None] = _nothing
        self._log = structlog.get_logger("pop3").bind(session=next(around.ids), peer=connection.peer)

    # ---- its life ----

    async def serve(self) -> None:
        """Until the client leaves or has to. Raises ConnectionLost where nobody is left to be told anything."""
        try:
            self.write(replies.ok(b"POP3 server ready"))
            turn = 0
            while self.state is not State.ENDED:
                await self._answer(await self._command())
                turn += 1
                if turn % TURN_COMMANDS == 0:
                    await asyncio.sleep(0)
        except Ending as ending:
            self.write(ending.reply)
        finally:
            self._forget_live()
            if self._maildrop is not None:
                await self.around.maildrops.close(self._maildrop)
        self.connection.close()

    def stop(self) -> None:
        self._end(replies.err("Server is shutting down; nothing was deleted", "SYS/TEMP"))

    def _end(self, reply: bytes) -> None:
        """When the running command is done; at once where the session waits for the client."""
        self._farewell = reply
        self.connection.wake()

    # ---- for commands ----

    @property
    def maildrop(self) -> Maildrop:
        assert self._maildrop is not None  # noqa: S101 - rows say which commands need a login
        return self._maildrop

    @property
    def may_log_in(self) -> bool:
        if self.connection.secure:
            return True
        return self.around.config.allow_plain_auth and self.connection.is_loopback

    @property
    def facts(self) -> Facts:
        mechanisms: tuple[str, ...] = ()
        if self.state is State.AUTHORIZATION and self.may_log_in:
            mechanisms = offered(self.around.authenticator, self.connection.bindings)
        return Facts(self.state, self.may_log_in, self.offers_tls, mechanisms)

    def write(self, data: bytes) -> None:
        self.connection.write(data)

    async def drain(self) -> None:
        """Between pieces of a long answer: wait for a slow client, give others their turn."""
        await self.connection.drain()
        await asyncio.sleep(0)

    async def ask(self, challenge: bytes) -> bytes:
        """One line of the client's to `+ challenge`, without its end. Raises BadSyntax."""
        self.write(replies.challenge(challenge))
        try:
            return await self._line(MAX_LINE)
        except LineTooLong:
            raise BadSyntax("Response too long") from None

    async def enter(self, account: Account) -> None:
        """From here on the session is in TRANSACTION. Raises MaildropInUse."""
        self._maildrop = await self.around.maildrops.open(account.user_id)
        self.state = State.TRANSACTION
        self._log = self._log.bind(user=account.address)
        self._forget_live = self.around.live.add(
            account.user_id,
            lambda: self._end(replies.err("This account may not be used any more; nothing was deleted", "SYS/PERM")),
            account.token_id,
        )

    # ---- reading ----

    async def _command(self) -> bytes | None:
        """None: the line was too long."""
        try:
            line = await self._line(MAX_LINE if self.state is State.AUTHORIZATION else MAX_COMMAND)
            if len(line) + 2 > MAX_COMMAND and not line.upper().startswith(b"AUTH "):
                raise LineTooLong
        except LineTooLong:
            return None
        return line

    async def _line(self, limit: int) -> bytes:
        try:
            while (line := self._framer.next(limit)) is None:
                self._framer.feed(await self._receive())
        except NotALine:
            raise Ending(replies.err("Line too long; closing connection")) from None
        if self._farewell is not None:
            raise Ending(self._farewell)
        return line

    async def _receive(self) -> bytes:
        """Octets of the client's. RFC 1939 §3: who is silent for too long is left without a word."""
        data = None
        while data is None:  # woken
            if self._farewell is not None:
                raise Ending(self._farewell)
            try:
                data = await self.connection.receive(self._patience())
            except TimeoutError:
                raise Ending from None
        if data == b"":
            self.connection.close()
            raise ConnectionLost
        return data

    def _patience(self) -> float:
        if self.state is State.AUTHORIZATION:
            return max(self._login_deadline - asyncio.get_running_loop().time(), 0.0)
        return self.around.config.idle_seconds

    # ---- answering ----

    async def _answer(self, line: bytes | None) -> None:
        verb, _, argument = (line or b"").partition(b" ")
        verb = verb.upper()
        try:
            if line is None:
                raise BadSyntax("Line too long")
            row = self._legal(self.around.commands.get(verb))
            text = await row.run(self, row.parse(argument))
            if text is not None:
                self.write(replies.ok(text))
            self._errors = 0
        except BadSyntax as fault:
            self._misunderstood(fault.text)
        except Refusal as refusal:
            self._errors = 0
            self.write(replies.err(refusal.text, code_of(refusal)))
        except (ConnectionLost, Ending):
            raise
        except Exception:
            self._log.exception("command failed", command=verb.decode("ascii", "replace"))
            self.write(replies.err(Unavailable.text, "SYS/TEMP"))
        if self.secure_after_reply:
            await self._secure()

    def _legal(self, row: Row | None) -> Row:
        if row is None:
            raise BadSyntax("Unknown command")
        if self.state not in row.states:
            raise BadSyntax(f"Not allowed {self.state.value}")
        return row

    def _misunderstood(self, text: str) -> None:
        self._errors += 1
        if self._errors >= self.around.config.max_errors:
            raise Ending(replies.err("Too many errors; closing connection"))
        self.write(replies.err(text))

    async def _secure(self) -> None:
        """Nothing of what came before counts inside TLS, RFC 2595 §4."""
        self.secure_after_reply = False
        context = self.around.tls()
        if context is None:
            raise Ending
        await self.connection.start_tls(context)
        self._framer = LineFramer()
        self.username = None
        self.offers_tls = False


def _nothing() -> None:
    """Nobody is logged in, so nobody has to be taken out of the live sessions."""
