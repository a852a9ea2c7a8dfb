"""AUTH: the SASL mechanisms of the server. RFC 4954."""

from collections.abc import Awaitable

from mailserver.auth.account import Account
from mailserver.auth.sasl import exchange
from mailserver.auth.sasl.exchange import BadResponse, Exchange
from mailserver.auth.sasl.mechanisms import MECHANISMS, offered
from mailserver.errors import AuthenticationDelayed, AuthenticationFailed, PrivacyRequired
from mailserver.smtp.session import Session
from mailserver.smtp.wire.framing import LineTooLong
from mailserver.smtp.wire.replies import refused

MAX_FAILED_LOGINS = 5  # on one connection

LOGGED_IN = b"235 2.7.0 Authentication successful\r\n"
NOT_HERE = b"503 5.5.1 AUTH is not available on this port; use 465 or 587\r\n"
TWICE = b"503 5.5.1 Already authenticated\r\n"
IN_TRANSACTION = b"503 5.5.1 Not during a mail transaction\r\n"
NO_SUCH_MECHANISM = b"504 5.5.4 Mechanism not recognised; offered are %b\r\n"
ENOUGH = b"421 4.7.0 Too many failed logins; closing connection\r\n"


class ResponseTooLong(BadResponse):
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
    name, _, response = argument.partition(b" ")
    mechanism = MECHANISMS.get(name.upper().decode("ascii", "replace"))
    if mechanism is None:
        return NO_SUCH_MECHANISM % ", ".join(offered_here(s)).encode()
    response = response.strip(b" ")
    initial = exchange.initial(response) if response else None
    spoken = Exchange(
        s.around.authenticator, "smtp", s.peer_address, initial, lambda text: _ask(s, text), s.bindings, offered_here(s)
    )
    return await _log_in(s, mechanism(spoken))


def offered_here(s: Session) -> tuple[str, ...]:
    """The mechanisms this client is told of."""
    return offered(s.around.authenticator, s.bindings)


async def _log_in(s: Session, attempt: Awaitable[Account]) -> bytes:
    try:
        account = await attempt
    except (AuthenticationFailed, AuthenticationDelayed) as failed:
        s.failed_logins += 1
        if s.failed_logins < MAX_FAILED_LOGINS:
            raise
        s.send(refused(failed))
        s.hang_up(ENOUGH)
        return b""
    s.logged_in(account)
    return LOGGED_IN


async def _ask(s: Session, challenge: bytes) -> bytes:
    s.send(b"334 %b\r\n" % exchange.encode(challenge))
    try:
        return exchange.decode(await s.line(exchange.MAX_LINE))
    except LineTooLong:
        raise ResponseTooLong from None
