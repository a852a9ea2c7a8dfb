"""UIDBATCHES: UID ranges that cut the mailbox in pieces of about the same number of messages. RFC 10022."""

from dataclasses import dataclass

from mailserver.errors import Refusal
from mailserver.imap import message_limit
from mailserver.imap.row import Row
from mailserver.imap.session import Session
from mailserver.imap.states import SELECTED
from mailserver.imap.view import View
from mailserver.imap.wire import writer
from mailserver.imap.wire.reader import ClientBug, Reader

LEAST = 500  # messages of a batch: smaller ones cost a client more commands than they save
MOST = 100_000  # messages that one command may ask about when it names batches


class TooFew(Refusal):
    imap, text = "TOOFEW", f"A batch has at least {LEAST} messages"


class TooMany(Refusal):
    imap, text = "TOOMANY", f"At most {MOST} messages may be asked about at once"


@dataclass(frozen=True, slots=True)
class UidBatches:
    size: int  # messages in a batch
    first: int = 1  # batch, counted from the newest messages on
    last: int | None = None  # None: all that there are


def parse(r: Reader) -> UidBatches:
    """uidbatches = "UIDBATCHES" SP nz-number [SP nz-number ":" nz-number]"""
    r.sp()
    size = r.nz_number()
    if not r.accept(b" "):
        r.end()
        return UidBatches(size)
    first = r.nz_number()
    r.expect(b":")
    last = r.nz_number()
    r.end()
    if first > last:
        raise ClientBug("The first batch comes before the last")
    return UidBatches(size, first, last)


async def run(s: Session, c: UidBatches) -> bytes:
    if c.size < LEAST:
        raise TooFew
    if c.last is not None and (c.last - c.first + 1) * c.size > max(MOST, c.size):
        raise TooMany
    limit = message_limit.of(s)
    ranges = batches(s.selected, min(c.size, limit) if limit else c.size, c.first, c.last)
    told = b",".join(b"%d:%d" % pair for pair in ranges)
    s.untagged(b"UIDBATCHES (TAG %b)" % writer.string(s.tag) + (b" " + told if told else b""))
    return b"UIDBATCHES completed"


def batches(view: View, size: int, first: int, last: int | None) -> list[tuple[int, int]]:
    """(highest UID, lowest UID) each, the newest first; they touch, so that no UID is in none of them.

    The last one reaches down to 1, whether a message is there or not.
    """
    count = -(-view.length // size)
    wanted = range(first, min(count, last or count) + 1)
    return [(_lowest(view, number - 1, size, count) - 1, _lowest(view, number, size, count)) for number in wanted]


def _lowest(view: View, number: int, size: int, count: int) -> int:
    """The lowest UID of a batch; "batch 0" begins above the newest message."""
    if number == 0:
        return view.uids[view.length - 1] + 1
    return 1 if number == count else view.uids[view.length - number * size]


ROWS = {"UIDBATCHES": Row(parse, run, SELECTED, capability=b"UIDBATCHES")}
