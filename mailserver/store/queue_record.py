"""What became of rows of the outbound queue, written down: their new states, their attempts, the log."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mailserver.store import attempts, delivery_log
from mailserver.store.attempts import Attempt
from mailserver.store.database import Tx, Value
from mailserver.store.delivery_log import Delivery, Direction, Outcome
from mailserver.store.events import QueueChanged, QueueSettled
from mailserver.store.queue import COLUMNS, STATUS_OF, Entry, entry_of, time_text
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
    changed: list[Entry] = []
    events: list[Event] = []
    for settled in results:
        entry = (_settle_waiting if settled.event in _OF_WAITING else _settle_sending)(tx, worker, settled)
        if entry is not None:
            changed.append(entry)
            events.append(settled.event)
        elif settled.attempt is not None:
            attempts.add(tx, [(settled.entry_id, settled.attempt)])
    unspool(tx, {entry.message_path for entry in changed if entry.ended_at is not None})
    tx.tell(QueueChanged())
    tx.tell(QueueSettled(tuple(events), seconds_of(results)))
    return changed


def seconds_of(results: Sequence[Settled]) -> tuple[float, ...]:
    """How long their attempts took, each once: recipients of one transaction share it."""
    attempts = [each.attempt for each in results if each.attempt is not None]
    return tuple(seconds for _, seconds, _ in {(a.started_at, a.duration_ms / 1000, a.host) for a in attempts})


def _settle_sending(tx: Tx, worker: str, settled: Settled) -> Entry | None:
    """None where the worker does not hold the row any more."""
    return _written(tx, settled, State.SENDING, "id = ? AND status = 'sending' AND locked_by = ?", worker)


def _settle_waiting(tx: Tx, worker: str, settled: Settled) -> Entry | None:
    """What may happen to rows that nobody holds as well; None where another worker does, or it has ended."""
    row = tx.one(f"SELECT {COLUMNS} FROM outbound_queue WHERE id = ?", settled.entry_id)
    entry = entry_of(row) if row else None
    if entry is None or (entry.state is State.SENDING and entry.locked_by != worker):
        return None
    return settle(tx, entry, settled) if entry.state in {State.SENDING, State.PENDING} else None


def settle(tx: Tx, entry: Entry, settled: Settled) -> Entry:
    """One row that its worker holds, or that waits, as it is now. Raises WrongState."""
    return _written(tx, settled, entry.state, "id = ?") or entry


def _written(tx: Tx, settled: Settled, before: State, where: str, *params: Value) -> Entry | None:
    """The row in its new state, its attempt and the log; None where no row is meant. Raises WrongState."""
    event, attempt = settled.event, settled.attempt
    state = after(settled.entry_id, before, event)
    text = settled.text or (attempt.text if attempt else "")
    tried = before is State.SENDING and event is not Event.RETURN
    columns = _columns(tx, settled, state, text, tried=tried)
    counts = "attempts = attempts + 1, " if tried else ""
    doubts = "in_doubt = in_doubt + 1, " if event is Event.LOSE else ""
    rows = tx.all(
        f"""UPDATE outbound_queue SET {counts}{doubts}{", ".join(f"{name} = ?" for name in columns)}
            WHERE {where} RETURNING {COLUMNS}""",
        *columns.values(),
        settled.entry_id,
        *params,
    )
    if not rows:
        return None
    [changed] = map(entry_of, rows)
    if attempt is not None:
        attempts.add(tx, [(changed.id, attempt)])
    log(tx, [changed], event, text, attempt.code if attempt else None)
    return changed


def _columns(tx: Tx, settled: Settled, state: State, text: str, *, tried: bool) -> dict[str, Value]:
    """What changes, and no more: each column named costs the indexes and the trigger that look at it."""
    event, attempt = settled.event, settled.attempt
    columns: dict[str, Value] = {"status": STATUS_OF[state], "locked_by": None, "locked_until": None}
    if state in ENDED:
        columns |= {"ended_as": state, "ended_at": tx.now_ms}
    if tried:
        columns["last_attempt"] = tx.now
    if settled.next_attempt is not None:
        columns["next_attempt"] = time_text(settled.next_attempt)
    error = None if state in SUCCEEDED else text[:MAX_ERROR] or None
    if error is not None or event not in _SILENT:
        columns["last_error"] = error
    if attempt is not None and attempt.code is not None:
        columns["last_code"] = attempt.code
    if attempt is not None and attempt.status is not None:
        columns["last_status"] = attempt.status
    if event is Event.WARN:
        columns["delay_told_at"] = tx.now_ms
    return columns


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
