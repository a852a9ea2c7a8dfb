"""STARTTLS: the rest of the session inside TLS, as if it began anew. RFC 9051 §6.2.1."""

from mailserver.imap.row import Row, no_arguments
from mailserver.imap.session import Session
from mailserver.imap.states import NOT_AUTHENTICATED
from mailserver.imap.wire.reader import BadSyntax


async def run(s: Session, _: None) -> bytes:
    """The session answers OK and starts TLS after it, see Session._secure."""
    if not s.offers_tls:
        raise BadSyntax("TLS is not offered here")
    s.secure_after_reply = True
    return b"Begin TLS negotiation now"


ROWS = {"STARTTLS": Row(no_arguments, run, NOT_AUTHENTICATED)}
