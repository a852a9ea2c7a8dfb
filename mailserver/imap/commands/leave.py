"""CLOSE, UNSELECT and CHECK. RFC 9051 §6.4.1, §6.4.2, RFC 3501 §6.4.1."""

from mailserver.imap.row import Row, no_arguments
from mailserver.imap.session import Session
from mailserver.imap.states import SELECTED


async def close(s: Session, _: None) -> bytes:
    """Expunges without telling; after EXAMINE nothing is removed.

    HIGHESTMODSEQ is told where the client knows everything else: what it takes for its own it never asks for again.
    """
    view, code = s.selected, b""
    if not view.read_only and not view.gone and "e" in view.rights:  # without it nothing is said, RFC 4314 §4
        s.telling.news(expunge=True)
        removed = await s.mailboxes.expunge(s.user_id, view.index, None)
        code = s.telling.modseq_code() if removed and view.is_behind_only_by(removed) else b""
    await s.leave_mailbox()
    return code + b"CLOSE completed"


async def unselect(s: Session, _: None) -> bytes:
    await s.leave_mailbox()
    return b"UNSELECT completed"


async def check(_s: Session, _: None) -> bytes:
    """Every change is durable when it is answered; there is nothing left to do."""
    return b"CHECK completed"


ROWS = {
    "CLOSE": Row(no_arguments, close, SELECTED, on_deleted=True),
    "UNSELECT": Row(no_arguments, unselect, SELECTED, capability=b"UNSELECT", on_deleted=True),
    "CHECK": Row(no_arguments, check, SELECTED, obsolete=True),
}
