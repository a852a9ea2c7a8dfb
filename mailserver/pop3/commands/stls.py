"""STLS: the rest of the session inside TLS, as if it began anew. RFC 2595 §4."""

from mailserver.pop3.row import Row
from mailserver.pop3.session import Session
from mailserver.pop3.states import AUTHORIZATION
from mailserver.pop3.wire import arguments
from mailserver.pop3.wire.arguments import BadSyntax


async def run(s: Session, _: None) -> bytes:
    """The session answers +OK and starts TLS after it, see Session._secure."""
    if s.connection.secure:
        raise BadSyntax("TLS is active already")
    if not s.offers_tls:
        raise BadSyntax("TLS is not offered here")
    s.secure_after_reply = True
    return b"Begin TLS negotiation now"


ROWS = {b"STLS": Row(arguments.nothing, run, AUTHORIZATION)}
