"""Rows of the outbound queue that were taken, by whole handfuls: nearly all of what ends, and nobody has to be told.

The same as queue_record.record for events DELIVER and RELAY, in a few statements for any number of rows: each turn of a
statement hands the interpreter's lock over and back, which costs more than the row.
"""

import json
from collections import defaultdict
from collections.abc import Sequence

from mailserver.store.attempts import MAX_TEXT, Attempt
from mailserver.store.database import Tx
from mailserver.store.delivery_log import Direction, Outcome
from mailserver.store.events import QueueChanged, QueueSettled
from mailserver.store.queue import IDS, STATUS_OF, json_of
from mailserver.store.queue_record import Settled, seconds_of
from mailserver.store.queue_states import Event, State, after
from mailserver.store.spool import unspool

EVENTS = frozenset({Event.DELIVER, Event.RELAY})

_Kind = tuple[State, int | None, str | None]  # how it ended, reply code, enhanced status


def record(tx: Tx, worker: str, results: Sequence[Settled]) -> None:
    """Only rows this worker still holds change; of others the attempt alone is kept."""
    held = _held(tx, worker, [each.entry_id for each in results])
    kinds: defaultdict[_Kind, list[int]] = defaultdict(list)
    for each in results:
        if each.entry_id in held:
            kinds[_kind(each)].append(each.entry_id)
    for kind, ids in kinds.items():
        _end(tx, kind, json_of(ids))
    _add_attempts(tx, [(each.entry_id, each.attempt) for each in results if each.attempt is not None])
    unspool(tx, held.values())
    tx.tell(QueueChanged())
    tx.tell(QueueSettled(tuple(each.event for each in results if each.entry_id in held), seconds_of(results)))


def _held(tx: Tx, worker: str, ids: Sequence[int]) -> dict[int, str]:
    """Id → message_path."""
    row = tx.one(
        f"""SELECT json_group_array(json_array(id, message_path)) FROM outbound_queue
            WHERE {IDS} AND status = 'sending' AND locked_by = ?""",
        json_of(ids),
        worker,
    )
    return dict(json.loads(row[0])) if row else {}


def _kind(settled: Settled) -> _Kind:
    attempt = settled.attempt
    state = after(settled.entry_id, State.SENDING, settled.event)
    return state, attempt.code if attempt else None, attempt.status if attempt else None


def _end(tx: Tx, kind: _Kind, ids: str) -> None:
    """`ids`: as JSON."""
    state, code, status = kind
    tx.run(
        f"""UPDATE outbound_queue SET status = ?, ended_as = ?, ended_at = ?, attempts = attempts + 1, last_attempt = ?,
                last_error = NULL, last_code = coalesce(?, last_code), last_status = coalesce(?, last_status),
                locked_by = NULL, locked_until = NULL
            WHERE {IDS}""",
        STATUS_OF[state],
        state,
        tx.now_ms,
        tx.now,
        code,
        status,
        ids,
    )
    tx.run(
        f"""INSERT INTO delivery_log (message_id, sender, recipient, status, direction, smtp_code, created_at)
            SELECT message_id, sender, recipient, ?, ?, ?, ? FROM outbound_queue WHERE {IDS}""",
        Outcome.DELIVERED,
        Direction.OUTBOUND,
        code,
        tx.now,
        ids,
    )


def _add_attempts(tx: Tx, made: Sequence[tuple[int, Attempt]]) -> None:
    """As attempts.add: those of rows that were deleted meanwhile are dropped."""
    rows = [
        (entry_id, a.started_at, a.duration_ms, a.host, a.address, a.tls, a.code, a.status, a.text[:MAX_TEXT])
        for entry_id, a in made
    ]
    columns = ", ".join(f"value ->> {place}" for place in range(9))
    tx.run(
        f"""INSERT INTO delivery_attempts (entry_id, started_at, duration_ms, host, address, tls, code, status, text)
            SELECT {columns} FROM json_each(?) WHERE EXISTS (SELECT 1 FROM outbound_queue WHERE id = value ->> 0)""",
        json.dumps(rows),
    )
