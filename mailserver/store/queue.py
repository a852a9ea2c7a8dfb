"""The outbound queue: one row per recipient, one spool file per message.

    pending   waiting for next_attempt               → sending (claim)
    sending   leased to a worker until locked_until  → sent, failed (finish), pending (lease over, or put off)
    sent, failed   done, or the sender's account is gone (cancel); kept for a while to be looked at

A row is live while it is pending or sending. The spool file appears with the commit that adds the first rows and
goes with the last live one; both are disk jobs of that transaction, so a crash loses neither side.
"""

import builtins
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum

from mailserver.errors import NoSuchQueueEntry
from mailserver.mail.transaction import Body, Ret
from mailserver.store import delivery_log, disk_jobs
from mailserver.store.database import Row, Rx, Tx
from mailserver.store.delivery_log import Delivery, Direction, Outcome
from mailserver.store.events import QueueChanged
from mailserver.store.staging import Staged

MAX_ERROR = 1000  # characters kept of what a server said
_SPOOL_NAME = re.compile(r"[0-9a-f]{64}")


class Status(StrEnum):
    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"


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
    expires_at: int  # epoch milliseconds
    user_id: int | None = None  # who submitted it
    envid: str | None = None
    ret: Ret | None = None
    body: Body = Body.SEVEN_BIT
    smtputf8: bool = False


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


_FIELDS = [field.name for field in fields(Entry)]
_COLUMNS = ", ".join(_FIELDS)
_STATUS, _SMTPUTF8 = _FIELDS.index("status"), _FIELDS.index("smtputf8")
_LIVE = "status IN ('pending', 'sending')"


def get(rx: Rx, entry_id: int) -> Entry:
    entry = find(rx, entry_id)
    if entry is None:
        raise NoSuchQueueEntry(f"No such queue entry: {entry_id}")
    return entry


def find(rx: Rx, entry_id: int) -> Entry | None:
    row = rx.one(f"SELECT {_COLUMNS} FROM outbound_queue WHERE id = ?", entry_id)
    return _entry(row) if row else None


def list(rx: Rx, status: Status | None = None, limit: int = 1000) -> builtins.list[Entry]:
    """In the order they will be tried."""
    rows = rx.all(
        f"SELECT {_COLUMNS} FROM outbound_queue WHERE status = ?1 OR ?1 IS NULL ORDER BY next_attempt, id LIMIT ?2",
        status,
        limit,
    )
    return [_entry(row) for row in rows]


