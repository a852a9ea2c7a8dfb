"""One client: read → frame → parse → run → write, and the one place where exceptions become replies.

Commands run one after the other, so pipelined ones are answered in order; what they write is collected and goes out
when the session has to wait.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

import structlog

from mailserver.auth.account import Account
from mailserver.auth.authenticator import Authenticator
from mailserver.auth.live_sessions import LiveSessions
from mailserver.auth.sasl.mechanisms import offered
from mailserver.clock import Clock
from mailserver.config.tree import ImapConfig
from mailserver.errors import NoSuchMailbox, OverQuota, Refusal
from mailserver.imap.attendance import Attendance
from mailserver.imap.capabilities import Facts, capabilities, enables, is_told, largest_unasked, switched_off
from mailserver.imap.intake import Ending, Intake
from mailserver.imap.rendered import RenderedChunks
from mailserver.imap.row import Row, Rows
from mailserver.imap.states import State, why_not
from mailserver.imap.telling import Telling
from mailserver.imap.view import ALL_NEWS, Manner, View
from mailserver.imap.wire import writer
from mailserver.imap.wire.frames import (
    AppendStart,
    Command,
    Item,
    NeedLiteral,
    Refused,
)
from mailserver.imap.wire.reader import BadSyntax, Reader, UidRequired
from mailserver.mailboxes.index import MailboxIndex
from mailserver.mailboxes.service import Mailboxes
from mailserver.metrics import Metrics
from mailserver.serving.connection import Connection, ConnectionLost
from mailserver.store.store import Store

TURN_COMMANDS = 32  # pipelined commands answered before other sessions get their turn

_log = structlog.get_logger("imap")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all sessions of a server share."""

    config: ImapConfig
    hostname: str  # told only to whoever is logged in
    store: Store
    mailboxes: Mailboxes
    authenticator: Authenticator
    live: LiveSessions
    clock: Clock
    tls: Callable[[], ssl.SSLContext | None]
    commands: Rows
    ids: Iterator[int]  # of sessions, for the log
    metrics: Metrics = field(default_factory=Metrics)
    rendered: RenderedChunks = field(default_factory=RenderedChunks)


