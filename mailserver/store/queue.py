"""The outbound queue: one row per recipient, one spool file per message.

A row's states and what leads from one to another: queue_states.py. A row is live until it has ended. The spool file
appears with the commit that adds the first rows and goes with the last live one; both are disk jobs of that
transaction, so a crash loses neither side.

    crash after the claim      the row is 'sending' with a lease; the next start returns it, in doubt
    crash before the record    the same: nobody knows what the other side got, so it is sent again
    crash after the record     done: another recipient's retry never repeats it
"""

import builtins
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import IntEnum, StrEnum

from mailserver.errors import NoSuchQueueEntry
from mailserver.mail.transaction import Body, Ret
from mailserver.store import attempts, delivery_log, disk_jobs
from mailserver.store.attempts import Attempt
from mailserver.store.database import Row, Rx, Tx, Value, text_time
from mailserver.store.delivery_log import Delivery, Direction, Outcome
from mailserver.store.events import QueueChanged, QueueSettled
from mailserver.store.queue_states import ENDED, SUCCEEDED, Event, State, after
from mailserver.store.staging import Staged
from mailserver.text import split_address

MAX_ERROR = 1000  # characters kept of what a server said
FINISHED_BATCH = 1000  # finished rows forgotten in one transaction
MAX_SIBLINGS = 1000  # rows of one message that a claim takes beyond its limit
DOUBTS_AT_ONCE = 3  # a row whose attempts end with the server's own end waits, from then on
IN_DOUBT = "The server stopped while this was being sent: it may arrive twice"
_SPOOL_NAME = re.compile(r"[0-9a-f]{64}")


_Group = tuple[str, str, str]  # message_path, sender, destination


class Status(StrEnum):
    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"


class Priority(IntEnum):
    """The lower overtakes the higher."""

    INTERACTIVE = 0
    BULK = 1


@dataclass(frozen=True, slots=True)
class Spooled:
    """A staged file on its way to the spool."""

    staged: Staged
    name: str  # SHA-256 of the content, hexadecimal


@dataclass(frozen=True, slots=True)
class QueueRecipient:
    address: str
    notify: str | None = None  # "SUCCESS,DELAY" …, RFC 3461 §4.1
    orcpt: str | None = None  # xtext not decoded


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What all rows of a message share."""

    sender: str  # reverse-path, "" for the null one
    spooled: Spooled
    expires_at: int  # epoch milliseconds; counted from not_before where that is given
    user_id: int | None = None  # who submitted it
    envid: str | None = None
    ret: Ret | None = None
    body: Body = Body.SEVEN_BIT
    smtputf8: bool = False
    transaction_id: str | None = None  # as the 250 named it
    domain_id: int | None = None  # domain of ours that it is sent for
    priority: Priority = Priority.INTERACTIVE
    not_before: int | None = None  # epoch milliseconds
    require_tls: bool = False  # RFC 8689
    tls_optional: bool = False  # "TLS-Required: No", RFC 8689


@dataclass(frozen=True, slots=True)
class Entry:
    id: int
    sender: str
    recipient: str
    message_path: str  # below data/spool
    attempts: int
    last_attempt: str | None  # UTC
    next_attempt: str  # UTC
    last_error: str | None
    status: Status
    created_at: str  # UTC
    locked_by: str | None
    locked_until: int | None  # epoch milliseconds
    expires_at: int | None  # epoch milliseconds
    user_id: int | None
    envid: str | None
    ret: str | None
    notify: str | None
    orcpt: str | None
    body: str
    smtputf8: bool
    message_octets: int
    message_id: str | None
    destination: str  # A-labels in lower case, or an address literal
    priority: int
    not_before: int | None  # epoch milliseconds
    held_at: int | None  # epoch milliseconds
    hold_reason: str | None
    ended_as: State | None  # delivered, relayed, bounced, expired, cancelled
    ended_at: int | None  # epoch milliseconds
    transaction_id: str | None
    domain_id: int | None
    require_tls: bool
    tls_optional: bool
    last_code: int | None  # reply code of the last attempt
    last_status: str | None  # enhanced status of it
    delay_told_at: int | None  # epoch milliseconds
    in_doubt: int

    @property
    def state(self) -> State:
        if self.ended_as is not None:
            return self.ended_as
        if self.status is Status.SENDING:
            return State.SENDING
        return State.PENDING if self.held_at is None else State.HELD


@dataclass(frozen=True, slots=True)
class Settled:
    """What becomes of one row after a turn; `record` writes it."""

    entry_id: int
    event: Event  # DELIVER, RELAY, DEFER, BOUNCE, EXPIRE, RETURN, LOSE; of a waiting row WARN and EXPIRE
    attempt: Attempt | None = None
    next_attempt: int | None = None  # epoch milliseconds; None: as it was
    text: str = ""  # why, where it is not what the attempt says


FIELDS = [field.name for field in fields(Entry)]
COLUMNS = ", ".join(FIELDS)
_STATUS, _ENDED_AS = FIELDS.index("status"), FIELDS.index("ended_as")
_BOOLEANS = [FIELDS.index(name) for name in ("smtputf8", "require_tls", "tls_optional")]
# What of a row tells that it is waiting and nobody holds it up: the words of idx_queue_due.
DUE = "status = 'pending' AND held_at IS NULL"
IDS = "id IN (SELECT value FROM json_each(?))"

STATUS_OF = {
    State.PENDING: Status.PENDING,
    State.HELD: Status.PENDING,
    State.SENDING: Status.SENDING,
    **dict.fromkeys(SUCCEEDED, Status.SENT),
    **dict.fromkeys(ENDED - SUCCEEDED, Status.FAILED),
}
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


# ---- looking ----


def get(rx: Rx, entry_id: int) -> Entry:
    entry = find(rx, entry_id)
    if entry is None:
        raise NoSuchQueueEntry(f"No such queue entry: {entry_id}")
    return entry


def find(rx: Rx, entry_id: int) -> Entry | None:
    row = rx.one(f"SELECT {COLUMNS} FROM outbound_queue WHERE id = ?", entry_id)
    return entry_of(row) if row else None


def list(
    rx: Rx,
    status: Status | None = None,
    limit: int = 1000,
    *,
    user_id: int | None = None,
    destination: str | None = None,
) -> builtins.list[Entry]:
    """Live ones in the order they will be tried, then those that have ended, the last first."""
    wanted = "(status = ?1 OR ?1 IS NULL) AND (user_id = ?2 OR ?2 IS NULL) AND (destination = ?3 OR ?3 IS NULL)"
    rows = rx.all(
        f"""SELECT {COLUMNS} FROM outbound_queue WHERE ended_at IS NULL AND {wanted}
            ORDER BY next_attempt, id LIMIT ?4""",
        status,
        user_id,
        destination,
        limit,
    )
    rows += rx.all(
        f"""SELECT {COLUMNS} FROM outbound_queue WHERE ended_at IS NOT NULL AND {wanted}
            ORDER BY ended_at DESC, id DESC LIMIT ?4""",
        status,
        user_id,
        destination,
        limit - len(rows),
    )
    return [entry_of(row) for row in rows]


def destination_of(address: str) -> str:
    """The domain a recipient's mail goes to, as lanes and rows name it."""
    try:
        return split_address(address)[1]
    except ValueError:  # an old row's; whoever delivers refuses it with a reason
        return address.rpartition("@")[2].lower()


