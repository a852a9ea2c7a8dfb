"""Mail that is kept for a time only: in the mailboxes of some special uses."""

from mailserver.store import messages
from mailserver.store.database import Tx

BATCH = 500  # messages of one transaction


def remove_old(tx: Tx, special_use: str, before: int) -> int:
    """Expunge what was put into mailboxes of this use before this moment (epoch seconds); returns how many.

    At most BATCH: call it again until it is 0. When a message came into the mailbox counts (RFC 8514), not its date.
    """
    rows = tx.all(
        """SELECT m.mailbox_id, m.uid FROM mailboxes b JOIN messages m ON m.mailbox_id = b.id
           WHERE b.special_use = ? AND coalesce(m.saved_at, unixepoch(m.internal_date)) < ? LIMIT ?""",
        special_use,
        before,
        BATCH,
    )
    uids: dict[int, list[int]] = {}
    for mailbox_id, uid in rows:
        uids.setdefault(mailbox_id, []).append(uid)
    return sum(len(messages.remove(tx, mailbox_id, those)) for mailbox_id, those in uids.items())
