"""AUTH: PLAIN and LOGIN. RFC 4954, RFC 4616."""

from collections.abc import Awaitable, Callable, Mapping

from mailserver.errors import AuthenticationDelayed, AuthenticationFailed, PrivacyRequired
from mailserver.smtp.session import Session
from mailserver.smtp.wire import sasl
from mailserver.smtp.wire.framing import LineTooLong
from mailserver.smtp.wire.replies import refused

MAX_FAILED_LOGINS = 5  # on one connection

LOGGED_IN = b"235 2.7.0 Authentication successful\r\n"
NOT_HERE = b"503 5.5.1 AUTH is not available on this port; use 465 or 587\r\n"
TWICE = b"503 5.5.1 Already authenticated\r\n"
IN_TRANSACTION = b"503 5.5.1 Not during a mail transaction\r\n"
NO_SUCH_MECHANISM = b"504 5.5.4 Mechanism not recognised; PLAIN and LOGIN are\r\n"
ENOUGH = b"421 4.7.0 Too many failed logins; closing connection\r\n"


class ResponseTooLong(sasl.BadResponse):
    smtp, text = "500 5.5.6", "Authentication exchange line is too long"


async def auth(s: Session, argument: bytes) -> bytes:
    if not s.face.logs_in:
        return NOT_HERE
    if s.account is not None:
        return TWICE
    if s.transaction is not None:
        return IN_TRANSACTION
    if not s.may_log_in:
        raise PrivacyRequired
    mechanism, _, response = argument.partition(b" ")
    exchange = _MECHANISMS.get(mechanism.upper())
    if exchange is None:
        return NO_SUCH_MECHANISM
    return await _log_in(s, await exchange(s, response.strip(b" ")))


async def _log_in(s: Session, login: sasl.Login) -> bytes:
    try:
        account = await s.around.authenticator.authenticate(
            login.username, login.password, protocol="smtp", peer=s.peer_address, authzid=login.authzid
        )
    except (AuthenticationFailed, AuthenticationDelayed) as failed:
        s.failed_logins += 1
        if s.failed_logins < MAX_FAILED_LOGINS:
            raise
        s.send(refused(failed))
        s.hang_up(ENOUGH)
        return b""
    s.logged_in(account)
    return LOGGED_IN


async def _plain(s: Session, response: bytes) -> sasl.Login:
    message = sasl.initial(response) if response else await _ask(s, sasl.EMPTY_CHALLENGE)
    return sasl.plain(message)


async def _login(s: Session, response: bytes) -> sasl.Login:
    username = sasl.initial(response) if response else await _ask(s, sasl.USERNAME_CHALLENGE)
    return sasl.login(username, await _ask(s, sasl.PASSWORD_CHALLENGE))


async def _ask(s: Session, challenge: bytes) -> bytes:
    s.send(challenge)
    try:
        return sasl.decode(await s.line(sasl.MAX_LINE))
    except LineTooLong:
        raise ResponseTooLong from None


_MECHANISMS: Mapping[bytes, Callable[[Session, bytes], Awaitable[sasl.Login]]] = {
    b"PLAIN": _plain,
    b"LOGIN": _login,
}