def is_spool_name(path: str) -> bool:
    """Whether a row's message_path is one of ours: anything else never leads to a file."""
    return _SPOOL_NAME.fullmatch(path) is not None


# ---- in and out ----


def add(tx: Tx, outgoing: Outgoing, recipients: Sequence[QueueRecipient]) -> builtins.list[int]:
    """One row for each recipient, due now or at not_before; the spool file appears after the commit."""
    due = tx.now if outgoing.not_before is None else max(tx.now, time_text(outgoing.not_before))
    shared: dict[str, Value] = {
        "sender": outgoing.sender,
        "message_path": outgoing.spooled.name,
        "next_attempt": due,
        "created_at": tx.now,
        "expires_at": outgoing.expires_at,
        "user_id": outgoing.user_id,
        "envid": outgoing.envid,
        "ret": outgoing.ret,
        "body": outgoing.body,
        "smtputf8": int(outgoing.smtputf8),
        "message_octets": outgoing.spooled.staged.size,
        "message_id": outgoing.spooled.staged.detail.message_id or None,
        "priority": outgoing.priority,
        "not_before": outgoing.not_before,
        "transaction_id": outgoing.transaction_id,
        "domain_id": outgoing.domain_id,
        "require_tls": int(outgoing.require_tls),
        "tls_optional": int(outgoing.tls_optional),
    }
    columns = (*shared, "recipient", "destination", "notify", "orcpt")
    sql = f"INSERT INTO outbound_queue ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    ids = [
        tx.insert(
            sql,
            *shared.values(),
            recipient.address,
            destination_of(recipient.address),
            recipient.notify,
            recipient.orcpt,
        )
        for recipient in recipients
    ]
    _forget_removal(tx, outgoing.spooled.name)
    tx.promise(disk_jobs.Spool(outgoing.spooled.staged.key, outgoing.spooled.name))
    tx.tell(QueueChanged(len(ids)))
    return ids


def remove(tx: Tx, entry_id: int) -> None:
    """Whatever its state, for good; nobody is told. Raises NoSuchQueueEntry."""
    path = get(tx, entry_id).message_path
    tx.run("DELETE FROM outbound_queue WHERE id = ?", entry_id)
    unspool(tx, {path})
    tx.tell(QueueChanged())


