"""Scheduling inbox: iTIP messages that came for a user, until one of his clients removes them. RFC 6638 §2.2."""

import builtins
from dataclasses import dataclass

from mailserver.store import change_numbers
from mailserver.store.database import Row, Rx, Tx
from mailserver.store.members import etag_of

MAX_ITEMS = 1000  # of one user; the oldest goes, since its change is in his calendar


@dataclass(frozen=True, slots=True)
class InboxItem:
    id: int
    href: str
    etag: str  # without quotes
    method: str
    uid: str
    component: str  # VEVENT, VTODO, VJOURNAL
    size: int  # octets
    modseq: int
    created_ms: int  # epoch


_COLUMNS = "id, href, etag, method, uid, component, octet_length(data), modseq, created_ms"


def list(rx: Rx, user_id: int) -> builtins.list[InboxItem]:
    """The oldest first."""
    rows = rx.all(f"SELECT {_COLUMNS} FROM scheduling_inbox WHERE user_id = ? ORDER BY id", user_id)
    return [_item(row) for row in rows]


def find(rx: Rx, user_id: int, href: str) -> tuple[InboxItem, bytes] | None:
    row = rx.one(f"SELECT {_COLUMNS}, data FROM scheduling_inbox WHERE user_id = ? AND href = ?", user_id, href)
    return (_item(row[:-1]), bytes(row[-1])) if row else None


def add(tx: Tx, user_id: int, href: str, method: str, uid: str, component: str, data: bytes) -> InboxItem:
    """Under an href that is free."""
    modseq = change_numbers.take(tx, user_id)
    item_id = tx.insert(
        """INSERT INTO scheduling_inbox (user_id, href, etag, method, uid, component, data, modseq, created_ms)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        user_id,
        href,
        etag_of(data),
        method,
        uid,
        component,
        data,
        modseq,
        tx.now_ms,
    )
    tx.run(
        """DELETE FROM scheduling_inbox WHERE user_id = ?1 AND id <=
           (SELECT id FROM scheduling_inbox WHERE user_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)""",
        user_id,
        MAX_ITEMS,
    )
    return InboxItem(item_id, href, etag_of(data), method, uid, component, len(data), modseq, tx.now_ms)


def remove(tx: Tx, user_id: int, item_id: int) -> None:
    change_numbers.take(tx, user_id)
    tx.run("DELETE FROM scheduling_inbox WHERE id = ? AND user_id = ?", item_id, user_id)


def tag(rx: Rx, user_id: int) -> str:
    """Another one whenever what is in it changes."""
    row = rx.one(
        "SELECT count(*), coalesce(max(id), 0), coalesce(min(id), 0) FROM scheduling_inbox WHERE user_id = ?", user_id
    )
    return "-".join(map(str, row or (0, 0, 0)))


def _item(row: Row) -> InboxItem:
    return InboxItem(*row)
