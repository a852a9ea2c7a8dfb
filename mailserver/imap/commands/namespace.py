"""NAMESPACE: one personal namespace, nothing shared. RFC 2342."""

from mailserver.imap.row import Row, no_arguments
from mailserver.imap.session import Session
from mailserver.imap.states import AUTHENTICATED


async def run(s: Session, _: None) -> bytes:
    s.untagged(b'NAMESPACE (("" "/")) NIL NIL')
    return b"NAMESPACE completed"


ROWS = {"NAMESPACE": Row(no_arguments, run, AUTHENTICATED, capability=b"NAMESPACE")}
