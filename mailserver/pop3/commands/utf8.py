"""UTF8: the client can take UTF-8 in headers. RFC 6856 §2."""

from mailserver.pop3.row import Row
from mailserver.pop3.session import Session
from mailserver.pop3.states import AUTHORIZATION
from mailserver.pop3.wire import arguments


async def run(s: Session, _: None) -> bytes:
    """Changes nothing: messages are given as they are stored to everybody, see commands/retrieve.py."""
    return b"UTF-8 is used"


ROWS = {b"UTF8": Row(arguments.nothing, run, AUTHORIZATION)}
