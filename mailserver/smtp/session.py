"""One SMTP session: read a command, run it, answer; what it remembers from one command to the next. RFC 5321 §3.

greeted     EHLO or HELO was heard; forgotten when TLS begins (RFC 3207 §4.2)
account     somebody logged in; stays to the end
transaction from MAIL to the end of the content, RSET, EHLO or a failure
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address
from typing import Any

import structlog
from aiosmtpd.smtp import Session as Greeted

from mailserver.auth.account import Account
from mailserver.auth.sasl.exchange import MAX_LINE, Verifier
from mailserver.clock import Clock
from mailserver.config.tree import SmtpConfig
from mailserver.errors import Refusal, Unavailable
from mailserver.mail.transaction import Envelope, EnvelopeRecipient, Peer
from mailserver.metrics import Metrics
from mailserver.smtp.connection import Connection, ConnectionLost
from mailserver.smtp.content import Content
from mailserver.smtp.faces import Face
from mailserver.smtp.services import LiveSessions, MessageStore, Refusals, TlsContext
from mailserver.smtp.wire.framing import LineTooLong, NotALine
from mailserver.smtp.wire.parameters import MailParameters
from mailserver.smtp.wire.replies import refused

MAX_COMMAND = 2048  # octets with CRLF; RFC 5321 §4.5.3.1.4 demands 512 and what the extensions add
MAX_IDLE_COMMANDS = 100  # that move no mail, between two messages
MAX_NOTED = 100  # refused recipients of one connection that are logged; more tell nobody anything new

LINE_TOO_LONG = b"500 5.5.2 Line too long\r\n"
NOT_A_LINE = b"521 5.5.2 Commands end with CRLF, and no CR or LF stands alone; closing connection\r\n"
UNKNOWN_COMMAND = b"500 5.5.1 Command not recognised\r\n"
HELLO_FIRST = b"503 5.5.1 Say EHLO first\r\n"
LOGIN_FIRST = b"530 5.7.0 Authentication required\r\n"
TOO_MANY_ERRORS = b"421 4.7.0 Too many errors; closing connection\r\n"
TOO_MANY_IDLE = b"421 4.7.0 Too many commands that move no mail; closing connection\r\n"
SHUTTING_DOWN = b"421 4.3.2 Server is shutting down; try again later\r\n"
LOGGED_OUT = b"421 4.7.0 This account may no longer be used here; closing connection\r\n"

_log = structlog.get_logger("smtp")


@dataclass(frozen=True, slots=True)
class Command:
    """A row of the command table. `run` gets what follows the verb and returns the reply, b"" when it is sent."""

    run: "Callable[[Session, bytes], Awaitable[bytes]]"
    greeted: bool = False  # only after EHLO or HELO
    login: bool = False  # on submission only after AUTH
    idle: bool = False  # moves no mail: counted, so that nobody keeps us busy with it


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all sessions of one server share."""

    config: SmtpConfig
    hostname: str
    face: Face
    store: MessageStore
    authenticator: Verifier
    live: LiveSessions
    refusals: Refusals
    clock: Clock
    tls: TlsContext
    commands: Mapping[bytes, Command]
    metrics: Metrics


@dataclass(slots=True)
class Transaction:
    reverse_path: str
    parameters: MailParameters
    hold_until: datetime | None = None  # from HOLDFOR or HOLDUNTIL, when MAIL was said
    recipients: list[EnvelopeRecipient[Any]] = field(default_factory=list)
    content: Content | None = None  # there from DATA or the first BDAT on


