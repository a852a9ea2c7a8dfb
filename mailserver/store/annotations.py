"""What clients note about mailboxes and about the server: entries with values. RFC 5464.

An entry is known by the mailbox (None: the server), the user (None: shared, else private to him) and its name. They
go with the mailbox and with the user, and stay with a mailbox that is renamed.
"""

import builtins
from dataclasses import dataclass

from mailserver.errors import OverQuota
from mailserver.store.database import Rx, Tx

MAX_OCTETS = 16 << 20  # of names and values that one user answers for; a thousand mailboxes have room for much more


class NoRoom(OverQuota):
    text = f"What is noted on mailboxes takes more than {MAX_OCTETS >> 20} MB"


@dataclass(frozen=True, slots=True)
class Annotation:
    user_id: int | None  # None: shared
    entry: str  # lower case, "/private/…" or "/shared/…"
    value: bytes


def list(rx: Rx, mailbox_id: int | None, user_id: int) -> builtins.list[Annotation]:
    """Shared ones and those private to this user, by name."""
    rows = rx.all(
        """SELECT user_id, entry, value FROM annotations
           WHERE coalesce(mailbox_id, 0) = ? AND coalesce(user_id, 0) IN (0, ?) ORDER BY entry""",
        mailbox_id or 0,
        user_id,
    )
    return [Annotation(*row) for row in rows]


def set(tx: Tx, mailbox_id: int | None, annotation: Annotation) -> None:
    remove(tx, mailbox_id, annotation.user_id, annotation.entry)
    tx.run(
        "INSERT INTO annotations (mailbox_id, user_id, entry, value) VALUES (?, ?, ?, ?)",
        mailbox_id,
        annotation.user_id,
        annotation.entry,
        annotation.value,
    )


def remove(tx: Tx, mailbox_id: int | None, user_id: int | None, entry: str) -> None:
    tx.run(
        """DELETE FROM annotations
           WHERE coalesce(mailbox_id, 0) = ? AND coalesce(user_id, 0) = ? AND entry = ?""",
        mailbox_id or 0,
        user_id or 0,
        entry,
    )


def copy(tx: Tx, source_id: int, target_id: int, user_id: int) -> None:
    """Shared ones and the user's own: what is renamed from INBOX keeps its entries, and so does INBOX. RFC 5464 §4.1

    What others noted for themselves takes their room, and stays where they noted it.
    """
    tx.run(
        """INSERT INTO annotations (mailbox_id, user_id, entry, value)
           SELECT ?, user_id, entry, value FROM annotations WHERE mailbox_id = ? AND coalesce(user_id, 0) IN (0, ?)""",
        target_id,
        source_id,
        user_id,
    )


def require_room(rx: Rx, user_id: int) -> None:
    """For what was added: the user's private ones, wherever, and the shared ones of his mailboxes. Raises NoRoom."""
    [octets] = rx.one(
        """SELECT coalesce(sum(length(entry) + length(value)), 0) FROM annotations
           WHERE user_id = ?1
              OR user_id IS NULL AND mailbox_id IN (SELECT id FROM mailboxes WHERE user_id = ?1)""",
        user_id,
    ) or (0,)
    if octets > MAX_OCTETS:
        raise NoRoom
