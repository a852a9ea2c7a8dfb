"""LOGIN and AUTHENTICATE: who the client is. RFC 9051 §6.2.2, §6.2.3; SASL-IR, RFC 4959.

A further SASL mechanism is one function in MECHANISMS.
"""

import base64
import binascii
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mailserver.errors import AuthenticationDelayed, AuthenticationFailed, PrivacyRequired, Refusal
from mailserver.imap.row import Row
from mailserver.imap.session import Ending, Session
from mailserver.imap.states import NOT_AUTHENTICATED
from mailserver.imap.wire.reader import BadSyntax, Reader

MAX_CREDENTIAL_OCTETS = 1024  # of a user name or a password
MAX_FAILED_LOGINS = 5  # on one connection


class NoSuchMechanism(Refusal):
    imap, text = "CANNOT", "This mechanism is not supported"


@dataclass(frozen=True, slots=True)
class Login:
    username: str
    password: str
    authzid: str = ""  # whom the client wants to act as, "" for itself


@dataclass(frozen=True, slots=True)
class Authenticate:
    mechanism: str
    initial_response: bytes | None  # base64 as sent; None where the client waits for a challenge


def parse_login(r: Reader) -> Login:
    """login = "LOGIN" SP userid SP password"""
    r.sp()
    username = _text(r.astring())
    r.sp()
    password = _text(r.astring())
    r.end()
    return Login(username, password)


def parse_authenticate(r: Reader) -> Authenticate:
    """authenticate = "AUTHENTICATE" SP auth-type [SP (base64 / "=")]"""
    r.sp()
    mechanism = r.word()
    initial = None
    if not r.at_end():
        r.sp()
        initial = r.atom()
    return Authenticate(mechanism, initial)


async def login(s: Session, c: Login) -> bytes:
    return await _log_in(s, c, b"LOGIN completed")


async def authenticate(s: Session, c: Authenticate) -> bytes:
    mechanism = MECHANISMS.get(c.mechanism)
    if mechanism is None:
        raise NoSuchMechanism
    _require_privacy(s)
    return await _log_in(s, await mechanism(s, c.initial_response), b"AUTHENTICATE completed")


async def _log_in(s: Session, c: Login, done: bytes) -> bytes:
    _require_privacy(s)
    try:
        account = await s.around.authenticator.authenticate(
            c.username, c.password, protocol="imap", peer=s.connection.peer, authzid=c.authzid
        )
    except (AuthenticationFailed, AuthenticationDelayed):
        s.failed_logins += 1
        if s.failed_logins >= MAX_FAILED_LOGINS:
            raise Ending(b"[UNAVAILABLE] Too many failed logins") from None
        raise
    s.log_in(account)
    return b"[CAPABILITY %b] %b" % (s.capabilities(), done)


def _require_privacy(s: Session) -> None:
    if not s.may_log_in:
        raise PrivacyRequired


def _text(octets: bytes) -> str:
    """Credentials are UTF-8; whatever is not can not be right, and fails like a wrong password."""
    if len(octets) > MAX_CREDENTIAL_OCTETS:
        raise BadSyntax("User name or password too long")
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return "\0"


# ---- mechanisms: from the initial response, if any, to what the client says it is ----


async def _plain(s: Session, initial: bytes | None) -> Login:
    """authzid NUL authcid NUL password, RFC 4616; acting for somebody else is not supported."""
    response = _decode(initial if initial is not None else await s.ask(b""))
    fields = response.split(b"\0")
    if len(fields) != 3:
        raise BadSyntax("Not a PLAIN response")
    authzid, authcid, password = map(_text, fields)
    return Login(authcid, password, authzid)


async def _login(s: Session, initial: bytes | None) -> Login:
    """Two prompts; never standardised, still what old clients send."""
    username = _decode(initial if initial is not None else await s.ask(base64.b64encode(b"Username:")))
    password = _decode(await s.ask(base64.b64encode(b"Password:")))
    return Login(_text(username), _text(password))


def _decode(line: bytes) -> bytes:
    if line == b"*":
        raise BadSyntax("AUTHENTICATE cancelled")
    if line == b"=":  # an empty initial response, RFC 4959 §3
        return b""
    try:
        return base64.b64decode(line, validate=True)
    except binascii.Error:
        raise BadSyntax("Not base64") from None


MECHANISMS: dict[str, Callable[[Session, bytes | None], Awaitable[Login]]] = {
    "PLAIN": _plain,
    "LOGIN": _login,
}

ROWS = {
    "LOGIN": Row(parse_login, login, NOT_AUTHENTICATED),
    "AUTHENTICATE": Row(parse_authenticate, authenticate, NOT_AUTHENTICATED),
}
