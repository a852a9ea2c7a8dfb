"""EXPUNGE, and UID EXPUNGE of some UIDs only. RFC 9051 §6.4.3, RFC 4315 §2.1."""

from mailserver.imap.read_only import require_writable
from mailserver.imap.row import Row, no_arguments
from mailserver.imap.session import Session
from mailserver.imap.states import SELECTED
from mailserver.imap.wire.reader import Reader
from mailserver.mail.sequence import SequenceSet


def parse_uids(r: Reader) -> SequenceSet:
    """uid-expunge = "UID" SP "EXPUNGE" SP sequence-set"""
    r.sp()
    uids = r.sequence_set()
    r.end()
    return uids


async def expunge(s: Session, _: None) -> bytes:
    """The removals are told as every session hears of them, before the OK."""
    require_writable(s.selected)
    await s.mailboxes.expunge(s.user_id, s.selected.index, None)
    return b"EXPUNGE completed"


async def uid_expunge(s: Session, uids: SequenceSet) -> bytes:
    require_writable(s.selected)
    await s.mailboxes.expunge(s.user_id, s.selected.index, s.selected.select(uids, by_uid=True))
    return b"UID EXPUNGE completed"


ROWS = {
    "EXPUNGE": Row(no_arguments, expunge, SELECTED),
    "UID EXPUNGE": Row(parse_uids, uid_expunge, SELECTED, capability=b"UIDPLUS"),
}
