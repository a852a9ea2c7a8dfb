"""COPY and MOVE: all of the messages or none. RFC 9051 §6.4.7, §6.4.8, RFC 4315 §3."""

from dataclasses import dataclass

from mailserver.imap import message_limit
from mailserver.imap.read_only import require_writable
from mailserver.imap.row import Row
from mailserver.imap.session import Session
from mailserver.imap.states import SELECTED
from mailserver.imap.wire.reader import Reader
from mailserver.mail.sequence import SequenceSet, wire
from mailserver.mailboxes.values import Copied


@dataclass(frozen=True, slots=True)
class Transfer:
    messages: SequenceSet  # numbers, or UIDs
    by_uid: bool
    target: str  # mailbox name


def parse(r: Reader) -> Transfer:
    """copy = "COPY" SP sequence-set SP mailbox; move the same"""
    r.sp()
    messages = r.sequence_set()
    r.sp()
    target = r.mailbox()
    r.end()
    return Transfer(messages, r.uid, target)


async def copy(s: Session, c: Transfer) -> bytes:
    """NO [TRYCREATE] where the target is missing."""
    uids = s.selected.select(c.messages, by_uid=c.by_uid)
    if not uids:
        return b"COPY completed: no such messages"
    message_limit.require_within(s, len(uids))
    copied = await s.mailboxes.copy(s.user_id, s.selected.index, uids, c.target)
    return b"[%b] COPY completed" % copyuid(copied)


async def move(s: Session, c: Transfer) -> bytes:
    """COPYUID goes before the EXPUNGEs. RFC 6851 §4.3, with QRESYNC §4.4."""
    view = s.selected
    require_writable(view)
    uids, limited = message_limit.newest(s, view.select(c.messages, by_uid=c.by_uid))
    if not uids:
        return b"MOVE completed: no such messages"
    moved = await s.mailboxes.move(s.user_id, view.index, uids, c.target)
    s.untagged(b"OK [%b] Moved" % copyuid(moved))
    s.telling.removals()
    return message_limit.told(s, limited, s.telling.modseq_code()) + b"MOVE completed"


def copyuid(copied: Copied) -> bytes:
    """The n-th UID of the first set became the n-th of the second."""
    return b"COPYUID %d %b %b" % (copied.uidvalidity, wire(copied.source_uids), wire(copied.target_uids))


ROWS = {
    "COPY": Row(parse, copy, SELECTED, uid=True, reports=True),
    "MOVE": Row(parse, move, SELECTED, uid=True, reports=True, capability=b"MOVE"),
}
