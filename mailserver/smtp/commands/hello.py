"""EHLO, HELO, STARTTLS: who the client says it is and what it may use. RFC 5321 §4.1.1.1, RFC 3207, RFC 9422."""

import re

from mailserver.smtp.commands import auth
from mailserver.smtp.connection import ConnectionLost
from mailserver.smtp.session import Session
from mailserver.smtp.wire import future_release, replies

# Lenient (RFC 5321 §4.1.4: a wrong name is no reason to refuse), but it will stand in a Received field.
_NAME = re.compile(rb"[!-~]{1,255}")

BAD_NAME = b"501 5.5.4 A host name or address literal is missing after the command\r\n"
NO_ARGUMENT = b"501 5.5.4 This command takes no argument\r\n"
TLS_NOT_OFFERED = b"502 5.5.1 STARTTLS is not available here\r\n"
TLS_ALREADY = b"503 5.5.1 TLS is active already\r\n"
TLS_READY = b"220 2.0.0 Ready to start TLS\r\n"


async def helo(s: Session, argument: bytes) -> bytes:
    if not _NAME.fullmatch(argument):
        return BAD_NAME
    await s.forget_transaction()
    s.greet(argument.decode(), esmtp=False)
    return f"250 {s.around.hostname}\r\n".encode()


async def ehlo(s: Session, argument: bytes) -> bytes:
    """Clears the transaction as RSET does, RFC 5321 §4.1.4."""
    if not _NAME.fullmatch(argument):
        return BAD_NAME
    await s.forget_transaction()
    s.greet(argument.decode(), esmtp=True)
    return replies.lines("250", [s.around.hostname, *extensions(s)])


def extensions(s: Session) -> list[str]:
    """What this client may use now; differs before and after TLS and AUTH."""
    config = s.config
    offered = [
        "PIPELINING",
        f"SIZE {config.max_message_octets}",
        "8BITMIME",
        "SMTPUTF8",
        "ENHANCEDSTATUSCODES",
        "CHUNKING",
        "DSN",
        f"LIMITS MAILMAX={config.max_messages} RCPTMAX={config.max_recipients}",
    ]
    if s.face.max_hold_seconds:
        offered.append(future_release.announced(s.clock.now(), s.face.max_hold_seconds))
    if s.tls is not None:
        offered.append("REQUIRETLS")
    if s.offers_tls:
        offered.append("STARTTLS")
    if s.may_log_in:
        offered.append(" ".join(("AUTH", *auth.offered_here(s))))
    return offered


async def starttls(s: Session, argument: bytes) -> bytes:
    if argument:
        return NO_ARGUMENT
    if s.tls is not None:
        return TLS_ALREADY
    context = s.around.tls()
    if not s.offers_tls or context is None:
        return TLS_NOT_OFFERED
    if s.has_input:
        raise ConnectionLost  # no reply: whoever slipped text in behind the command learns nothing
    await s.start_tls(context, TLS_READY)
    return b""
