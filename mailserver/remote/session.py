"""A session with one server: greeted, encrypted as its policy wants, logged in where it is a relay of ours.

What goes wrong on the way is one of three: the connection fails (WireFailed), the server refuses (Refused), or TLS is
not what was asked for (TlsFailed). TLS that is offered and fails never becomes clear text here: whoever opens sessions
tries the other addresses and hosts first, and says so in the target (gave_up) when there are none left.
"""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Protocol

from mailserver.config.tree import TlsMode
from mailserver.outbound_tls.policy import CertificateRefused, HostPolicy, TlsOutcome
from mailserver.remote import extensions
from mailserver.remote import login as logins
from mailserver.remote.deadlines import Deadlines
from mailserver.remote.dialling import dial, in_words
from mailserver.remote.extensions import Extensions
from mailserver.remote.login import LoginFailed
from mailserver.remote.replies import CLOSING, Reply, Stage
from mailserver.remote.target import Target
from mailserver.remote.transcript import Listener
from mailserver.remote.wire import Wire, WireFailed

READY = 220
GO_ON = 334  # of AUTH
_LOOPBACK = ("127.", "::1")


class Refused(Exception):  # noqa: N818 - the server's word
    def __init__(self, stage: Stage, reply: Reply) -> None:
        super().__init__(f"{stage.value}: {reply}")
        self.stage = stage
        self.reply = reply


class TlsFailed(Exception):  # noqa: N818 - a claim
    """No mail over this connection; `is_handshake`: TLS itself failed, no verdict on a certificate."""

    def __init__(self, outcome: TlsOutcome, *, is_handshake: bool = False) -> None:
        super().__init__(outcome.words)
        self.outcome = outcome
        self.is_handshake = is_handshake


class TalksToItself(Exception):  # noqa: N818 - a claim
    """The server that answers is this one."""


class Judge(Protocol):
    """Of TLS, as outbound_tls.policy.TlsPolicies."""

    def context(self, policy: HostPolicy) -> ssl.SSLContext: ...

    def check(self, policy: HostPolicy, tls: ssl.SSLObject) -> TlsOutcome:
        """Raises CertificateRefused."""


@dataclass(slots=True, eq=False)
class Session:
    """Ready for MAIL."""

    wire: Wire
    target: Target
    deadlines: Deadlines
    offered: Extensions
    tls: TlsOutcome
    messages: int = 0  # transactions that were begun
    pipelines: bool = False  # commands that need no answer first leave together, RFC 2920
    is_unproven: bool = False  # kept for a while, and not heard since
    was_overrun: bool = False  # the server lost its way where they did

    @property
    def is_ours(self) -> bool:
        """A demand for login or TLS is about our settings, or about TLS that could not be had."""
        return self.target.is_relay or bool(self.target.gave_up)

    @property
    def tls_words(self) -> str:
        """For the attempt: what there was, and why."""
        if self.target.security is TlsMode.NONE:
            return f"clear text ({self.target.policy.reason})"
        what = self.tls.words if self.tls.is_encrypted else f"clear text: {self.tls.words}"
        return f"{what} ({self.target.policy.reason})"

    async def end(self) -> None:
        """Say QUIT, as one should, and do not insist on an answer."""
        try:
            if self.wire.is_fresh:
                await self.wire.command(b"QUIT", self.deadlines.quit)
        except WireFailed as fault:
            self.wire.note(str(fault))
        finally:
            self.wire.close()


async def open_session(target: Target, judge: Judge, helo: str, deadlines: Deadlines, listener: Listener) -> Session:
    """Raises WireFailed, Refused, TlsFailed, TalksToItself; nothing is left open then."""
    implicit = judge.context(target.policy) if target.security is TlsMode.IMPLICIT else None
    wire = await dial(target, implicit, deadlines, listener)
    try:
        return await _greeted(wire, target, judge, helo, deadlines)
    except (Refused, TlsFailed, TalksToItself):
        await _leave(wire, deadlines)
        raise
    except BaseException:
        wire.abort()
        raise