def remove_finished(tx: Tx, before_ms: int) -> int:
    """Forget some of the rows that ended before this moment, the first first; returns how many.

    Those of a message that still waits for others stay: whoever takes it back has to know that some have it.
    """
    return tx.run(
        """DELETE FROM outbound_queue WHERE id IN (
               SELECT q.id FROM outbound_queue q WHERE q.ended_at < ? AND NOT EXISTS (
                   SELECT 1 FROM outbound_queue o WHERE o.transaction_id = q.transaction_id AND o.ended_at IS NULL)
               ORDER BY q.ended_at LIMIT ?)""",
        before_ms,
        FINISHED_BATCH,
    )


def unspool(tx: Tx, paths: Iterable[str]) -> None:
    """Remove the spool files among these that no live row needs any more."""
    for path in sorted(paths):
        live = tx.one("SELECT 1 FROM outbound_queue WHERE message_path = ? AND ended_at IS NULL LIMIT 1", path)
        if live is None and is_spool_name(path):
            tx.promise(disk_jobs.Unspool(path))


def _forget_removal(tx: Tx, name: str) -> None:
    """The same octets again: the removal of their earlier file, repeated after a crash, would take the new one."""
    if tx.one("SELECT 1 FROM disk_jobs WHERE instr(work, ?) LIMIT 1", name) is not None:
        jobs = disk_jobs.list(tx)
        disk_jobs.remove(tx, [job_id for job_id, job in jobs if job == disk_jobs.Unspool(name)])


# ---- working ----


def claim(
    tx: Tx, worker: str, limit: int, lease_ms: int, busy: Mapping[str, int] | None = None, per_destination: int = 0
) -> builtins.list[Entry]:
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


def full(busy: Mapping[str, int], per_destination: int) -> builtins.list[str]:
    """Destinations that can take no more now."""
    return [name for name, count in busy.items() if count >= per_destination]


def _pick(tx: Tx, limit: int, busy: dict[str, int], per_destination: int) -> builtins.list[int]:
    """Ids. What full destinations hide in the first rows, the next claim finds."""
    picked: builtins.list[int] = []
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


def _siblings(tx: Tx, rows: Sequence[Row]) -> builtins.list[Row]:
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


def lose(tx: Tx, worker: str, *, alone: bool = False) -> builtins.list[Entry]:
    """Return rows whose worker is gone, in doubt: those of a lease that is over.

    `alone`: of all other workers at once; for the holder of the data folder's lock, when it starts.
    """
    over = "1" if alone else "(locked_until IS NULL OR locked_until <= ?2)"
    rows = tx.all(
        f"""SELECT {COLUMNS} FROM outbound_queue INDEXED BY idx_queue_lease
            WHERE status = 'sending' AND locked_by IS NOT ?1 AND {over}""",
        *((worker,) if alone else (worker, tx.now_ms)),
    )
    return [_settle(tx, entry, _lost(tx, entry)) for entry in map(entry_of, rows)]


def _lost(tx: Tx, entry: Entry) -> Settled:
    """Due at once as it was, unless it is what ends the server each time."""
    delay = entry.in_doubt**2 * 60_000 if entry.in_doubt >= DOUBTS_AT_ONCE else None
    later = None if delay is None else tx.now_ms + delay
    return Settled(entry.id, Event.LOSE, Attempt(tx.now_ms, 0, text=IN_DOUBT), later)


def record(tx: Tx, worker: str, results: Sequence[Settled]) -> builtins.list[Entry]:
    """Write what became of rows: their new states, their attempts, the log; the spool file of a last one goes.

    Only rows this worker still holds change; of others (taken back, deleted, given to another worker) the attempt
    alone is kept. WARN and EXPIRE may happen to waiting rows too. Returns the changed rows as they are now. Raises
    WrongState for an event that no row in its state can have.
    """
    rows = tx.all(f"SELECT {COLUMNS} FROM outbound_queue WHERE {IDS}", json_of(each.entry_id for each in results))
    entries = {entry.id: entry for entry in map(entry_of, rows)}
    changed: builtins.list[Entry] = []
    events: builtins.list[Event] = []
    for settled in results:
        entry = entries.get(settled.entry_id)
        if entry is not None and _may_settle(entry, worker, settled.event):
            changed.append(_settle(tx, entry, settled))
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


def _settle(tx: Tx, entry: Entry, settled: Settled) -> Entry:
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


# ---- shapes ----


def time_text(epoch_ms: int) -> str:
    """The first moment of the columns' kind that is not before this one."""
    return text_time(datetime.fromtimestamp(-(-epoch_ms // 1000), UTC))


def entry_of(row: Row) -> Entry:
    values = [*row]  # in the order of COLUMNS, which are Entry's fields
    values[_STATUS] = Status(row[_STATUS])
    if row[_ENDED_AS] is not None:
        values[_ENDED_AS] = State(row[_ENDED_AS])
    for place in _BOOLEANS:
        values[place] = bool(row[place])
    return Entry(*values)


def json_of(values: Iterable[int | str]) -> str:
    return json.dumps([*values])
