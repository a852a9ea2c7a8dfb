"""What clients note about mailboxes and about the server: entries with values. RFC 5464.

An entry is known by the mailbox (None: the server), the user (None: shared, else private to him) and its name. They
go with the mailbox and with the user, and stay with a mailbox that is renamed.
"""

import builtins
from dataclasses import dataclass

from mailserver.store.database import Rx, Tx


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


def copy(tx: Tx, source_id: int, target_id: int) -> None:
    """Of everybody: what is renamed from INBOX keeps its entries, and so does INBOX. RFC 5464 §4.1"""
    tx.run(
        """INSERT INTO annotations (mailbox_id, user_id, entry, value)
           SELECT ?, user_id, entry, value FROM annotations WHERE mailbox_id = ?""",
        target_id,
        source_id,
    )
