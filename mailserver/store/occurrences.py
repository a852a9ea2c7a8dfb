"""When calendar objects occur: rows to find a time range by, and which objects they do not say everything of."""

import builtins
from collections.abc import Iterable
from dataclasses import dataclass

from mailserver.store.database import Rx, Tx

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
LONGEST = (DAY_MS + 2 * HOUR_MS, 8 * DAY_MS, 70 * DAY_MS, 1 << 55)  # of each class, milliseconds
FLOATING = len(LONGEST)  # class of the first one whose times float
ZONES_MS = 26 * HOUR_MS  # between the wall clocks of any two zones


@dataclass(frozen=True, slots=True)
class Gap:
    """What the rows do not say. Epoch milliseconds; None: nobody knows, or there is nothing."""

    first_at: int | None = None
    last_at: int | None = None
    indexed_from: int | None = None
    indexed_until: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One time. Epoch milliseconds."""

    member_id: int
    since: int
    until: int


@dataclass(frozen=True, slots=True)
class Found:
    """What the rows know of a time range."""

    met: frozenset[int]  # ids of members that occur in it
    floating: tuple[Row, ...]  # that may, by the zone of whoever asks
    unsure: frozenset[int]  # that have to be looked at


def class_of(since: int, until: int, *, is_floating: bool) -> int:
    length = until - since
    return next(index for index, longest in enumerate(LONGEST) if length <= longest) + (FLOATING if is_floating else 0)


def write(tx: Tx, member_id: int, rows: Iterable[tuple[int, int, bool]], gap: Gap | None) -> None:
    """Take the place of what was known. Rows: (since, until, whether it floats); `gap` None: they say everything."""
    found = tx.one("SELECT calendar_id FROM calendar_events WHERE id = ?", member_id)
    if found is None:
        return
    tx.run("DELETE FROM occurrences WHERE member_id = ?", member_id)
    tx.many(
        "INSERT OR IGNORE INTO occurrences (member_id, since, until, collection_id, class) VALUES (?, ?, ?, ?, ?)",
        [
            (member_id, since, until, found[0], class_of(since, until, is_floating=floats))
            for since, until, floats in rows
        ],
    )
    if gap is None:
        tx.run("DELETE FROM occurrence_gaps WHERE member_id = ?", member_id)
        return
    tx.run(
        """INSERT OR REPLACE INTO occurrence_gaps
           (member_id, collection_id, first_at, last_at, indexed_from, indexed_until) VALUES (?, ?, ?, ?, ?, ?)""",
        *(member_id, found[0], gap.first_at, gap.last_at, gap.indexed_from, gap.indexed_until),
    )


def find(rx: Rx, collection_id: int, start: int, end: int) -> Found:
    """What overlaps start … end, epoch milliseconds."""
    met: set[int] = set()
    for index, longest in enumerate(LONGEST):
        met.update(row[0] for row in rx.all(f"SELECT {_TIMES}", collection_id, index, start - longest, end, start))
    early, late = start - ZONES_MS, end + ZONES_MS
    floating = [
        Row(*row)
        for index, longest in enumerate(LONGEST)
        for row in rx.all(f"SELECT {_TIMES}", collection_id, FLOATING + index, early - longest, late, early)
        if row[0] not in met
    ]
    unsure = rx.all(
        """SELECT member_id FROM occurrence_gaps WHERE collection_id = ?1
           AND (first_at IS NULL OR first_at < ?3) AND (last_at IS NULL OR last_at > ?2)
           AND (indexed_from IS NULL OR indexed_from > ?2 OR indexed_until < ?3)""",
        collection_id,
        early,
        late,
    )
    return Found(frozenset(met), tuple(floating), frozenset(row[0] for row in unsure) - met)


_TIMES = """member_id, since, until FROM occurrences
    WHERE collection_id = ? AND class = ? AND since > ? AND since < ? AND until > ?"""


def list_gaps(rx: Rx, before: int, limit: int) -> builtins.list[tuple[int, bytes]]:
    """(member's id, data) of those that go on and are indexed up to less than `before` (epoch milliseconds), and of
    those not looked at yet."""
    rows = rx.all(
        """SELECT e.id, CAST(e.icalendar_data AS BLOB)
           FROM occurrence_gaps g JOIN calendar_events e ON e.id = g.member_id
           WHERE g.indexed_until < ?1 OR (g.indexed_until IS NULL AND g.last_at IS NULL AND g.first_at IS NULL)
           ORDER BY g.indexed_until LIMIT ?2""",
        before,
        limit,
    )
    return [(row[0], bytes(row[1])) for row in rows]


def count(rx: Rx, member_id: int) -> int:
    """Rows of one member."""
    row = rx.one("SELECT count(*) FROM occurrences WHERE member_id = ?", member_id)
    return int(row[0]) if row else 0


def gap(rx: Rx, member_id: int) -> Gap | None:
    """What the rows of a member do not say; None: they say everything."""
    row = rx.one(
        "SELECT first_at, last_at, indexed_from, indexed_until FROM occurrence_gaps WHERE member_id = ?", member_id
    )
    return Gap(*row) if row else None
