"""CLOSE, UNSELECT and CHECK. RFC 9051 §6.4.1, §6.4.2, RFC 3501 §6.4.1."""

from mailserver.imap.row import Row, no_arguments
from mailserver.imap.session import Session
from mailserver.imap.states import SELECTED


async def close(s: Session, _: None) -> bytes:
    """Expunges without telling; after EXAMINE nothing is removed."""
    view = s.selected
    if not view.read_only and not view.gone and "e" in view.rights:  # without it nothing is said, RFC 4314 §4
        await s.mailboxes.expunge(s.user_id, view.index, None)
    await s.leave_mailbox()
    return b"CLOSE completed"


async def unselect(s: Session, _: None) -> bytes:
    await s.leave_mailbox()
    return b"UNSELECT completed"


async def check(_s: Session, _: None) -> bytes:
    """Every change is durable when it is answered; there is nothing left to do."""
    return b"CHECK completed"


ROWS = {
    "CLOSE": Row(no_arguments, close, SELECTED, on_deleted=True),
    "UNSELECT": Row(no_arguments, unselect, SELECTED, capability=b"UNSELECT", on_deleted=True),
    "CHECK": Row(no_arguments, check, SELECTED),
}
