"""CAPABILITY, NOOP, LOGOUT: legal always."""

from mailserver.imap.row import Row, no_arguments
from mailserver.imap.session import Session
from mailserver.imap.states import ANY, State


async def capability(s: Session, _: None) -> bytes:
    s.untagged(b"CAPABILITY " + s.capabilities())
    return b"CAPABILITY completed"


async def noop(_s: Session, _: None) -> bytes:
    """What happened meanwhile is told before every command's OK."""
    return b"NOOP completed"


async def logout(s: Session, _: None) -> bytes:
    await s.leave_mailbox()
    server = s.around.hostname if s.account else "IMAP server"
    s.untagged(b"BYE %b logging out" % server.encode("ascii", "replace"))
    s.state = State.LOGOUT
    return b"LOGOUT completed"


ROWS = {
    "CAPABILITY": Row(no_arguments, capability, ANY),
    "NOOP": Row(no_arguments, noop, ANY),
    "LOGOUT": Row(no_arguments, logout, ANY),
}
