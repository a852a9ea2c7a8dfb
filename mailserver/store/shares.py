"""Who else sees a collection, and as what: a share has a slug of its own in the home of its user."""

import builtins
from collections.abc import Mapping
from dataclasses import dataclass

from mailserver.store import collections, dav_locks
from mailserver.store.collections import Collection, Family
from mailserver.store.database import Row, Rx, Tx, Value


@dataclass(frozen=True, slots=True)
class Share:
    id: int
    family: Family
    collection_id: int
    user_id: int  # who sees it
    address: str  # of that user
    slug: str  # in that user's home
    may_write: bool
    name: str | None  # None, here and below: as the owner has it
    color: str | None
    position: int | None
    is_transparent: bool | None


SETTABLE = frozenset({"slug", "may_write", "name", "color", "position", "is_transparent"})
_SELECT = """SELECT s.id, s.family, s.collection_id, s.user_id, u.username || '@' || d.name, s.slug, s.may_write,
    s.name, s.color, s.position, s.is_transparent
    FROM dav_shares s JOIN users u ON u.id = s.user_id JOIN domains d ON d.id = u.domain_id"""


def find(rx: Rx, family: Family, user_id: int, slug: str) -> tuple[Share, Collection] | None:
    """What this user sees under this slug; None also where the owner is gone."""
    row = rx.one(f"{_SELECT} WHERE s.user_id = ? AND s.family = ? AND s.slug = ?", user_id, family, slug)
    return _with_collection(rx, _share(row)) if row else None


def find_of(rx: Rx, collection: Collection, user_id: int) -> Share | None:
    row = rx.one(
        f"{_SELECT} WHERE s.family = ? AND s.collection_id = ? AND s.user_id = ?",
        collection.family,
        collection.id,
        user_id,
    )
    return _share(row) if row else None


def list_for(rx: Rx, family: Family, user_id: int) -> builtins.list[tuple[Share, Collection]]:
    """All that others share with this user, the oldest first."""
    rows = rx.all(f"{_SELECT} WHERE s.user_id = ? AND s.family = ? ORDER BY s.id", user_id, family)
    found = (_with_collection(rx, _share(row)) for row in rows)
    return [each for each in found if each is not None]


def list_of(rx: Rx, collection: Collection) -> builtins.list[Share]:
    """Everybody who sees this collection, by address; deleted users, who may come back, are left out."""
    rows = rx.all(
        f"""{_SELECT} WHERE s.family = ? AND s.collection_id = ? AND u.deleted_at IS NULL AND d.deleted_at IS NULL
            ORDER BY 5""",
        collection.family,
        collection.id,
    )
    return [_share(row) for row in rows]


def count(rx: Rx, collection: Collection) -> int:
    row = rx.one(
        "SELECT count(*) FROM dav_shares WHERE family = ? AND collection_id = ?", collection.family, collection.id
    )
    return int(row[0]) if row else 0


def count_for(rx: Rx, family: Family, user_id: int) -> int:
    row = rx.one("SELECT count(*) FROM dav_shares WHERE user_id = ? AND family = ?", user_id, family)
    return int(row[0]) if row else 0


def add(tx: Tx, collection: Collection, user_id: int, slug: str, *, may_write: bool) -> None:
    """Under a slug that is free in the user's home."""
    tx.run(
        """INSERT INTO dav_shares (family, collection_id, user_id, slug, may_write, created_ms)
           VALUES (?, ?, ?, ?, ?, ?)""",
        collection.family,
        collection.id,
        user_id,
        slug,
        int(may_write),
        tx.now_ms,
    )


def set_columns(tx: Tx, share_id: int, columns: Mapping[str, Value]) -> None:
    if not SETTABLE.issuperset(columns):
        raise LookupError(f"not columns of a share to be set: {sorted(columns)}")
    if columns:
        tx.run(
            f"UPDATE dav_shares SET {', '.join(f'{name} = ?' for name in columns)} WHERE id = ?",
            *columns.values(),
            share_id,
        )


def remove(tx: Tx, share_id: int) -> None:
    """With the locks that its user held."""
    dav_locks.remove_of_share(tx, share_id)
    tx.run("DELETE FROM dav_shares WHERE id = ?", share_id)


def _with_collection(rx: Rx, share: Share) -> tuple[Share, Collection] | None:
    collection = collections.find_by_id(rx, share.family, share.collection_id)
    return (share, collection) if collection is not None else None


def _share(row: Row) -> Share:
    (share_id, family, collection_id, user_id, address, slug, may_write, name, color, position, transparent) = row
    return Share(
        share_id,
        Family(family),
        collection_id,
        user_id,
        address,
        slug,
        bool(may_write),
        name,
        color,
        position,
        None if transparent is None else bool(transparent),
    )
