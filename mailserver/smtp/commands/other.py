"""NOOP, QUIT, HELP, and VRFY and EXPN, which tell nothing. RFC 5321 §3.5, §7.3."""

from mailserver.smtp.session import Session


async def noop(s: Session, argument: bytes) -> bytes:
    return b"250 2.0.0 Ok\r\n"


async def quit_(s: Session, argument: bytes) -> bytes:
    if argument:
        return b"501 5.5.4 QUIT takes no argument\r\n"
    s.hang_up(b"221 2.0.0 Bye\r\n")
    return b""


async def help_(s: Session, argument: bytes) -> bytes:
    return b"214 2.0.0 EHLO MAIL RCPT DATA BDAT RSET NOOP VRFY STARTTLS AUTH QUIT: see RFC 5321\r\n"


async def vrfy(s: Session, argument: bytes) -> bytes:
    """The same for everybody, without a look: who exists is nobody's business."""
    if not argument:
        return b"501 5.5.4 Syntax: VRFY address\r\n"
    return b"252 2.1.5 Cannot verify; send mail and see\r\n"


async def expn(s: Session, argument: bytes) -> bytes:
    return b"502 5.5.1 EXPN is not available\r\n"
