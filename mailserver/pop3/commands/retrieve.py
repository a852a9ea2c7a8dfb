"""RETR and TOP: a message, streamed in pieces. RFC 1939 §5, §7.

A message is given as it is stored, also one with UTF-8 in its header to a client that did not say UTF8: RFC 6856 §2.1
would have it downgraded or withheld, and every client in use shows it better as it is than not at all.
"""

from mailserver.mailboxes.files import MessageFile
from mailserver.pop3.row import Row
from mailserver.pop3.session import Session
from mailserver.pop3.states import TRANSACTION
from mailserver.pop3.wire import arguments, replies
from mailserver.pop3.wire.content import Stuffer, Top, Whole
from mailserver.serving.connection import ConnectionLost

PIECE_OCTETS = 65_536  # of a message read and sent at once; TOP counts its lines in one turn of the loop


async def retr(s: Session, number: int) -> None:
    """Sets \\Seen, where the configuration does not say otherwise; TOP, which is a look, never does."""
    file = await s.around.maildrops.read(s.maildrop, number)
    await _send(s, file, Whole(), b"%d octets" % file.size)
    if s.around.config.sets_seen:
        await s.around.maildrops.fetched(s.maildrop, number)


async def top(s: Session, wanted: tuple[int, int]) -> None:
    number, lines = wanted
    file = await s.around.maildrops.read(s.maildrop, number)
    await _send(s, file, Top(lines), b"Top of message follows")


async def _send(s: Session, file: MessageFile, part: Whole | Top, text: bytes) -> None:
    """A file that is short or can not be read ends the connection: the client must not take it for the whole."""
    stuffer = Stuffer()
    try:
        s.write(replies.ok(text))
        at = 0
        while at < file.size and not part.done:
            piece = await file.read(at, PIECE_OCTETS)
            if not piece:
                raise OSError("the file is shorter than the message")
            s.write(stuffer.feed(part.feed(piece)))
            at += len(piece)
            if s.connection.behind:
                await s.drain()
    except OSError as fault:
        s.connection.abort()
        raise ConnectionLost from fault
    finally:
        file.close()
    s.write(stuffer.finish())


ROWS = {
    b"RETR": Row(arguments.number, retr, TRANSACTION),
    b"TOP": Row(arguments.number_and_lines, top, TRANSACTION),
}
