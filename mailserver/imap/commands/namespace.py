"""NAMESPACE: one's own mailboxes, and those that others share. RFC 2342.

The second is told whether anything is shared or not: a client asks once and keeps what it heard.
"""

from mailserver.imap.row import Row, no_arguments
from mailserver.imap.session import Session
from mailserver.imap.states import AUTHENTICATED
from mailserver.mailboxes.names import OTHER_USERS, SEPARATOR


async def run(s: Session, _: None) -> bytes:
    others = f'"{OTHER_USERS}{SEPARATOR}" "{SEPARATOR}"'.encode("ascii")
    s.untagged(b'NAMESPACE (("" "/")) ((%b)) NIL' % others)
    return b"NAMESPACE completed"


ROWS = {"NAMESPACE": Row(no_arguments, run, AUTHENTICATED, capability=b"NAMESPACE")}
