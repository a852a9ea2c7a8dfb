"""USER, PASS and AUTH: who the client is. RFC 1939 §7, RFC 5034."""

from collections.abc import Awaitable
from dataclasses import dataclass

from mailserver.auth.account import Account
from mailserver.auth.sasl import exchange
from mailserver.auth.sasl.exchange import Exchange
from mailserver.auth.sasl.mechanisms import MECHANISMS
from mailserver.errors import AuthenticationDelayed, AuthenticationFailed, PrivacyRequired, Refusal
from mailserver.pop3.refusals import code_of
from mailserver.pop3.row import Row
from mailserver.pop3.session import Ending, Session
from mailserver.pop3.states import AUTHORIZATION
from mailserver.pop3.wire import arguments, replies
from mailserver.pop3.wire.arguments import BadSyntax

MAX_FAILED_LOGINS = 5  # on one connection


class NoSuchMechanism(Refusal):
    text = "This mechanism is not supported"


@dataclass(frozen=True, slots=True)
class Auth:
    mechanism: str  # upper case; "" to ask which there are
    initial: bytes | None  # base64 as sent; None where the client waits for a challenge

    def __repr__(self) -> str:
        return f"Auth({self.mechanism})"  # no log, traceback or test output shows a password


def parse_auth(argument: bytes) -> Auth:
    """auth = "AUTH" [SP mechanism [SP initial-response]]; without one, as clients older than CAPA ask"""
    words = argument.split()
    if len(words) > 2:
        raise BadSyntax("Expected a mechanism and perhaps an initial response")
    mechanism = words[0].upper().decode("ascii", "replace") if words else ""
    return Auth(mechanism, words[1] if len(words) == 2 else None)


async def user(s: Session, username: str) -> bytes:
    """The same answer for every name, so that nobody learns which accounts exist."""
    _require_privacy(s)
    s.username = username
    return b"Name accepted, password please"


async def pass_(s: Session, password: str) -> bytes:
    """The whole rest of the line is the password, spaces included, RFC 1939 §7."""
    _require_privacy(s)
    if s.username is None:
        raise BadSyntax("Say USER first")
    username, s.username = s.username, None
    door, peer = s.around.authenticator, s.connection.peer
    return await _log_in(s, door.authenticate(username, password, protocol="pop3", peer=peer))


async def auth(s: Session, c: Auth) -> bytes | None:
    if not c.mechanism:
        names = [name.encode() for name in s.facts.mechanisms]
        s.write(replies.ok(b"Mechanisms follow") + replies.listing(names) + replies.END)
        return None
    mechanism = MECHANISMS.get(c.mechanism)
    if mechanism is None:
        raise NoSuchMechanism
    _require_privacy(s)
    try:
        initial = None if c.initial is None else exchange.initial(c.initial)
        return await _log_in(s, mechanism(_exchange(s, initial)))
    except exchange.Cancelled:
        raise BadSyntax("AUTH cancelled") from None
    except exchange.BadResponse as fault:
        raise BadSyntax(fault.text) from None


def _exchange(s: Session, initial: bytes | None) -> Exchange:
    door, connection = s.around.authenticator, s.connection
    told = s.facts.mechanisms
    return Exchange(door, "pop3", connection.peer, initial, lambda text: _ask(s, text), connection.bindings, told)


async def _ask(s: Session, challenge: bytes) -> bytes:
    return exchange.decode(await s.ask(exchange.encode(challenge)))


async def _log_in(s: Session, attempt: Awaitable[Account]) -> bytes:
    try:
        account = await attempt
    except (AuthenticationFailed, AuthenticationDelayed) as failed:
        s.failed_logins += 1
        if s.failed_logins >= MAX_FAILED_LOGINS:
            raise Ending(replies.err("Too many failed logins; closing connection", code_of(failed))) from None
        raise
    await s.enter(account)
    return b"%d messages (%d octets)" % (s.maildrop.count, s.maildrop.octets)


def _require_privacy(s: Session) -> None:
    if not s.may_log_in:
        raise PrivacyRequired


ROWS = {
    b"USER": Row(arguments.text, user, AUTHORIZATION),
    b"PASS": Row(arguments.text, pass_, AUTHORIZATION),
    b"AUTH": Row(parse_auth, auth, AUTHORIZATION),
}
