"""What became of rows of the outbound queue, written down: their new states, their attempts, the log."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mailserver.store import attempts, delivery_log
from mailserver.store.attempts import Attempt
from mailserver.store.database import Tx
from mailserver.store.delivery_log import Delivery, Direction, Outcome
from mailserver.store.events import QueueChanged, QueueSettled
from mailserver.store.queue import COLUMNS, IDS, STATUS_OF, Entry, entry_of, json_of, time_text
from mailserver.store.queue_states import ENDED, SUCCEEDED, Event, State, after
from mailserver.store.spool import unspool

MAX_ERROR = 1000  # characters kept of what a server said

_OUTCOMES = {
    Event.DELIVER: Outcome.DELIVERED,
    Event.RELAY: Outcome.DELIVERED,
    Event.DEFER: Outcome.DEFERRED,
    Event.BOUNCE: Outcome.BOUNCED,
    Event.EXPIRE: Outcome.BOUNCED,
    Event.LOSE: Outcome.DEFERRED,
    Event.CANCEL: Outcome.BOUNCED,
    Event.ABANDON: Outcome.BOUNCED,
}
_OF_WAITING = frozenset({Event.WARN, Event.EXPIRE})  # happen to rows that no worker holds
_SILENT = frozenset({Event.WARN, Event.RETURN})  # leave what was said before


@dataclass(frozen=True, slots=True)
class Settled:
    """What becomes of one row after a turn; `record` writes it."""

    entry_id: int
    event: Event  # DELIVER, RELAY, DEFER, BOUNCE, EXPIRE, RETURN, LOSE; of a waiting row WARN and EXPIRE
    attempt: Attempt | None = None
    next_attempt: int | None = None  # epoch milliseconds; None: as it was
    text: str = ""  # why, where it is not what the attempt says


def record(tx: Tx, worker: str, results: Sequence[Settled]) -> list[Entry]:
    """Write what became of rows: their new states, their attempts, the log; the spool file of a last one goes.

    Only rows this worker still holds change; of others (taken back, deleted, given to another worker) the attempt
    alone is kept. WARN and EXPIRE may happen to waiting rows too. Returns the changed rows as they are now. Raises
    WrongState for an event that no row in its state can have.
    """
    rows = tx.all(f"SELECT {COLUMNS} FROM outbound_queue WHERE {IDS}", json_of(each.entry_id for each in results))
    entries = {entry.id: entry for entry in map(entry_of, rows)}
    changed: list[Entry] = []
    events: list[Event] = []
    for settled in results:
        entry = entries.get(settled.entry_id)
        if entry is not None and _may_settle(entry, worker, settled.event):
            changed.append(settle(tx, entry, settled))
            events.append(settled.event)
        elif settled.attempt is not None:
            attempts.add(tx, [(settled.entry_id, settled.attempt)])
    unspool(tx, {entry.message_path for entry in changed if entry.ended_at is not None})
    tx.tell(QueueChanged())
    tx.tell(QueueSettled(tuple(events), _seconds(results)))
    return changed


def _seconds(results: Sequence[Settled]) -> tuple[float, ...]:
    attempts = [each.attempt for each in results if each.attempt is not None]
    return tuple(seconds for _, seconds, _ in {(a.started_at, a.duration_ms / 1000, a.host) for a in attempts})


def _may_settle(entry: Entry, worker: str, event: Event) -> bool:
    if entry.state is State.SENDING:
        return entry.locked_by == worker
    return entry.state is State.PENDING and event in _OF_WAITING


def settle(tx: Tx, entry: Entry, settled: Settled) -> Entry:
    """One row that its worker holds, or that waits, as it is now. Raises WrongState."""
    event, attempt = settled.event, settled.attempt
    state = after(entry.id, entry.state, event)
    tried = entry.state is State.SENDING and event is not Event.RETURN
    text = settled.text or (attempt.text if attempt else "")
    error = None if state in SUCCEEDED else text[:MAX_ERROR] or None
    [row] = tx.all(
        f"""UPDATE outbound_queue SET status = ?, ended_as = ?, ended_at = ?, attempts = attempts + ?,
                last_attempt = coalesce(?, last_attempt), next_attempt = coalesce(?, next_attempt),
                last_error = CASE ? WHEN 1 THEN coalesce(?, last_error) ELSE ? END,
                last_code = coalesce(?, last_code), last_status = coalesce(?, last_status),
                delay_told_at = coalesce(?, delay_told_at), in_doubt = in_doubt + ?,
                locked_by = NULL, locked_until = NULL
            WHERE id = ? RETURNING {COLUMNS}""",
        STATUS_OF[state],
        state if state in ENDED else None,
        tx.now_ms if state in ENDED else None,
        int(tried),
        tx.now if tried else None,
        None if settled.next_attempt is None else time_text(settled.next_attempt),
        int(event in _SILENT),
        error,
        error,
        attempt.code if attempt else None,
        attempt.status if attempt else None,
        tx.now_ms if event is Event.WARN else None,
        int(event is Event.LOSE),
        entry.id,
    )
    if attempt is not None:
        attempts.add(tx, [(entry.id, attempt)])
    changed = entry_of(row)
    log(tx, [changed], event, text, attempt.code if attempt else None)
    return changed


def log(tx: Tx, entries: Iterable[Entry], event: Event, reason: str, code: int | None = None) -> None:
    outcome = _OUTCOMES.get(event)
    if outcome is None:
        return
    error = None if outcome is Outcome.DELIVERED else reason[:MAX_ERROR] or None
    for entry in entries:
        delivery_log.add(
            tx,
            Delivery(entry.message_id, entry.sender, entry.recipient, outcome, Direction.OUTBOUND, code, error),
        )
