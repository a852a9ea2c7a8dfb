"""QUIT: the UPDATE state, where deletions happen. RFC 1939 §6."""

from mailserver.pop3.row import Row
from mailserver.pop3.session import Session
from mailserver.pop3.states import ANY, State
from mailserver.pop3.wire import arguments


async def run(s: Session, _: None) -> bytes:
    """The session ends in any case; -ERR says that nothing was deleted, and why."""
    was, s.state = s.state, State.ENDED
    if was is State.AUTHORIZATION:
        return b"Bye"
    await s.around.maildrops.delete(s.maildrop, s.around.config.deletions)
    return b"Bye, %d messages left" % s.maildrop.count


ROWS = {b"QUIT": Row(arguments.nothing, run, ANY)}
