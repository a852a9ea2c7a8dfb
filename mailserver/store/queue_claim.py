"""Leases on due rows of the outbound queue: who may send them now, and what becomes of them when it is gone."""

from collections.abc import Iterable, Mapping, Sequence

from mailserver.store.attempts import Attempt
from mailserver.store.database import Row, Tx
from mailserver.store.queue import COLUMNS, DUE, IDS, Entry, Priority, entry_of, json_of
from mailserver.store.queue_record import Settled, settle
from mailserver.store.queue_states import Event

MAX_SIBLINGS = 1000  # rows of one message that a claim takes beyond its limit
DOUBTS_AT_ONCE = 3  # a row whose attempts end with the server's own end waits, from then on
IN_DOUBT = "The server stopped while this was being sent: it may arrive twice"

_Group = tuple[str, str, str]  # message_path, sender, destination


def claim(
    tx: Tx, worker: str, limit: int, lease_ms: int, busy: Mapping[str, int] | None = None, per_destination: int = 0
) -> list[Entry]:
    """Lease due rows: interactive before bulk, the longest due first; no two workers get the same.

    `limit`: of transactions; the due rows of one message, sender and destination are one, and come together. `busy`:
    how many transactions of a destination are under way; none gets more than `per_destination`, 0: as many as are
    due. A row whose lease is over is due again: its worker crashed, or lost its network for longer than it asked for.
    """
    lose(tx, worker)
    picked = _pick(tx, limit, dict(busy or {}), per_destination or limit)
    if not picked:
        return []
    rows = tx.all(
        f"""UPDATE outbound_queue SET status = 'sending', locked_by = ?, locked_until = ? WHERE {IDS}
            RETURNING {COLUMNS}""",
        worker,
        tx.now_ms + lease_ms,
        json_of(picked),
    )
    return sorted(map(entry_of, rows), key=lambda entry: (entry.priority, entry.next_attempt, entry.id))


def full(busy: Mapping[str, int], per_destination: int) -> list[str]:
    """Destinations that can take no more now."""
    return [name for name, count in busy.items() if count >= per_destination]


def _pick(tx: Tx, limit: int, busy: dict[str, int], per_destination: int) -> list[int]:
    """Ids. What full destinations hide in the first rows, the next claim finds."""
    picked: list[int] = []
    groups: set[_Group] = set()
    for priority in Priority:
        if len(groups) >= limit:
            break
        rows = tx.all(
            f"""SELECT id, message_path, sender, destination FROM outbound_queue INDEXED BY idx_queue_due
                WHERE {DUE} AND priority = ? AND next_attempt <= ?
                    AND destination NOT IN (SELECT value FROM json_each(?))
                ORDER BY next_attempt, id LIMIT ?""",
            priority,
            tx.now,
            json_of(full(busy, per_destination)),
            limit,
        )
        if len(rows) == limit:
            rows += _siblings(tx, rows)
        for entry_id, *names in rows:
            group = (names[0], names[1], names[2])
            if group not in groups:
                if len(groups) >= limit or busy.get(group[2], 0) >= per_destination:
                    continue
                groups.add(group)
                busy[group[2]] = busy.get(group[2], 0) + 1
            picked.append(entry_id)
    return picked


def _siblings(tx: Tx, rows: Sequence[Row]) -> list[Row]:
    """Due rows of the last one's message, which the limit cut off from others: rows of a message stand together."""
    last, path, *_ = rows[-1]
    return tx.all(
        f"""SELECT id, message_path, sender, destination FROM outbound_queue INDEXED BY idx_queue_path
            WHERE message_path = ? AND {DUE} AND next_attempt <= ? AND id > ? ORDER BY id LIMIT ?""",
        path,
        tx.now,
        last,
        MAX_SIBLINGS,
    )


def renew(tx: Tx, worker: str, ids: Iterable[int], lease_ms: int) -> int:
    """Lengthen the leases of rows this worker still holds; returns how many those are."""
    return tx.run(
        f"UPDATE outbound_queue SET locked_until = ? WHERE {IDS} AND status = 'sending' AND locked_by = ?",
        tx.now_ms + lease_ms,
        json_of(ids),
        worker,
    )


def lose(tx: Tx, worker: str, *, alone: bool = False) -> list[Entry]:
    """Return rows whose worker is gone, in doubt: those of a lease that is over.

    `alone`: of all other workers at once; for the holder of the data folder's lock, when it starts.
    """
    over = "1" if alone else "(locked_until IS NULL OR locked_until <= ?2)"
    rows = tx.all(
        f"""SELECT {COLUMNS} FROM outbound_queue INDEXED BY idx_queue_lease
            WHERE status = 'sending' AND locked_by IS NOT ?1 AND {over}""",
        *((worker,) if alone else (worker, tx.now_ms)),
    )
    return [settle(tx, entry, _lost(tx, entry)) for entry in map(entry_of, rows)]


def unclaim(tx: Tx, worker: str, carried: Iterable[int]) -> int:
    """Return rows leased to this worker that it does not carry, as they were; returns how many those are."""
    rows = tx.all(
        f"""SELECT {COLUMNS} FROM outbound_queue INDEXED BY idx_queue_lease
            WHERE status = 'sending' AND locked_by = ? AND id NOT IN (SELECT value FROM json_each(?))""",
        worker,
        json_of(carried),
    )
    for entry in map(entry_of, rows):
        settle(tx, entry, Settled(entry.id, Event.RETURN))
    return len(rows)


def _lost(tx: Tx, entry: Entry) -> Settled:
    """Due at once as it was, unless it is what ends the server each time."""
    delay = entry.in_doubt**2 * 60_000 if entry.in_doubt >= DOUBTS_AT_ONCE else None
    later = None if delay is None else tx.now_ms + delay
    return Settled(entry.id, Event.LOSE, Attempt(tx.now_ms, 0, text=IN_DOUBT), later)
