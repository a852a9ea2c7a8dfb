"""What people and commands do with rows of the outbound queue: all of those asked for, or none.

Each raises NoSuchQueueEntry, and WrongState where a row's state does not allow it (queue_states.py).
"""

from collections.abc import Iterable, Sequence

from mailserver.store import queue, queue_record, spool
from mailserver.store.database import Tx, Value
from mailserver.store.events import QueueChanged
from mailserver.store.queue import COLUMNS, DUE, STATUS_OF, Entry, entry_of
from mailserver.store.queue_states import Event, after

MAX_REASON = 200  # characters


def hold(tx: Tx, ids: Iterable[int], reason: str) -> None:
    """Not tried until it is released, and not given up."""
    for entry in _changing(tx, ids, Event.HOLD):
        _set(tx, entry, held_at=tx.now_ms, hold_reason=reason[:MAX_REASON] or None)


def release(tx: Tx, ids: Iterable[int]) -> None:
    """Tried again, at its time if that is still to come."""
    for entry in _changing(tx, ids, Event.RELEASE):
        _set(tx, entry, held_at=None, hold_reason=None)


def retry(tx: Tx, ids: Iterable[int]) -> None:
    """Due now, whatever it was scheduled for."""
    for entry in _changing(tx, ids, Event.RETRY):
        _set(tx, entry, next_attempt=tx.now, not_before=None)


def flush(tx: Tx, destination: str | None = None) -> int:
    """Everything that was put off is due now, or what goes to one destination; returns how many rows.

    What is held or scheduled stays.
    """
    flushed = tx.run(
        f"""UPDATE outbound_queue SET next_attempt = ?1
            WHERE {DUE} AND next_attempt > ?1 AND coalesce(not_before, 0) <= ?2
                AND (destination = ?3 OR ?3 IS NULL)""",
        tx.now,
        tx.now_ms,
        destination,
    )
    tx.tell(QueueChanged())
    return flushed


def reschedule(tx: Tx, ids: Iterable[int], not_before: int | None) -> None:
    """Not tried before this moment (epoch milliseconds), None for at once; its days count from then."""
    for entry in _changing(tx, ids, Event.RESCHEDULE):
        start = max(tx.now_ms, not_before or 0)
        expires = entry.expires_at
        if expires is not None:
            expires += start - max(entry.not_before or 0, _first(tx, entry))
        _set(tx, entry, not_before=not_before, next_attempt=queue.time_text(start), expires_at=expires)


def cancel(tx: Tx, ids: Iterable[int], reason: str) -> list[Entry]:
    """Take back what has not been sent; the rows stay in the history. Returns them as they are now."""
    return _end(tx, _changing(tx, ids, Event.CANCEL), Event.CANCEL, reason)


def set_aside_user(tx: Tx, user_id: int, reason: str) -> None:
    """Hold what an account scheduled that is deleted or disabled: it writes to nobody, and may be brought back."""
    _set_aside(tx, "user_id = ?1", user_id, reason)


def set_aside_domain(tx: Tx, domain_id: int, reason: str) -> None:
    """The same for all accounts of a domain of ours, and what is sent for it."""
    _set_aside(tx, _OF_DOMAIN, domain_id, reason)


def bring_back(tx: Tx, reason: str) -> None:
    """Release what was set aside for this reason; its time may be past, then it is due."""
    rows = tx.all("SELECT id FROM outbound_queue WHERE ended_at IS NULL AND hold_reason = ?", reason)
    release(tx, [entry_id for (entry_id,) in rows])


_OF_DOMAIN = "(domain_id = ?1 OR user_id IN (SELECT id FROM users WHERE domain_id = ?1))"


def _set_aside(tx: Tx, whose: str, value: int, reason: str) -> None:
    rows = tx.all(f"SELECT id FROM outbound_queue WHERE {whose} AND {DUE} AND not_before > ?2", value, tx.now_ms)
    hold(tx, [entry_id for (entry_id,) in rows], reason)


def abandon_user(tx: Tx, user_id: int, reason: str) -> int:
    """End what an account has under way, because the account is gone; returns how many rows."""
    return _abandon(tx, "user_id", user_id, reason)


def abandon_domain(tx: Tx, domain_id: int, reason: str) -> int:
    """The same for a domain of ours."""
    return _abandon(tx, "domain_id", domain_id, reason)


def _abandon(tx: Tx, column: str, value: int, reason: str) -> int:
    rows = tx.all(f"SELECT {COLUMNS} FROM outbound_queue WHERE {column} = ? AND ended_at IS NULL", value)
    return len(_end(tx, [entry_of(row) for row in rows], Event.ABANDON, reason))


def _end(tx: Tx, entries: Sequence[Entry], event: Event, reason: str) -> list[Entry]:
    ended = [_ended(tx, entry, event, reason) for entry in entries]
    queue_record.log(tx, ended, event, reason)
    spool.unspool(tx, {entry.message_path for entry in ended})
    return ended


def _ended(tx: Tx, entry: Entry, event: Event, reason: str) -> Entry:
    state = after(entry.id, entry.state, event)
    status, error = STATUS_OF[state], reason[: queue_record.MAX_ERROR]
    _set(
        tx, entry, status=status, ended_as=state, ended_at=tx.now_ms, last_error=error,
        locked_by=None, locked_until=None,
    )  # fmt: skip
    return queue.get(tx, entry.id)


def _changing(tx: Tx, ids: Iterable[int], event: Event) -> list[Entry]:
    """The rows, when all of them may do that."""
    entries = [queue.get(tx, entry_id) for entry_id in dict.fromkeys(ids)]
    for entry in entries:
        after(entry.id, entry.state, event)
    tx.tell(QueueChanged())
    return entries


def _first(tx: Tx, entry: Entry) -> int:
    """When the row came, in epoch milliseconds."""
    row = tx.one("SELECT unixepoch(?) * 1000", entry.created_at)
    return int(row[0]) if row and row[0] is not None else tx.now_ms


def _set(tx: Tx, entry: Entry, **values: Value) -> None:
    columns = ", ".join(f"{name} = ?" for name in values)
    tx.run(f"UPDATE outbound_queue SET {columns} WHERE id = ?", *values.values(), entry.id)
