"""SELECT and EXAMINE: which mailbox the commands are about. RFC 9051 §6.3.2, RFC 3501 §6.3.1, RFC 7162 §3.2.5."""

from dataclasses import dataclass

from mailserver.imap import resync
from mailserver.imap.commands.fetch import send_items
from mailserver.imap.row import Row
from mailserver.imap.session import Session
from mailserver.imap.states import AUTHENTICATED
from mailserver.imap.view import View
from mailserver.imap.wire import object_ids, select_items, writer
from mailserver.imap.wire.fetch_items import Attribute
from mailserver.imap.wire.reader import BadSyntax, Reader
from mailserver.imap.wire.select_items import KnownState, SelectParameters
from mailserver.mail.sequence import within
from mailserver.mailboxes import names

RESYNC_ITEMS = (Attribute.UID, Attribute.FLAGS, Attribute.MODSEQ)


@dataclass(frozen=True, slots=True)
class Select:
    name: str
    spelling: str  # of the name, as the client has it
    parameters: SelectParameters
    read_only: bool


def parse(r: Reader) -> Select:
    """select = "SELECT" SP mailbox [select-params]"""
    r.sp()
    name, spelling = r.mailbox_and_spelling()
    parameters = select_items.parse(r)
    r.end()
    return Select(name, spelling, parameters, read_only=r.name == "EXAMINE")


async def run(s: Session, c: Select) -> bytes:
    """The mailbox selected before is left first, also when the new one does not exist."""
    known = c.parameters.known
    if known is not None and not s.qresync:
        raise BadSyntax("QRESYNC needs ENABLE QRESYNC")
    await _leave(s)
    if c.parameters.condstore:
        s.need_condstore()
    index, first_recent = await s.mailboxes.select(s.user_id, c.name, claim_recent=not c.read_only)
    view = s.enter_mailbox(index, first_recent, read_only=c.read_only)
    _describe(s, view, c)
    if known is not None and known.uidvalidity == index.mailbox.uidvalidity:
        await _resync(s, view, known)
    if c.read_only:
        return b"[READ-ONLY] EXAMINE completed"
    return b"[READ-WRITE] SELECT completed" if view.may_change else b"[READ-ONLY] SELECT completed"


async def _leave(s: Session) -> None:
    """CLOSED parts what is said of the one mailbox from what is said of the other. RFC 7162 §3.2.11."""
    if s.view is None:
        return
    await s.leave_mailbox()
    if s.condstore or s.rev2:
        s.untagged(b"OK [CLOSED] Previous mailbox is now closed")


def _describe(s: Session, view: View, c: Select) -> None:
    index = view.index
    for line in view.flags_lines():
        s.write(line)
    s.untagged(b"%d EXISTS" % view.length)
    if not s.rev2:
        s.untagged(b"%d RECENT" % view.recent_count())
    unseen = 0 if s.rev2 or s.uid_only else index.first_unseen()
    if unseen:
        s.untagged(b"OK [UNSEEN %d] First unseen message" % unseen)
    s.untagged(b"OK [UIDVALIDITY %d] UIDs are valid" % index.mailbox.uidvalidity)
    s.untagged(b"OK [UIDNEXT %d] Next UID" % index.uidnext)
    s.untagged(b"OK [MAILBOXID (%b)] The same for ever" % object_ids.mailbox_id(index.mailbox.id))  # RFC 8474 §4.2
    s.untagged(b"OK [HIGHESTMODSEQ %d] Highest change number" % index.highestmodseq)
    if s.rev2:
        s.untagged(_list_line(s, view, c))


def _list_line(s: Session, view: View, c: Select) -> bytes:
    """Names the mailbox as the server does; OLDNAME where the client does otherwise. RFC 9051 §6.3.2, §6.3.9.7."""
    mailbox, name = view.index.mailbox, names.canonical(c.name)
    own_use = mailbox.special_use if mailbox.user_id == s.user_id else None
    line = b'LIST %b "/" %b' % (writer.atoms([own_use] if own_use else []), s.name(name))
    return line if c.spelling == name else line + b' ("OLDNAME" (%b))' % s.name(c.spelling)


async def _resync(s: Session, view: View, known: KnownState) -> None:
    """VANISHED first: a client that reads FETCH of a message it thinks is gone is confused. RFC 7162 §3.2.6."""
    changes = await s.mailboxes.changes_since(view.index, known.modseq)
    uids = resync.known_uids(view, known)
    doubtful = resync.beyond_match(view, known, uids) if changes.vanished is None else uids
    await resync.tell_vanished(s, changes, doubtful)
    lost = known.modseq > view.index.highestmodseq  # what the client knows of flags is not what they are
    changed = view.uids[: view.length] if lost else changes.changed
    await send_items(s, RESYNC_ITEMS, view.numbers(within(changed, uids)))


ROWS = {"SELECT": Row(parse, run, AUTHENTICATED), "EXAMINE": Row(parse, run, AUTHENTICATED)}
