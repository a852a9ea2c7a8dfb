"""DELE, RSET and NOOP. Marks live in the session only: nothing is deleted before QUIT. RFC 1939 §5."""

from mailserver.pop3.row import Row
from mailserver.pop3.session import Session
from mailserver.pop3.states import TRANSACTION
from mailserver.pop3.wire import arguments


async def dele(s: Session, number: int) -> bytes:
    s.maildrop.delete(s.maildrop.require(number))
    return b"Message %d will be deleted by QUIT" % number


async def rset(s: Session, _: None) -> bytes:
    s.maildrop.reset()
    return b"%d messages (%d octets)" % (s.maildrop.count, s.maildrop.octets)


async def noop(s: Session, _: None) -> bytes:
    return b""


ROWS = {
    b"DELE": Row(arguments.number, dele, TRANSACTION),
    b"RSET": Row(arguments.nothing, rset, TRANSACTION),
    b"NOOP": Row(arguments.nothing, noop, TRANSACTION),
}