class Session:
    def __init__(self, connection: Connection, around: Surroundings, *, offers_tls: bool) -> None:
        self.connection = connection
        self.around = around
        self.offers_tls = offers_tls
        self.state = State.NOT_AUTHENTICATED
        self.account: Account | None = None
        self.view: View | None = None
        self.enabled: set[str] = set()  # by ENABLE, or by a command that implies it; see `enable`
        self.secure_after_reply = False  # STARTTLS was answered OK
        self.compress_after_reply = False  # COMPRESS was
        self.tag = b""  # of the running command
        self.failed_logins = 0
        self._off = switched_off(around.config.without)  # capabilities
        self.telling = Telling(self)
        self.intake = Intake(connection, around.config, largest_unasked(self._off), self.telling.watched)
        self.attendance = Attendance(connection, around.config.progress_seconds)
        self._errors = 0  # BAD in a row
        self._forget_live: Callable[[], None] = _nothing
        self._log = _log.bind(session=next(around.ids), peer=connection.peer)

    # ---- its life ----

    async def serve(self) -> None:
        """Until the client leaves or has to. Raises ConnectionLost where nobody is left to be told anything."""
        try:
            self.untagged(b"OK [CAPABILITY %b] IMAP server ready" % self.capabilities())
            turn = 0
            while self.state is not State.LOGOUT:
                await self._answer(await self.intake.command())
                turn += 1
                if turn % TURN_COMMANDS == 0:
                    await asyncio.sleep(0)
        except Ending as ending:
            self.untagged(b"BYE " + ending.text)
        finally:
            self._forget_live()
            self.telling.stop_watching()
            await self.leave_mailbox()
        self.connection.close()

    def stop(self) -> None:
        self.intake.bye(b"Server is shutting down")

    # ---- for commands ----

    @property
    def user_id(self) -> int:
        assert self.account is not None  # noqa: S101 - rows say which commands need a login
        return self.account.user_id

    @property
    def selected(self) -> View:
        assert self.view is not None  # noqa: S101 - rows say which commands need a mailbox
        return self.view

    @property
    def mailboxes(self) -> Mailboxes:
        return self.around.mailboxes

    @property
    def condstore(self) -> bool:
        """FETCH responses tell MODSEQ, RFC 7162 §3.1."""
        return "CONDSTORE" in self.enabled

    @property
    def qresync(self) -> bool:
        return "QRESYNC" in self.enabled

    @property
    def uid_only(self) -> bool:
        """The client enabled UIDONLY: message numbers are neither sent nor taken, RFC 9586."""
        return "UIDONLY" in self.enabled

    @property
    def rev2(self) -> bool:
        """The client enabled IMAP4rev2: what RFC 9051 made obsolete is withheld."""
        return "IMAP4REV2" in self.enabled

    @property
    def utf8(self) -> bool:
        """Names and quoted strings are UTF-8 in both directions, RFC 6855 §3, RFC 9051 §5.1."""
        return not self.enabled.isdisjoint(("UTF8=ACCEPT", "IMAP4REV2"))

    def enable(self, *names: str) -> None:
        """Switch on what the client understands; the next thing it is told is told so."""
        self.enabled.update(names)
        self.intake.read_utf8(self.utf8)
        if self.view is not None:
            self.view.manner = self._manner()

    def need_condstore(self) -> None:
        """For commands that imply CONDSTORE; where the client stands is told the first time. RFC 7162 §3.1."""
        if self.condstore or not self.can(b"CONDSTORE"):
            return
        self.enable("CONDSTORE")
        if self.view is not None:
            self.untagged(b"OK [HIGHESTMODSEQ %d] CONDSTORE is enabled" % self.view.complete_modseq)

    def _manner(self) -> Manner:
        return Manner(
            modseq=self.condstore,
            vanished=self.qresync or self.uid_only,
            recent=not self.rev2,
            uid_only=self.uid_only,
        )

    @property
    def may_log_in(self) -> bool:
        if self.connection.secure:
            return True
        return self.around.config.allow_plain_auth and self.connection.is_loopback

    def capabilities(self) -> bytes:
        return capabilities(self._facts)

    def can(self, capability: bytes) -> bool:
        """Whether this session is offered the capability; of NAME=value the name."""
        return is_told(capability, self._facts)

    def may_enable(self, name: str) -> bool:
        return enables(name, self._facts)

    def name(self, mailbox: str) -> bytes:
        """A mailbox name as this client reads it."""
        return writer.mailbox(mailbox, utf8=self.utf8)

    def is_off(self, capability: str) -> bool:
        """Switched off, for everybody or for this account."""
        return capability.upper().encode() in self._off

    @property
    def _facts(self) -> Facts:
        config = self.around.config
        mechanisms: tuple[str, ...] = ()
        if self.state is State.NOT_AUTHENTICATED:
            mechanisms = offered(self.around.authenticator, self.connection.bindings)
        return Facts(
            self.state,
            self.may_log_in,
            self.offers_tls,
            config.max_append_octets,
            mechanisms,
            config.message_limit,
            self._off,
        )

    def write(self, data: bytes) -> None:
        self.connection.write(data)

    def untagged(self, data: bytes) -> None:
        self.connection.write(writer.untagged(data))

    async def drain(self) -> None:
        """Between pieces of a long answer: wait for a slow client, give others their turn."""
        await self.connection.drain()
        await asyncio.sleep(0)

    def log_in(self, account: Account) -> None:
        self.account = account
        self.state = State.AUTHENTICATED
        self._off |= switched_off(account.imap_without)
        self.intake.log_in(largest_unasked(self._off))
        self._log = self._log.bind(user=account.address)
        self._forget_live = self.around.live.add(
            account.user_id,
            lambda: self.intake.bye(b"[UNAVAILABLE] This account may not be used any more"),
            account.token_id,
        )

    async def log_out(self) -> None:
        """As before the login, RFC 8437 §2; what belongs to the connection (TLS, compression, failed logins) stays."""
        self.telling.stop_watching()
        self.telling.interest = ALL_NEWS
        await self.leave_mailbox()
        self._forget_live()
        self._forget_live = _nothing
        self.state, self.account = State.NOT_AUTHENTICATED, None
        self.enabled.clear()
        self._off = switched_off(self.around.config.without)
        self.intake.log_out(largest_unasked(self._off))
        self._log = self._log.unbind("user")

    def enter_mailbox(self, index: MailboxIndex, first_recent: int, *, read_only: bool) -> View:
        user_id = self.user_id
        claim = self.mailboxes.claim_recent if index.mailbox.user_id == user_id else _claim_none
        self.view = View(
            index, first_recent, claim=None if read_only else claim, rights=lambda: index.mailbox.rights(user_id)
        )
        self.view.manner = self._manner()
        self.state = State.SELECTED
        self.telling.hear_selected()
        return self.view

    async def leave_mailbox(self) -> None:
        if self.view is not None:
            self.telling.hear_nothing()
            view, self.view = self.view, None
            self.mailboxes.release(view.index)
            self.state = State.AUTHENTICATED

    @property
    def selected_id(self) -> int:
        """The selected mailbox, 0 where there is none."""
        return self.view.index.mailbox.id if self.view is not None else 0

    # ---- answering ----

    async def _answer(self, item: Item) -> None:
        match item:
            case Command():
                row = self._row(item.name)
                await self._execute(item.tag, row, item.reader, lambda row: self._run(row, item.reader))
            case AppendStart():
                row = self._row(item.reader.name)
                if not await self._execute(item.tag, row, item.reader, lambda row: self._stream(row, item)):
                    self.intake.refuse_rest()
            case NeedLiteral():
                self.write(writer.continuation(b"OK"))
            case Refused():
                self._refused(item)
            case _:
                raise Ending(b"Out of step")

    def _row(self, name: str) -> Row | None:
        row = self.around.commands.get(name)
        if row is not None:
            self.around.metrics.imap_commands.labels(name).inc()
        return row

    async def _run(self, row: Row, reader: Reader) -> bytes:
        reader.rev2, reader.uid_only = self.rev2, self.uid_only
        return await row.run(self, row.parse(reader))

    async def _stream(self, row: Row, start: AppendStart) -> bytes:
        if row.stream is None:
            raise BadSyntax("This command takes no message")
        return await row.stream(self, start)

    async def _execute(
        self, tag: bytes, row: Row | None, reader: Reader, work: Callable[[Row], Awaitable[bytes]]
    ) -> bool:
        """Run and reply; whether the reply was OK."""
        self.tag = tag
        word, text = b"OK", b""
        try:
            legal = self._legal(row, reader)
            attended = legal.reports and self.can(b"INPROGRESS")
            text = await (self.attendance.over(tag, work(legal)) if attended else work(legal))
        except BadSyntax as fault:
            word, text = b"BAD", writer.coded(fault.code, fault.text)
        except Refusal as refusal:
            word, text = b"NO", writer.coded(refusal.imap, refusal.text)
            if isinstance(refusal, OverQuota):
                self.around.metrics.quota_exceeded.inc()
        except (ConnectionLost, Ending):
            raise
        except Exception:
            self._log.exception("command failed", command=reader.name)
            word, text = b"NO", b"[SERVERBUG] Internal error; it was logged"
        if row is not None:
            await self.telling.after_command(expunge=reader.uid or not row.holds_expunge, uid=reader.uid)
        self.write(writer.status(tag, word, text))
        self._count_errors(word)
        if self.secure_after_reply:
            await self._secure()
        if self.compress_after_reply:
            self._compress()
        return word == b"OK"

    def _legal(self, row: Row | None, reader: Reader) -> Row:
        if row is None or (row.capability and not self._has(row.capability)):
            raise BadSyntax("Unknown command")
        if row.obsolete and self.rev2:
            raise BadSyntax("Not a command of IMAP4rev2")
        if row.uid and self.uid_only and not reader.uid:
            raise UidRequired
        if self.state not in row.states:
            raise BadSyntax(why_not(self.state, row.states))
        deleted = self.view is not None and self.view.gone
        if deleted and State.AUTHENTICATED not in row.states and not row.on_deleted:
            raise NoSuchMailbox("The selected mailbox was deleted, or is not shared any more")
        return row

    def _has(self, capability: bytes) -> bool:
        """Before the login little is told, and only what is switched off is not there."""
        return capability not in self._off if self.state is State.NOT_AUTHENTICATED else self.can(capability)

    def _refused(self, item: Refused) -> None:
        self.write(writer.status(item.tag, item.status, item.text))
        if item.close:
            raise Ending(b"Too much to swallow")
        self._count_errors(item.status)

    def _count_errors(self, word: bytes) -> None:
        self._errors = self._errors + 1 if word == b"BAD" else 0
        if self._errors >= self.around.config.max_errors:
            raise Ending(b"[LIMIT] Too many errors")

    async def _secure(self) -> None:
        """Nothing of what came before counts inside TLS, RFC 9051 §11.1."""
        self.secure_after_reply = False
        context = self.around.tls()
        if context is None:
            raise Ending(b"[UNAVAILABLE] No certificate")
        await self.connection.start_tls(context)
        self.intake.begin_anew(largest_unasked(self._off))
        self.offers_tls = False

    def _compress(self) -> None:
        """What the client pipelined behind COMPRESS is deflated already, RFC 4978 §3."""
        self.compress_after_reply = False
        self.connection.compress(self.intake.take_pending())
        self.offers_tls = False  # TLS would have to begin below the compression


def _nothing() -> None:
    """Ends what never began: nobody is logged in, nothing is heard of."""


def _claim_none(index: MailboxIndex) -> int:
    """\\Recent is for the owner's sessions; another user's do not take it from them."""
    return index.uidnext
