"""Messages that somebody who knows only INBOX deletes: to Trash, or away for good."""

from collections.abc import Sequence

from mailserver.errors import LimitReached
from mailserver.mailboxes.names import MAX_MAILBOXES
from mailserver.store import mailboxes, messages, subscriptions
from mailserver.store.database import Tx
from mailserver.store.mailboxes import Mailbox

TRASH, TRASH_USE = "Trash", "\\Trash"


def discard(tx: Tx, source: Mailbox, uids: Sequence[int]) -> None:
    """Move those that are still there to the mailbox with the special use \\Trash; where it is, nothing happens."""
    trash = _trash(tx, source.user_id)
    if trash.id != source.id:
        messages.move(tx, source.id, uids, trash.id)


def _trash(tx: Tx, user_id: int) -> Mailbox:
    """Made again where the user deleted it. Raises LimitReached."""
    found = mailboxes.find_special(tx, user_id, TRASH_USE) or mailboxes.find(tx, user_id, TRASH)
    if found is not None:
        return found
    if len(mailboxes.list(tx, user_id)) >= MAX_MAILBOXES:
        raise LimitReached(f"At most {MAX_MAILBOXES} mailboxes, so there can be no {TRASH}")
    subscriptions.add(tx, user_id, TRASH)
    return mailboxes.add(tx, user_id, TRASH, TRASH_USE)
