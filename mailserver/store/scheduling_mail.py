"""iTIP messages for people elsewhere, between the commit that made them and the outbound queue. RFC 6047."""

import builtins
from dataclasses import dataclass

from mailserver.store.database import Rx, Tx
from mailserver.store.events import SchedulingMailAdded


@dataclass(frozen=True, slots=True)
class Waiting:
    id: int
    user_id: int  # whose event it is, or who answers
    method: str
    sender: str  # address of the calendar user
    recipient: str
    uid: str
    data: bytes  # the iTIP message
    is_automatic: bool  # the server answered for him
    created_ms: int  # epoch


def add(
    tx: Tx, user_id: int, method: str, sender: str, recipient: str, uid: str, data: bytes, *, is_automatic: bool = False
) -> int:
    waiting_id = tx.insert(
        """INSERT INTO scheduling_mail (user_id, method, sender, recipient, uid, data, is_automatic, created_ms)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
        user_id,
        method,
        sender,
        recipient,
        uid,
        data,
        int(is_automatic),
        tx.now_ms,
    )
    tx.tell(SchedulingMailAdded())
    return waiting_id


def list(rx: Rx, after: int, limit: int) -> builtins.list[Waiting]:
    """By id, the oldest first."""
    rows = rx.all(
        """SELECT id, user_id, method, sender, recipient, uid, data, is_automatic IS TRUE, created_ms
           FROM scheduling_mail WHERE id > ? ORDER BY id LIMIT ?""",
        after,
        limit,
    )
    return [Waiting(*row) for row in rows]


def remove(tx: Tx, waiting_id: int) -> bool:
    """False where it is gone: somebody else has sent it."""
    return tx.run("DELETE FROM scheduling_mail WHERE id = ?", waiting_id) > 0
