"""Addresses under which a calendar can be read without a login."""

import builtins
from dataclasses import dataclass

from mailserver.store import collections
from mailserver.store.collections import Collection, Family
from mailserver.store.database import Row, Rx, Tx

USED_EVERY_MS = 3_600_000  # a use is noted so often at most


@dataclass(frozen=True, slots=True)
class Link:
    id: int
    calendar_id: int
    secret_hash: bytes  # SHA-256
    sealed: bytes  # the secret under the key of this server
    busy_only: bool
    created_ms: int  # epoch
    used_ms: int | None


_SELECT = """SELECT l.id, l.calendar_id, l.secret_hash, l.sealed, l.busy_only, l.created_ms, l.used_ms
    FROM calendar_links l"""


def find(rx: Rx, secret_hash: bytes) -> tuple[Link, Collection] | None:
    """Of an account that may log in. By a hash that nobody can choose digits of: the time it takes tells nothing."""
    row = rx.one(
        f"""{_SELECT} JOIN calendars c ON c.id = l.calendar_id JOIN users u ON u.id = c.user_id
            JOIN domains d ON d.id = u.domain_id
            WHERE l.secret_hash = ? AND u.is_active IS TRUE AND d.is_active IS TRUE""",
        secret_hash,
    )
    if row is None:
        return None
    collection = collections.find_by_id(rx, Family.CALENDARS, row[1])  # None: of a deleted account
    return (_link(row), collection) if collection is not None else None


def list(rx: Rx, collection: Collection) -> builtins.list[Link]:
    """The oldest first."""
    return [_link(row) for row in rx.all(f"{_SELECT} WHERE l.calendar_id = ? ORDER BY l.id", collection.id)]


def add(tx: Tx, collection: Collection, secret_hash: bytes, sealed: bytes, *, busy_only: bool) -> Link:
    link_id = tx.insert(
        """INSERT INTO calendar_links (calendar_id, secret_hash, sealed, busy_only, created_ms)
           VALUES (?, ?, ?, ?, ?)""",
        collection.id,
        secret_hash,
        sealed,
        int(busy_only),
        tx.now_ms,
    )
    return Link(link_id, collection.id, secret_hash, sealed, busy_only, tx.now_ms, None)


def remove(tx: Tx, user_id: int, link_id: int) -> bool:
    """Of one of the user's own calendars. False: there is none."""
    return bool(
        tx.run(
            """DELETE FROM calendar_links WHERE id = ?
               AND calendar_id IN (SELECT id FROM calendars WHERE user_id = ?)""",
            link_id,
            user_id,
        )
    )


def note_use(tx: Tx, link_id: int) -> None:
    tx.run("UPDATE calendar_links SET used_ms = ? WHERE id = ?", tx.now_ms, link_id)


def _link(row: Row) -> Link:
    link_id, calendar_id, secret_hash, sealed, busy_only, created_ms, used_ms = row
    return Link(link_id, calendar_id, secret_hash, sealed, bool(busy_only), created_ms, used_ms)
