"""REPLACE: a new message in the place of one of the selected mailbox, in one step. RFC 8508."""

from mailserver.imap.append_input import AppendInput
from mailserver.imap.read_only import require_writable
from mailserver.imap.row import Row
from mailserver.imap.session import Session
from mailserver.imap.states import SELECTED
from mailserver.imap.uploads import Uploads
from mailserver.imap.wire.frames import AppendStart
from mailserver.imap.wire.reader import Reader
from mailserver.mail.sequence import STAR, SequenceSet
from mailserver.mailboxes.values import MessageGone


def parse(r: Reader) -> Reader:
    """A command without a message literal: all its octets come from URLs. Read while it runs."""
    return r


async def run(s: Session, r: Reader) -> bytes:
    return await _replace(s, AppendInput(s, r))


async def stream(s: Session, start: AppendStart) -> bytes:
    return await _replace(s, AppendInput(s, start.reader, start))


async def _replace(s: Session, i: AppendInput) -> bytes:
    """replace = "REPLACE" SP seq-number SP mailbox append-message

    Nothing is added where the message is gone. APPENDUID goes before the EXPUNGE, which follows as news (RFC 8508
    §4.3); only the difference of the sizes counts for the quota (§3.4).
    """
    i.reader.sp()
    number = STAR if i.reader.accept(b"*") else i.reader.nz_number()
    i.reader.sp()
    name = i.reader.mailbox()
    require_writable(s.selected)
    index, uid = s.selected.index, _uid(s, number, by_uid=i.reader.uid)
    async with Uploads(s, name, replaces=(index, uid)) as uploads:
        await uploads.receive(i)
        i.reader.end()
        appended = await s.mailboxes.replace(index, uid, s.user_id, name, *await uploads.staged())
    s.untagged(b"OK [APPENDUID %d %d] Replacement message ready" % (appended.uidvalidity, appended.uids[0]))
    s.telling.removals()
    return s.telling.modseq_code() + b"REPLACE completed"


def _uid(s: Session, number: int, *, by_uid: bool) -> int:
    found = s.selected.select(SequenceSet(((number, number),)), by_uid=by_uid)
    if not found:
        raise MessageGone("No such message")
    return found[0]


ROWS = {"REPLACE": Row(parse, run, SELECTED, uid=True, capability=b"REPLACE", stream=stream)}
