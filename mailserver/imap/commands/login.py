"""LOGIN and AUTHENTICATE: who the client is. RFC 9051 §6.2.2, §6.2.3; SASL-IR, RFC 4959."""

from collections.abc import Awaitable
from dataclasses import dataclass

from mailserver.auth.account import Account
from mailserver.auth.sasl import exchange
from mailserver.auth.sasl.exchange import Exchange
from mailserver.auth.sasl.mechanisms import MECHANISMS
from mailserver.errors import AuthenticationDelayed, AuthenticationFailed, PrivacyRequired, Refusal
from mailserver.imap.intake import Ending
from mailserver.imap.row import Row
from mailserver.imap.session import Session
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

    def __repr__(self) -> str:
        return "Login(...)"  # no log, traceback or test output shows a password


@dataclass(frozen=True, slots=True)
class Authenticate:
    mechanism: str
    initial_response: bytes | None  # base64 as sent; None where the client waits for a challenge

    def __repr__(self) -> str:
        return f"Authenticate({self.mechanism})"


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
    _require_privacy(s)
    door, peer = s.around.authenticator, s.connection.peer
    return await _log_in(s, door.authenticate(c.username, c.password, protocol="imap", peer=peer), b"LOGIN completed")


async def authenticate(s: Session, c: Authenticate) -> bytes:
    mechanism = MECHANISMS.get(c.mechanism)
    if mechanism is None or s.is_off(f"AUTH={c.mechanism}"):
        raise NoSuchMechanism
    _require_privacy(s)
    try:
        initial = None if c.initial_response is None else exchange.initial(c.initial_response)
        return await _log_in(s, mechanism(_exchange(s, initial)), b"AUTHENTICATE completed")
    except exchange.Cancelled:
        raise BadSyntax("AUTHENTICATE cancelled") from None
    except exchange.BadResponse as fault:
        raise BadSyntax(fault.text) from None


def _exchange(s: Session, initial: bytes | None) -> Exchange:
    told = tuple(name for name in MECHANISMS if s.can(b"AUTH=" + name.encode()))
    door, connection = s.around.authenticator, s.connection
    return Exchange(door, "imap", connection.peer, initial, lambda text: _ask(s, text), connection.bindings, told)


async def _ask(s: Session, challenge: bytes) -> bytes:
    return exchange.decode(await s.intake.ask(exchange.encode(challenge)))


async def _log_in(s: Session, attempt: Awaitable[Account], done: bytes) -> bytes:
    try:
        account = await attempt
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


ROWS = {
    "LOGIN": Row(parse_login, login, NOT_AUTHENTICATED),
    "AUTHENTICATE": Row(parse_authenticate, authenticate, NOT_AUTHENTICATED),
}
