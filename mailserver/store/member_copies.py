"""All members of a collection copied into a new one, with what is kept beside them, in a few statements."""

from mailserver.store import change_numbers, collections
from mailserver.store.collections import Collection, Family
from mailserver.store.database import Tx
from mailserver.store.dead_properties import MEMBER
from mailserver.store.members import DERIVED

_AS_THEY_ARE = ("href", "uid", "etag", "component", "size")


def add(tx: Tx, source: Collection, target: Collection) -> None:
    """Into an empty collection of the same family. Nobody is invited to a copy: it has no schedule tags."""
    family = source.family
    if source.members:
        last = change_numbers.take(tx, target.user_id, source.members)
        _rows(tx, family, source, target, last - source.members)
        _properties(tx, family, source, target)
        if family is Family.CALENDARS:
            _occurrences(tx, source, target)
        collections.touch(tx, target, last, members=source.members, octets=source.octets)


def _rows(tx: Tx, family: Family, source: Collection, target: Collection, base: int) -> None:
    """Each under a number of its own, in the order of the source's changes."""
    kept = ", ".join((*_AS_THEY_ARE, family.data, *DERIVED[family]))
    tx.run(
        f"""INSERT INTO {family.members}
                ({family.parent}, modseq, created_ms, changed_ms, created_at, updated_at, {kept})
            SELECT ?, ? + row_number() OVER (ORDER BY modseq, id), ?, ?, ?, ?, {kept}
            FROM {family.members} WHERE {family.parent} = ? AND href IS NOT NULL""",
        *(target.id, base, tx.now_ms, tx.now_ms, tx.now, tx.now, source.id),
    )


def _properties(tx: Tx, family: Family, source: Collection, target: Collection) -> None:
    tx.run(
        f"""INSERT INTO dav_properties (kind, resource_id, name, value)
            SELECT p.kind, n.id, p.name, p.value FROM {_pairs(family)}
            CROSS JOIN dav_properties p ON p.kind = '{MEMBER[family]}' AND p.resource_id = o.id
            WHERE o.{family.parent} = ?""",
        *(target.id, source.id),
    )


def _occurrences(tx: Tx, source: Collection, target: Collection) -> None:
    """What the index knows of the one it knows of the other."""
    pairs = _pairs(Family.CALENDARS)
    tx.run(
        f"""INSERT INTO occurrences (member_id, since, until, collection_id, class)
            SELECT n.id, t.since, t.until, n.calendar_id, t.class FROM {pairs}
            CROSS JOIN occurrences t ON t.member_id = o.id WHERE o.calendar_id = ?""",
        *(target.id, source.id),
    )
    tx.run("DELETE FROM occurrence_gaps WHERE collection_id = ?", target.id)
    tx.run(
        f"""INSERT INTO occurrence_gaps (member_id, collection_id, first_at, last_at, indexed_from, indexed_until)
            SELECT n.id, n.calendar_id, g.first_at, g.last_at, g.indexed_from, g.indexed_until FROM {pairs}
            CROSS JOIN occurrence_gaps g ON g.member_id = o.id WHERE o.calendar_id = ?""",
        *(target.id, source.id),
    )


def _pairs(family: Family) -> str:
    """o: each of the source; n: the same one in the target."""
    return f"{family.members} o CROSS JOIN {family.members} n ON n.{family.parent} = ? AND n.href = o.href"