def add(tx: Tx, outgoing: Outgoing, recipients: Sequence[QueueRecipient]) -> builtins.list[int]:
    """One row for each recipient, due now; the spool file appears after the commit."""
    ids = [
        tx.insert(
            """INSERT INTO outbound_queue (sender, recipient, message_path, next_attempt, created_at, expires_at,
                   user_id, envid, ret, notify, orcpt, body, smtputf8, message_octets, message_id)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            outgoing.sender,
            recipient.address,
            outgoing.spooled.name,
            tx.now,
            tx.now,
            outgoing.expires_at,
            outgoing.user_id,
            outgoing.envid,
            outgoing.ret,
            recipient.notify,
            recipient.orcpt,
            outgoing.body,
            int(outgoing.smtputf8),
            outgoing.spooled.staged.size,
            outgoing.spooled.staged.detail.message_id or None,
        )
        for recipient in recipients
    ]
    _forget_removal(tx, outgoing.spooled.name)
    tx.promise(disk_jobs.Spool(outgoing.spooled.staged.key, outgoing.spooled.name))
    tx.tell(QueueChanged())
    return ids


def claim(tx: Tx, worker: str, limit: int, lease_ms: int) -> builtins.list[Entry]:
    """Lease due rows, the longest due first; no two workers get the same, whatever process they are in.

    A row whose lease is over is due again: its worker crashed, or lost its network for longer than it asked for.
    """
    tx.run(
        """UPDATE outbound_queue SET status = 'pending', locked_by = NULL, locked_until = NULL
           WHERE status = 'sending' AND (locked_until IS NULL OR locked_until <= ?)""",
        tx.now_ms,
    )
    rows = tx.all(
        f"""UPDATE outbound_queue SET status = 'sending', locked_by = ?, locked_until = ?, last_attempt = ?
            WHERE id IN (SELECT id FROM outbound_queue WHERE status = 'pending' AND next_attempt <= ?
                         ORDER BY next_attempt, id LIMIT ?) RETURNING {_COLUMNS}""",
        worker,
        tx.now_ms + lease_ms,
        tx.now,
        tx.now,
        limit,
    )
    return sorted(map(_entry, rows), key=lambda entry: (entry.next_attempt, entry.id))


def finish(tx: Tx, worker: str, ids: Sequence[int], status: Status, error: str | None = None) -> int:
    """End rows this worker holds, as sent or failed; returns how many were still its own."""
    if status not in {Status.SENT, Status.FAILED}:
        raise ValueError(f"a row does not end as {status}")
    rows = tx.all(
        """UPDATE outbound_queue SET status = ?, attempts = attempts + 1, last_error = ?, locked_by = NULL,
               locked_until = NULL
           WHERE id IN (SELECT value FROM json_each(?)) AND status = 'sending' AND locked_by = ?
           RETURNING message_id, sender, recipient, message_path""",
        status,
        error[:MAX_ERROR] if error else None,
        json.dumps([*ids]),
        worker,
    )
    _log(tx, rows, Outcome.DELIVERED if status is Status.SENT else Outcome.BOUNCED, error)
    _unspool(tx, {row[3] for row in rows})
    tx.tell(QueueChanged())
    return len(rows)


def put_off(tx: Tx, worker: str, ids: Sequence[int], next_attempt: str, error: str | None = None) -> int:
    """Give rows this worker holds back, to be tried again then; returns how many were still its own."""
    rows = tx.all(
        """UPDATE outbound_queue SET status = 'pending', attempts = attempts + 1, last_error = ?, next_attempt = ?,
               locked_by = NULL, locked_until = NULL
           WHERE id IN (SELECT value FROM json_each(?)) AND status = 'sending' AND locked_by = ?
           RETURNING message_id, sender, recipient""",
        error[:MAX_ERROR] if error else None,
        next_attempt,
        json.dumps([*ids]),
        worker,
    )
    _log(tx, rows, Outcome.DEFERRED, error)
    tx.tell(QueueChanged())
    return len(rows)


def remove(tx: Tx, entry_id: int) -> None:
    """Whatever its state, for good; nobody is told. Raises NoSuchQueueEntry."""
    path = get(tx, entry_id).message_path
    tx.run("DELETE FROM outbound_queue WHERE id = ?", entry_id)
    _unspool(tx, {path})
    tx.tell(QueueChanged())


def cancel(tx: Tx, user_id: int, reason: str) -> int:
    """Fail what an account has under way, because the account is gone; returns how many rows."""
    rows = tx.all(
        f"""UPDATE outbound_queue SET status = 'failed', last_error = ?, locked_by = NULL, locked_until = NULL
            WHERE user_id = ? AND {_LIVE} RETURNING message_id, sender, recipient, message_path""",
        reason,
        user_id,
    )
    _log(tx, rows, Outcome.BOUNCED, reason)
    _unspool(tx, {row[3] for row in rows})
    return len(rows)


def remove_finished(tx: Tx, before: str) -> int:
    """Forget rows that were done before this time (UTC); returns how many."""
    return tx.run(
        "DELETE FROM outbound_queue WHERE status IN ('sent', 'failed') AND coalesce(last_attempt, created_at) < ?",
        before,
    )


def is_spool_name(path: str) -> bool:
    """Whether a row's message_path is one of ours: anything else never leads to a file."""
    return _SPOOL_NAME.fullmatch(path) is not None


def _log(tx: Tx, rows: Sequence[Row], outcome: Outcome, error: str | None) -> None:
    """`rows` begin with message_id, sender, recipient."""
    reason = error[:MAX_ERROR] if error else None
    for message_id, sender, recipient, *_ in rows:
        delivery = Delivery(message_id, sender, recipient, outcome, Direction.OUTBOUND, error_message=reason)
        delivery_log.add(tx, delivery)


def _unspool(tx: Tx, paths: set[str]) -> None:
    for path in sorted(paths):
        live = tx.one(f"SELECT 1 FROM outbound_queue WHERE message_path = ? AND {_LIVE} LIMIT 1", path)
        if live is None and is_spool_name(path):
            tx.promise(disk_jobs.Unspool(path))


def _forget_removal(tx: Tx, name: str) -> None:
    """The same octets again: the removal of their earlier file, repeated after a crash, would take the new one."""
    if tx.one("SELECT 1 FROM disk_jobs WHERE instr(work, ?) LIMIT 1", name) is not None:
        jobs = disk_jobs.list(tx)
        disk_jobs.remove(tx, [job_id for job_id, job in jobs if job == disk_jobs.Unspool(name)])


def _entry(row: Row) -> Entry:
    values = [*row]  # in the order of _COLUMNS, which are Entry's fields
    values[_STATUS], values[_SMTPUTF8] = Status(row[_STATUS]), bool(row[_SMTPUTF8])
    return Entry(*values)