async def _greeted(wire: Wire, target: Target, judge: Judge, helo: str, deadlines: Deadlines) -> Session:
    outcome = _judged(wire, target, judge) if target.security is TlsMode.IMPLICIT else None
    greeting = await wire.reply(deadlines.greeting)
    if greeting.code != READY:
        raise Refused(Stage.GREETING, greeting)
    offered = await _hello(wire, helo, deadlines)
    if offered.name.lower().rstrip(".") == helo.lower() and not target.is_relay:
        raise TalksToItself(f"{target} says that it is {helo}, which is this server")
    if outcome is None:
        outcome = await _secured(wire, target, judge, deadlines, offered)
        if outcome.is_encrypted:  # what was offered in clear does not count, RFC 3207 §4.2
            offered = await _hello(wire, helo, deadlines)
    if not outcome.is_encrypted and not target.policy.allows_clear_text and target.security is not TlsMode.NONE:
        raise TlsFailed(outcome)
    session = Session(wire, target, deadlines, offered, outcome)
    if target.login is not None:
        await _log_in(session)
    return session


async def _hello(wire: Wire, helo: str, deadlines: Deadlines) -> Extensions:
    """HELO where EHLO is not known, RFC 5321 §3.2."""
    reply = await wire.command(b"EHLO " + helo.encode(), deadlines.hello)
    if reply.is_ok:
        return extensions.parse(reply)
    if reply.code == CLOSING or not 500 <= reply.code <= 599 or wire.tls is not None:
        raise Refused(Stage.HELLO, reply)
    reply = await wire.command(b"HELO " + helo.encode(), deadlines.hello)
    if not reply.is_ok:
        raise Refused(Stage.HELLO, reply)
    return Extensions(name=extensions.parse(reply).name)


async def _secured(wire: Wire, target: Target, judge: Judge, deadlines: Deadlines, offered: Extensions) -> TlsOutcome:
    """TLS where the server offers it; a refused STARTTLS is as none. Raises TlsFailed."""
    here = wire.local_address
    if target.security is TlsMode.NONE:
        return TlsOutcome("clear text", False, sending_address=here)
    if target.gave_up:
        return TlsOutcome.failed(target.gave_up, here)
    if not offered.offers("STARTTLS"):
        return TlsOutcome.not_offered(here)
    reply = await wire.command(b"STARTTLS", deadlines.hello)
    if reply.code != READY:
        wire.note(f"STARTTLS refused: {reply}")
        return TlsOutcome.not_offered(here)
    try:
        await wire.secure(judge.context(target.policy), target.host, deadlines.handshake)
    except OSError as fault:
        wire.abort()
        raise TlsFailed(TlsOutcome.failed(in_words(fault), here), is_handshake=True) from None
    return _judged(wire, target, judge)


def _judged(wire: Wire, target: Target, judge: Judge) -> TlsOutcome:
    if (tls := wire.tls) is None:
        raise WireFailed("The connection broke after the TLS handshake")
    try:
        outcome = judge.check(target.policy, tls)
    except CertificateRefused as fault:
        wire.note(f"TLS: {fault.reason}")
        raise TlsFailed(TlsOutcome.refused(fault, wire.local_address)) from None
    wire.note(f"TLS: {outcome.words} ({target.policy.reason})")
    return outcome


async def _log_in(session: Session) -> None:
    """Raises Refused, and TlsFailed where the password would be said in clear."""
    wire, target, seconds = session.wire, session.target, session.deadlines.login
    if wire.tls is None and not target.address.startswith(_LOOPBACK):
        raise TlsFailed(TlsOutcome("no TLS: the password is not sent in clear text", False))
    try:
        name = logins.choose(session.offered.logins)
        reply = await _exchange(wire, name, target, seconds)
    except LoginFailed as fault:
        raise Refused(Stage.LOGIN, Reply(454, (f"4.7.0 Login at {target.host}: {fault}",))) from None
    if not reply.is_ok:
        raise Refused(Stage.LOGIN, reply)


async def _exchange(wire: Wire, name: str, target: Target, seconds: float) -> Reply:
    if target.login is None:
        raise LoginFailed("no password")
    exchange, speaks_first = logins.start(name, target.login)
    first = next(exchange)
    words = [b"AUTH", name.encode(), *([logins.encoded(first)] if speaks_first else [])]
    reply = await wire.command(b" ".join(words), seconds, shown=f"AUTH {name} ***" if speaks_first else f"AUTH {name}")
    while reply.code == GO_ON:
        answer = await asyncio.to_thread(logins.answer, exchange, logins.decoded(reply.lines[-1]))
        reply = await wire.command(logins.encoded(answer), seconds, shown="***")
    return reply


async def _leave(wire: Wire, deadlines: Deadlines) -> None:
    try:
        if wire.is_fresh:
            await wire.command(b"QUIT", deadlines.quit)
    except WireFailed as fault:
        wire.note(str(fault))
    finally:
        wire.close()
