"""STAT, LIST and UIDL: answered from the picture of the login; no file is opened. RFC 1939 §5, §7."""

from collections.abc import Callable
from itertools import islice

from mailserver.pop3.maildrop import Maildrop
from mailserver.pop3.row import Row
from mailserver.pop3.session import Session
from mailserver.pop3.states import TRANSACTION
from mailserver.pop3.wire import arguments, replies

CHUNK = 1000  # lines made in one turn of the loop

Line = Callable[[Maildrop, int], bytes]


async def stat(s: Session, _: None) -> bytes:
    return b"%d %d" % (s.maildrop.count, s.maildrop.octets)


async def list_(s: Session, number: int | None) -> bytes | None:
    return await _told(s, number, _size_line)


async def uidl(s: Session, number: int | None) -> bytes | None:
    return await _told(s, number, _uid_line)


async def _told(s: Session, number: int | None, line: Line) -> bytes | None:
    """Of one message in the status line, of all in lines of their own."""
    drop = s.maildrop
    if number is not None:
        return line(drop, drop.require(number))
    s.write(replies.ok(b"%d messages (%d octets)" % (drop.count, drop.octets)))
    numbers = drop.numbers()
    while chosen := list(islice(numbers, CHUNK)):
        s.write(replies.listing(line(drop, each) for each in chosen))
        await s.drain()
    s.write(replies.END)
    return None


def _size_line(drop: Maildrop, number: int) -> bytes:
    return b"%d %d" % (number, drop.size(number))


def _uid_line(drop: Maildrop, number: int) -> bytes:
    return b"%d %b" % (number, drop.unique_id(number))


ROWS = {
    b"STAT": Row(arguments.nothing, stat, TRANSACTION),
    b"LIST": Row(arguments.number_or_nothing, list_, TRANSACTION),
    b"UIDL": Row(arguments.number_or_nothing, uidl, TRANSACTION),
}
