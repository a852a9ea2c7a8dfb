"""Write locks of DAV clients, on a collection or a path in it. RFC 4918 §6. They end by themselves."""

import builtins
from dataclasses import dataclass

from mailserver.store.collections import Collection, Family
from mailserver.store.database import Row, Rx, Tx


@dataclass(frozen=True, slots=True)
class Lock:
    token: str  # a URI: urn:uuid:…
    family: Family
    collection_id: int
    href: str | None  # None: the collection
    user_id: int  # who holds it
    is_exclusive: bool
    is_deep: bool  # Depth: infinity; of a collection
    owner: bytes  # inner XML of DAV:owner, as sent
    expires_ms: int  # epoch


_SELECT = """SELECT token, family, collection_id, href, user_id, is_exclusive, is_deep, owner, expires_at
    FROM dav_locks"""


def list(rx: Rx, collection: Collection, now_ms: int) -> builtins.list[Lock]:
    """All that hold now, on the collection and in it."""
    rows = rx.all(
        f"{_SELECT} WHERE family = ? AND collection_id = ? AND expires_at > ? ORDER BY token",
        collection.family,
        collection.id,
        now_ms,
    )
    return [_lock(row) for row in rows]


def find(rx: Rx, token: str, now_ms: int) -> Lock | None:
    row = rx.one(f"{_SELECT} WHERE token = ? AND expires_at > ?", token, now_ms)
    return _lock(row) if row else None


def count(rx: Rx, user_id: int, now_ms: int) -> int:
    row = rx.one("SELECT count(*) FROM dav_locks WHERE user_id = ? AND expires_at > ?", user_id, now_ms)
    return int(row[0]) if row else 0


def add(tx: Tx, lock: Lock) -> None:
    """What ended is swept out at the same time."""
    tx.run("DELETE FROM dav_locks WHERE expires_at <= ?", tx.now_ms)
    tx.run(
        """INSERT INTO dav_locks (token, family, collection_id, href, user_id, is_exclusive, is_deep, owner, expires_at)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        lock.token,
        lock.family,
        lock.collection_id,
        lock.href,
        lock.user_id,
        int(lock.is_exclusive),
        int(lock.is_deep),
        lock.owner,
        lock.expires_ms,
    )


def set_expiry(tx: Tx, token: str, expires_ms: int) -> None:
    tx.run("UPDATE dav_locks SET expires_at = ? WHERE token = ?", expires_ms, token)


def remove(tx: Tx, token: str) -> None:
    tx.run("DELETE FROM dav_locks WHERE token = ?", token)


def remove_at(tx: Tx, collection: Collection, href: str) -> None:
    """What is removed or moved away is locked no longer, RFC 4918 §7.5."""
    tx.run(
        "DELETE FROM dav_locks WHERE family = ? AND collection_id = ? AND href = ?",
        collection.family,
        collection.id,
        href,
    )


def remove_of_share(tx: Tx, share_id: int) -> None:
    """What a sharee holds in the collection: with the right to write goes what keeps others from writing."""
    tx.run(
        """DELETE FROM dav_locks WHERE (family, collection_id, user_id) IN
           (SELECT family, collection_id, user_id FROM dav_shares WHERE id = ?)""",
        share_id,
    )


def _lock(row: Row) -> Lock:
    token, family, collection_id, href, user_id, exclusive, deep, owner, expires = row
    return Lock(token, Family(family), collection_id, href, user_id, bool(exclusive), bool(deep), bytes(owner), expires)
