"""UNAUTHENTICATE: back to before the login, on the same connection. RFC 8437."""

from mailserver.imap.row import Row, no_arguments
from mailserver.imap.session import Session
from mailserver.imap.states import AUTHENTICATED


async def run(s: Session, _: None) -> bytes:
    """Nothing is expunged; TLS and compression stay, they are the connection's and not the user's."""
    await s.log_out()
    return b"[CAPABILITY %b] UNAUTHENTICATE completed" % s.capabilities()


ROWS = {"UNAUTHENTICATE": Row(no_arguments, run, AUTHENTICATED, capability=b"UNAUTHENTICATE", on_deleted=True)}