class Session(Connection):
    def __init__(self, around: Surroundings, offers_tls: bool, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(around.config, around.clock, loop)
        self.around = around
        self.face = around.face
        self.account: Account | None = None
        self.failed_logins = 0
        self.transaction: Transaction | None = None
        self.messages = 0  # accepted on this connection
        self._offers_tls = offers_tls
        self._errors = 0  # 5xx replies since the last accepted message
        self._idle_commands = 0
        self._noted = 0  # refused recipients
        self._stopping = False
        self._leave_account: Callable[[], None] = _nothing

    # ---- the loop ----

    async def _handle_client(self) -> None:
        try:
            self.send(f"220 {self.around.hostname} ESMTP ready\r\n".encode())
            while not self.is_closing:
                await self._one_command()
        except ConnectionLost as lost:
            _log.debug("connection lost", peer=self.peer_address, cause=str(lost.__cause__ or ""))
        finally:
            self._log_out()
            self.close()
            await self.forget_transaction()

    async def _one_command(self) -> None:
        try:
            line = await self.line(MAX_LINE if self.may_log_in else MAX_COMMAND)
            reply = await self._answer(line)
        except LineTooLong:
            reply = LINE_TOO_LONG
        except NotALine:
            return self.hang_up(NOT_A_LINE)
        if reply:
            self.send(reply)
        if reply.startswith(b"5"):
            self._errors += 1
            if self._errors >= self.config.max_errors:
                return self.hang_up(TOO_MANY_ERRORS)
        if self._stopping and self.transaction is None:
            self.hang_up(SHUTTING_DOWN)
        return None

    async def _answer(self, line: bytes) -> bytes:
        verb, _, argument = line.partition(b" ")
        command = self.around.commands.get(verb.upper())
        if command is None:
            return UNKNOWN_COMMAND
        if len(line) + 2 > MAX_COMMAND and verb.upper() != b"AUTH":
            return LINE_TOO_LONG
        if command.login and self.face.logs_in and self.account is None:
            return LOGIN_FIRST
        if command.greeted and not self.session.host_name:
            return HELLO_FIRST
        if command.idle:
            self._idle_commands += 1
            if self._idle_commands > MAX_IDLE_COMMANDS:
                self.hang_up(TOO_MANY_IDLE)
                return b""
        try:
            return await command.run(self, argument.strip(b" "))
        except Refusal as refusal:
            return refused(refusal)
        except (ConnectionLost, LineTooLong, NotALine):
            raise
        except Exception:
            _log.exception("command failed", peer=self.peer_address, command=verb.upper().decode("ascii", "replace"))
            return refused(Unavailable())

    # ---- from outside ----

    def stop(self) -> None:
        """Say 421 now if it is the client's turn and nothing is under way, else after the transaction."""
        self._stopping = True
        if self.is_waiting and self.transaction is None and not self.is_closing:
            self.hang_up(SHUTTING_DOWN)

    def end(self) -> None:
        """The account was disabled, deleted or given another password."""
        if not self.is_closing:
            self.hang_up(LOGGED_OUT)

    # ---- for the commands ----

    @property
    def offers_tls(self) -> bool:
        return self._offers_tls and self.tls is None and self.around.tls() is not None

    @property
    def may_log_in(self) -> bool:
        """AUTH is offered: only inside TLS, or on loopback where the configuration says so."""
        if not self.face.logs_in or self.account is not None:
            return False
        return self.tls is not None or (self.config.allow_plain_auth and _is_loopback(self.peer_address))

    @property
    def peer(self) -> Peer:
        greeted = self.session
        login_name = None if self.account is None else self.account.address
        return Peer(self.peer_address, greeted.host_name or "", greeted.extended_smtp, self.tls, login_name)

    def greet(self, helo: str, esmtp: bool) -> None:
        self.session.host_name = helo
        self.session.extended_smtp = esmtp

    def logged_in(self, account: Account) -> None:
        self.account = account
        self._leave_account = self.around.live.add(account.user_id, self.end, account.token_id)

    async def start_tls(self, context: Any, ready: bytes) -> None:
        """Everything heard in clear is forgotten, RFC 3207 §4.2. Raises ConnectionLost."""
        await self.forget_transaction()
        self._log_out()
        self.session = Greeted(self.loop)
        await super().start_tls(context, ready)

    def _log_out(self) -> None:
        self.account = None
        self._leave_account()
        self._leave_account = _nothing

    async def forget_transaction(self) -> None:
        transaction, self.transaction = self.transaction, None
        if transaction is not None and transaction.content is not None:
            await transaction.content.discard()

    def note_refused(self, reverse_path: str, recipients: Sequence[str], refusal: Refusal) -> None:
        """For the delivery log: why mail did not come in."""
        recipients = recipients[: MAX_NOTED - self._noted]
        self._noted += len(recipients)
        if recipients:
            self.around.refusals.add(self.peer, reverse_path, recipients, refusal)

    async def accept(self, transaction: Transaction, content: Content) -> bytes:
        """Hand a complete message over; when this returns it is somebody's responsibility. Raises Refusals."""
        given = transaction.parameters
        envelope = Envelope(
            reverse_path=transaction.reverse_path,
            recipients=tuple(transaction.recipients),
            peer=self.peer,
            body=given.body,
            smtputf8=given.smtputf8,
            size=given.size,
            ret=given.ret,
            envid=given.envid,
            hold_until=transaction.hold_until,
            require_tls=given.require_tls,
        )
        name = await self.face.accept(self.account, envelope, content.incoming)
        self.messages += 1
        self.around.metrics.messages_received.inc()
        self._errors = self._idle_commands = 0
        return f"250 2.0.0 Ok: queued as {name}\r\n".encode()


def _nothing() -> None:
    """Nobody is logged in, so nobody has to be taken out of the live sessions."""


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
