"""USER, PASS and AUTH: who the client is. RFC 1939 §7, RFC 5034.

A further SASL mechanism is one function in MECHANISMS: from a way to ask the client and its initial response, None
where there is none, to what the client says it is.
"""

from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from mailserver.errors import AuthenticationDelayed, AuthenticationFailed, PrivacyRequired, Refusal
from mailserver.pop3.refusals import code_of
from mailserver.pop3.row import Row
from mailserver.pop3.session import Ending, Session
from mailserver.pop3.states import AUTHORIZATION
from mailserver.pop3.wire import arguments, replies, sasl
from mailserver.pop3.wire.arguments import BadSyntax

MAX_FAILED_LOGINS = 5  # on one connection


class NoSuchMechanism(Refusal):
    text = "This mechanism is not supported"


@dataclass(frozen=True, slots=True)
class Login:
    username: str
    password: str
    authzid: str = ""  # whom the client wants to act as, "" for itself

    def __repr__(self) -> str:
        return "Login(...)"  # no log, traceback or test output shows a password


@dataclass(frozen=True, slots=True)
class Auth:
    mechanism: bytes  # upper case; b"" to ask which there are
    initial: bytes | None


Ask = Callable[[bytes], Awaitable[bytes]]  # a challenge → the response, both without base64
Mechanism = Callable[[Ask, bytes | None], Awaitable[Login]]


def parse_auth(argument: bytes) -> Auth:
    """auth = "AUTH" [SP mechanism [SP initial-response]]; without one, as clients older than CAPA ask"""
    words = argument.split()
    if len(words) > 2:
        raise BadSyntax("Expected a mechanism and perhaps an initial response")
    mechanism = words[0].upper() if words else b""
    return Auth(mechanism, sasl.initial(words[1]) if len(words) == 2 else None)


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
    return await _log_in(s, Login(username, password))


async def auth(s: Session, c: Auth) -> bytes | None:
    if not c.mechanism:
        s.write(replies.ok(b"Mechanisms follow") + replies.listing(_offered(s)) + replies.END)
        return None
    mechanism = MECHANISMS.get(c.mechanism)
    if mechanism is None:
        raise NoSuchMechanism
    _require_privacy(s)
    return await _log_in(s, await mechanism(partial(_ask, s), c.initial))


async def _log_in(s: Session, login: Login) -> bytes:
    try:
        account = await s.around.authenticator.authenticate(
            login.username, login.password, protocol="pop3", peer=s.connection.peer, authzid=login.authzid
        )
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


def _offered(s: Session) -> tuple[bytes, ...]:
    return s.around.mechanisms if s.may_log_in else ()


async def _ask(s: Session, challenge: bytes) -> bytes:
    return sasl.decode(await s.ask(b64encode(challenge)))


# ---- mechanisms ----


async def _plain(ask: Ask, initial: bytes | None) -> Login:
    """authzid NUL authcid NUL password, RFC 4616; acting for somebody else is not supported."""
    fields = (await ask(b"") if initial is None else initial).split(b"\0")
    if len(fields) != 3:
        raise BadSyntax("Not a PLAIN response")
    authzid, authcid, password = map(arguments.utf8, fields)
    return Login(authcid, password, authzid)


async def _login(ask: Ask, initial: bytes | None) -> Login:
    """Two prompts; never standardised, still what old clients send."""
    username = await ask(b"Username:") if initial is None else initial
    return Login(arguments.utf8(username), arguments.utf8(await ask(b"Password:")))


MECHANISMS: dict[bytes, Mechanism] = {b"PLAIN": _plain, b"LOGIN": _login}

ROWS = {
    b"USER": Row(arguments.text, user, AUTHORIZATION),
    b"PASS": Row(arguments.text, pass_, AUTHORIZATION),
    b"AUTH": Row(parse_auth, auth, AUTHORIZATION),
}
