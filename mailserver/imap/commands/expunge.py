"""EXPUNGE, and UID EXPUNGE of some UIDs only. RFC 9051 §6.4.3, RFC 4315 §2.1."""

from mailserver.imap import message_limit
from mailserver.imap.read_only import require_writable
from mailserver.imap.row import Row, no_arguments
from mailserver.imap.session import Session
from mailserver.imap.states import SELECTED
from mailserver.imap.view import View
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
    removed = await s.mailboxes.expunge(s.user_id, s.selected.index, None)
    await s.mailboxes.require_expunged(s.selected.index, None)
    return _done(s, removed, b"EXPUNGE completed")


async def uid_expunge(s: Session, uids: SequenceSet) -> bytes:
    require_writable(s.selected)
    chosen, limited = message_limit.newest(s, _deleted(s.selected, s.selected.select(uids, by_uid=True)))
    removed = await s.mailboxes.expunge(s.user_id, s.selected.index, chosen)
    await s.mailboxes.require_expunged(s.selected.index, chosen)
    return _done(s, removed, b"UID EXPUNGE completed", limited)


def _deleted(view: View, uids: list[int]) -> list[int]:
    index = view.index
    positions = ((uid, index.position(uid)) for uid in uids)
    return [uid for uid, position in positions if position is not None and index.flags[position].deleted]


def _done(s: Session, removed: list[int], text: bytes, limited: bytes = b"") -> bytes:
    s.telling.removals()
    return message_limit.told(s, limited, s.telling.modseq_code() if removed else b"") + text


ROWS = {
    "EXPUNGE": Row(no_arguments, expunge, SELECTED, reports=True),
    "UID EXPUNGE": Row(parse_uids, uid_expunge, SELECTED, reports=True, capability=b"UIDPLUS"),
}
