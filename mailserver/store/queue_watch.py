"""The outbound queue from above: when something is due next, what is late, what waits for whom."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mailserver.store.database import Rx, Tx
from mailserver.store.queue import COLUMNS, DUE, Entry, Priority, entry_of, json_of, time_text
from mailserver.store.queue_states import ENDED, State

MAX_DESTINATIONS = 1000  # in the figures, those with the most rows
_SINCE = "max(created_at, coalesce(datetime(not_before / 1000, 'unixepoch'), ''))"  # the words of idx_queue_untold
_UNTOLD = f"ended_at IS NULL AND delay_told_at IS NULL AND {DUE}"


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for one destination."""

    destination: str
    rows: int
    oldest: str  # created_at, UTC
    next_attempt: str  # UTC
    last_error: str | None  # of the row tried last


@dataclass(frozen=True, slots=True)
class Stats:
    live: dict[State, int]  # pending, held, sending
    ended: dict[State, int]  # of those that are kept
    scheduled: int  # of the pending ones: for a later time that the sender chose
    deferred: int  # of the pending ones: tried before
    octets: int  # of the messages that live rows name
    oldest: str | None  # created_at of the oldest live row, UTC
    destinations: tuple[Waiting, ...]  # most rows first


def next_due(rx: Rx, full: Iterable[str] = ()) -> int | None:
    """When the next row is to be tried, in epoch milliseconds, past or future; None when none waits.

    `full`: destinations that can take no more now.
    """
    moments = [
        row[0]
        for priority in Priority
        if (
            row := rx.one(
                f"""SELECT unixepoch(next_attempt) * 1000 FROM outbound_queue INDEXED BY idx_queue_due
                    WHERE {DUE} AND priority = ? AND destination NOT IN (SELECT value FROM json_each(?))
                    ORDER BY next_attempt LIMIT 1""",
                priority,
                json_of(full),
            )
        )
    ]
    return min(moments, default=None)


def due_for_warning(rx: Rx, since_ms: int, limit: int) -> Sequence[Entry]:
    """Waiting rows whose senders were not told, and that wait since this moment or longer."""
    rows = rx.all(
        f"""SELECT {COLUMNS} FROM outbound_queue INDEXED BY idx_queue_untold
            WHERE {_UNTOLD} AND {_SINCE} <= ? ORDER BY {_SINCE} LIMIT ?""",
        time_text(since_ms),
        limit,
    )
    return [entry_of(row) for row in rows]


def oldest_untold(rx: Rx) -> int | None:
    """Since when the oldest row waits of which nobody was told, in epoch milliseconds."""
    row = rx.one(
        f"""SELECT unixepoch({_SINCE}) * 1000 FROM outbound_queue INDEXED BY idx_queue_untold
            WHERE {_UNTOLD} ORDER BY {_SINCE} LIMIT 1"""
    )
    return row[0] if row else None


def due_for_expiry(rx: Rx, now_ms: int, attempts: int, limit: int) -> Sequence[Entry]:
    """Waiting rows whose time is over and that were tried so often at least: a clock that jumps expires nothing."""
    rows = rx.all(
        f"""SELECT {COLUMNS} FROM outbound_queue INDEXED BY idx_queue_expiry
            WHERE ended_at IS NULL AND expires_at <= ? AND {DUE} AND attempts >= ? ORDER BY expires_at LIMIT ?""",
        now_ms,
        attempts,
        limit,
    )
    return [entry_of(row) for row in rows]


def next_expiry(rx: Rx, attempts: int) -> int | None:
    """When the next waiting row that was tried so often is to be given up, in epoch milliseconds."""
    row = rx.one(
        f"""SELECT expires_at FROM outbound_queue INDEXED BY idx_queue_expiry
            WHERE ended_at IS NULL AND expires_at IS NOT NULL AND {DUE} AND attempts >= ?
            ORDER BY expires_at LIMIT 1""",
        attempts,
    )
    return row[0] if row else None


def list_put_off(rx: Rx, after_ms: int) -> Sequence[tuple[int, int, str]]:
    """(id, attempts, next_attempt) of waiting rows that are put off beyond this moment, by nobody's wish."""
    return [
        (entry_id, attempts, moment)
        for entry_id, attempts, moment in rx.all(
            f"""SELECT id, attempts, next_attempt FROM outbound_queue
                WHERE {DUE} AND next_attempt > ? AND coalesce(not_before, 0) <= ?""",
            time_text(after_ms),
            after_ms,
        )
    ]


def bring_forward(tx: Tx, moments: Iterable[tuple[int, int]]) -> None:
    """(id, epoch milliseconds) of rows that wait too long because the clock went back: due then, if not before."""
    tx.many(
        f"UPDATE outbound_queue SET next_attempt = ?2 WHERE id = ?1 AND {DUE} AND next_attempt > ?2",
        [(entry_id, time_text(moment)) for entry_id, moment in moments],
    )


def depth(rx: Rx) -> int:
    """Live rows; counted in an index that finished ones are not in."""
    row = rx.one("SELECT count(*) FROM outbound_queue INDEXED BY idx_queue_expiry WHERE ended_at IS NULL")
    return int(row[0]) if row else 0


def stats(rx: Rx, now_ms: int) -> Stats:
    states: dict[State, int] = {}
    scheduled = deferred = 0
    for sending, held, later, tried, count in rx.all(
        """SELECT status = 'sending', held_at IS NOT NULL, coalesce(not_before, 0) > ?, attempts > 0, count(*)
           FROM outbound_queue WHERE ended_at IS NULL GROUP BY 1, 2, 3, 4""",
        now_ms,
    ):
        state = State.SENDING if sending else State.HELD if held else State.PENDING
        states[state] = states.get(state, 0) + count
        if state is State.PENDING:
            scheduled += count if later else 0
            deferred += count if tried else 0
    ended: dict[str, int] = dict(
        rx.all("SELECT ended_as, count(*) FROM outbound_queue WHERE ended_at IS NOT NULL GROUP BY ended_as")
    )
    oldest = rx.one("SELECT min(created_at) FROM outbound_queue WHERE ended_at IS NULL")
    return Stats(
        {state: states.get(state, 0) for state in State if state not in ENDED},
        {state: ended.get(state, 0) for state in State if state in ENDED},
        scheduled,
        deferred,
        _octets(rx),
        oldest[0] if oldest else None,
        _destinations(rx),
    )


def _octets(rx: Rx) -> int:
    row = rx.one(
        """SELECT coalesce(sum(octets), 0) FROM
           (SELECT max(message_octets) AS octets FROM outbound_queue WHERE ended_at IS NULL GROUP BY message_path)"""
    )
    return int(row[0]) if row else 0


def _destinations(rx: Rx) -> tuple[Waiting, ...]:
    rows = rx.all(
        """SELECT destination, count(*), min(created_at), min(next_attempt), max(last_attempt), last_error
           FROM outbound_queue WHERE ended_at IS NULL GROUP BY destination ORDER BY 2 DESC, 1 LIMIT ?""",
        MAX_DESTINATIONS,
    )
    return tuple(Waiting(name, count, oldest, due, error) for name, count, oldest, due, _, error in rows)
