"""iTIP messages for people here that are delivered after the commit that made them, in pieces."""

import builtins
from dataclasses import dataclass

from mailserver.store.database import Rx, Tx
from mailserver.store.events import SchedulingWaits


@dataclass(frozen=True, slots=True)
class Pending:
    id: int
    user_id: int  # whose event it is
    message_id: int
    method: str
    sender: str  # address of the calendar user
    recipient: str
    uid: str


def add_message(tx: Tx, user_id: int, data: bytes) -> int:
    """The iTIP message itself, for any number of deliveries."""
    return tx.insert("INSERT INTO scheduling_messages (user_id, data) VALUES (?, ?)", user_id, data)


def add(tx: Tx, user_id: int, message_id: int, method: str, sender: str, recipient: str, uid: str) -> None:
    tx.run(
        """INSERT INTO scheduling_deliveries (user_id, message_id, method, sender, recipient, uid, created_ms)
           VALUES (?, ?, ?, ?, ?, ?, ?)""",
        user_id,
        message_id,
        method,
        sender,
        recipient,
        uid,
        tx.now_ms,
    )
    tx.tell(SchedulingWaits())


def list(rx: Rx, limit: int) -> builtins.list[Pending]:
    """The oldest first."""
    rows = rx.all(
        """SELECT id, user_id, message_id, method, sender, recipient, uid FROM scheduling_deliveries
           ORDER BY id LIMIT ?""",
        limit,
    )
    return [Pending(*row) for row in rows]


def data(rx: Rx, message_id: int) -> bytes:
    row = rx.one("SELECT data FROM scheduling_messages WHERE id = ?", message_id)
    if row is None:
        raise LookupError("a delivery names its message")
    return bytes(row[0])


def is_any(rx: Rx, user_id: int, uid: str) -> bool:
    """Whether something about this event waits."""
    return rx.one("SELECT 1 FROM scheduling_deliveries WHERE user_id = ? AND uid = ? LIMIT 1", user_id, uid) is not None


def remove(tx: Tx, pending: Pending) -> None:
    """With its message, where nobody else waits for that."""
    tx.run("DELETE FROM scheduling_deliveries WHERE id = ?", pending.id)
    tx.run(
        """DELETE FROM scheduling_messages WHERE id = ?1 AND NOT EXISTS
           (SELECT 1 FROM scheduling_deliveries WHERE message_id = ?1)""",
        pending.message_id,
    )
