"""SELECT and EXAMINE: which mailbox the commands are about. RFC 3501 §6.3.1, RFC 7162 §3.1.8."""

from dataclasses import dataclass

from mailserver.imap.row import Row
from mailserver.imap.session import Session
from mailserver.imap.states import AUTHENTICATED
from mailserver.imap.view import View
from mailserver.imap.wire import object_ids, select_items
from mailserver.imap.wire.reader import Reader
from mailserver.imap.wire.select_items import SelectParameters


@dataclass(frozen=True, slots=True)
class Select:
    name: str
    parameters: SelectParameters
    read_only: bool


def parse(r: Reader) -> Select:
    """select = "SELECT" SP mailbox [select-params]"""
    r.sp()
    name = r.mailbox()
    parameters = select_items.parse(r)
    r.end()
    return Select(name, parameters, read_only=r.name == "EXAMINE")


async def run(s: Session, c: Select) -> bytes:
    """The mailbox selected before is left first, also when the new one does not exist."""
    await s.leave_mailbox()
    if c.parameters.condstore and s.can(b"CONDSTORE"):
        s.enabled.add("CONDSTORE")
    index, first_recent = await s.mailboxes.select(s.user_id, c.name, claim_recent=not c.read_only)
    view = s.enter_mailbox(index, first_recent, read_only=c.read_only)
    _describe(s, view)
    if c.read_only:
        return b"[READ-ONLY] EXAMINE completed"
    return b"[READ-WRITE] SELECT completed" if view.may_change else b"[READ-ONLY] SELECT completed"


def _describe(s: Session, view: View) -> None:
    index = view.index
    for line in view.flags_lines():
        s.write(line)
    s.untagged(b"%d EXISTS" % view.length)
    s.untagged(b"%d RECENT" % view.recent_count())
    unseen = index.first_unseen()
    if unseen:
        s.untagged(b"OK [UNSEEN %d] First unseen message" % unseen)
    s.untagged(b"OK [UIDVALIDITY %d] UIDs are valid" % index.mailbox.uidvalidity)
    s.untagged(b"OK [UIDNEXT %d] Next UID" % index.uidnext)
    s.untagged(b"OK [MAILBOXID (%b)] The same for ever" % object_ids.mailbox_id(index.mailbox.id))  # RFC 8474 §4.2
    s.untagged(b"OK [HIGHESTMODSEQ %d] Highest change number" % index.highestmodseq)


ROWS = {"SELECT": Row(parse, run, AUTHENTICATED), "EXAMINE": Row(parse, run, AUTHENTICATED)}
