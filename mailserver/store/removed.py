"""Tombstones of members: what sync-collection reports as gone. RFC 6578 §3.5.2."""

import builtins
from dataclasses import dataclass

from mailserver.store.collections import Collection, Family
from mailserver.store.database import Rx, Tx


@dataclass(frozen=True, slots=True)
class Removed:
    href: str
    modseq: int


def list(rx: Rx, collection: Collection, after: int, limit: int) -> builtins.list[Removed]:
    """At most `limit` with a number above `after`, by number; an href that is taken again is not gone."""
    family = collection.family
    rows = rx.all(
        f"""SELECT r.href, r.modseq FROM dav_removed r
            WHERE r.family = '{family}' AND r.collection_id = ?1 AND r.modseq > ?2
            AND NOT EXISTS (SELECT 1 FROM {family.members} m WHERE m.{family.parent} = ?1 AND m.href = r.href)
            ORDER BY r.modseq LIMIT ?3""",
        collection.id,
        after,
        limit,
    )
    return [Removed(*row) for row in rows]


def forget(tx: Tx, before_ms: int) -> int:
    """Drop tombstones older than this and raise the floors of their collections; returns how many."""
    for family in Family:
        tx.run(
            f"""UPDATE {family} SET floor = max(floor, gone.modseq + 1) FROM (
                    SELECT collection_id, max(modseq) AS modseq FROM dav_removed
                    WHERE family = '{family}' AND removed_at < ? GROUP BY collection_id) gone
                WHERE gone.collection_id = {family}.id""",
            before_ms,
        )
    return tx.run("DELETE FROM dav_removed WHERE removed_at < ?", before_ms)
