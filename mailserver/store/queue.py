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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum, StrEnum

import msgspec

from mailserver.errors import NoSuchQueueEntry
from mailserver.mail.transaction import Body, Ret
from mailserver.store import disk_jobs
from mailserver.store.database import Row, Rx, Tx, Value, text_time
from mailserver.store.events import QueueChanged
from mailserver.store.queue_states import ENDED, SUCCEEDED, State
from mailserver.store.spool import Spooled, unspool
from mailserver.text import split_address

FINISHED_BATCH = 1000  # finished rows forgotten in one transaction


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
class QueueRecipient:
    address: str
    notify: str | None = None  # "SUCCESS,DELAY" …, RFC 3461 §4.1
    orcpt: str | None = None  # xtext not decoded
    is_forwarded: bool = False  # an alias of ours leads there: the row is not the submitter's, who may not know of it


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


class Entry(msgspec.Struct, frozen=True):
    """A row. Not a dataclass: those take twenty times as long to be made, and a hundred are for each claim."""

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


FIELDS = Entry.__struct_fields__
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


def list_of(rx: Rx, transaction_id: str) -> builtins.list[tuple[int, str]]:
    """Id and recipient of the rows of one message that were not taken back and did not fail."""
    rows = rx.all(
        """SELECT id, recipient FROM outbound_queue
           WHERE transaction_id = ? AND coalesce(ended_as, 'delivered') IN ('delivered', 'relayed') ORDER BY id""",
        transaction_id,
    )
    return [(int(entry_id), str(recipient)) for entry_id, recipient in rows]


def destination_of(address: str) -> str:
    """The domain a recipient's mail goes to, as lanes and rows name it."""
    try:
        return split_address(address)[1]
    except ValueError:  # an old row's; whoever delivers refuses it with a reason
        return address.rpartition("@")[2].lower()


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
    columns = (*shared, "recipient", "destination", "notify", "orcpt", "user_id")
    sql = f"INSERT INTO outbound_queue ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    ids = [
        tx.insert(
            sql,
            *shared.values(),
            recipient.address,
            destination_of(recipient.address),
            recipient.notify,
            recipient.orcpt,
            None if recipient.is_forwarded else outgoing.user_id,
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


def _forget_removal(tx: Tx, name: str) -> None:
    """The same octets again: the removal of their earlier file, repeated after a crash, would take the new one."""
    if tx.one("SELECT 1 FROM disk_jobs WHERE instr(work, ?) LIMIT 1", name) is not None:
        jobs = disk_jobs.list(tx)
        disk_jobs.remove(tx, [job_id for job_id, job in jobs if job == disk_jobs.Unspool(name)])


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
