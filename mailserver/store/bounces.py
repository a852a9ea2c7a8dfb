"""Mail that came back: a row for each recipient and message, from our own attempts and from other servers' reports.

Hard bounces of an address add up: enough of them within some days, and submission refuses the address for a while
(suppressions.py), because who goes on writing to addresses that are not there is taken for a spammer.
"""

import builtins
from dataclasses import dataclass
from enum import StrEnum

from mailserver.store import suppressions
from mailserver.store.database import Rx, Tx
from mailserver.text import join_address, split_address

MAX_TEXT = 1000  # characters kept of what a server said
BATCH = 1000  # rows forgotten in one transaction
MAX_SENT = 10_000  # recipients of one message that a report is compared with
DAY_MS = 86_400_000


class Source(StrEnum):
    QUEUE = "queue"  # our own attempt
    REPORT = "report"  # another server's notification


@dataclass(frozen=True, slots=True)
class Policy:
    """When bounces lead to suppression."""

    hard_bounces: int  # 0: never
    within_days: float
    suppress_days: float


@dataclass(frozen=True, slots=True)
class Returned:
    """What is to be written down."""

    address: str
    status: str  # RFC 3463
    is_hard: bool
    source: Source
    text: str
    message_id: str | None  # without angle brackets


@dataclass(frozen=True, slots=True)
class Sent:
    recipient: str
    message_id: str | None  # without angle brackets


@dataclass(frozen=True, slots=True)
class BounceRow:
    address: str
    happened_at: int  # epoch milliseconds
    status: str
    is_hard: bool
    is_counted: bool
    source: Source
    text: str
    message_id: str | None


def as_compared(address: str) -> str:
    """One spelling for an address; what is none of ours to judge stays, in lower case."""
    try:
        return join_address(*split_address(address))
    except ValueError:
        return address.lower()


def add(tx: Tx, returned: Returned, policy: Policy) -> bool:
    """Write it down, once for each message; True where the address is suppressed because of it."""
    address = as_compared(returned.address)
    if _is_known(tx, address, returned):
        return False
    tx.insert(
        """INSERT INTO bounces (address, happened_at, status, is_hard, is_counted, source, text, message_id)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
        address,
        tx.now_ms,
        returned.status,
        int(returned.is_hard),
        int(returned.is_hard),
        returned.source,
        returned.text[:MAX_TEXT],
        returned.message_id,
    )
    return returned.is_hard and _suppress(tx, address, returned.text, policy)


def sent_to(rx: Rx, message_id: str) -> frozenset[str]:
    """Whom this message of ours went to, as addresses are compared; none where we did not send it."""
    rows = rx.all(
        """SELECT DISTINCT recipient FROM delivery_log WHERE direction = 'outbound' AND message_id = ? LIMIT ?""",
        message_id,
        MAX_SENT,
    )
    return frozenset(as_compared(recipient) for (recipient,) in rows)


def sent_in(rx: Rx, entry_id: int) -> Sent | None:
    """What a row of the queue was about; None where it is not listed any more."""
    row = rx.one("SELECT recipient, message_id FROM outbound_queue WHERE id = ?", entry_id)
    return None if row is None else Sent(str(row[0]), row[1])


def list(rx: Rx, address: str | None = None, limit: int = 100) -> builtins.list[BounceRow]:
    """Newest first; of one address, or of all."""
    rows = rx.all(
        """SELECT address, happened_at, status, is_hard, is_counted, source, text, message_id FROM bounces
           WHERE address = ?1 OR ?1 IS NULL ORDER BY happened_at DESC, id DESC LIMIT ?2""",
        None if address is None else as_compared(address),
        limit,
    )
    return [
        BounceRow(bounced, at, status, bool(hard), bool(counted), Source(source), text, message_id)
        for bounced, at, status, hard, counted, source, text, message_id in rows
    ]


def forgive(tx: Tx, address: str) -> None:
    """What came back until now does not count any more."""
    tx.run("UPDATE bounces SET is_counted = 0 WHERE address = ?", as_compared(address))


def remove_old(tx: Tx, before_ms: int) -> int:
    """Some of what is older, the oldest first; returns how many, 0 when nothing is left."""
    return tx.run(
        "DELETE FROM bounces WHERE id IN (SELECT id FROM bounces WHERE happened_at < ? ORDER BY happened_at LIMIT ?)",
        before_ms,
        BATCH,
    )


def _is_known(rx: Rx, address: str, returned: Returned) -> bool:
    """Our attempt and a report, or two reports, of one message are one bounce."""
    if returned.message_id is None:
        return False
    row = rx.one(
        "SELECT 1 FROM bounces WHERE address = ? AND message_id = ? AND is_hard >= ? LIMIT 1",
        address,
        returned.message_id,
        int(returned.is_hard),
    )
    return row is not None


def _suppress(tx: Tx, address: str, text: str, policy: Policy) -> bool:
    row = tx.one(
        "SELECT count(*) FROM bounces WHERE address = ? AND is_counted = 1 AND happened_at > ?",
        address,
        tx.now_ms - int(policy.within_days * DAY_MS),
    )
    count = int(row[0]) if row else 0
    if not policy.hard_bounces or count < policy.hard_bounces:
        return False
    until = tx.now_ms + int(policy.suppress_days * DAY_MS)
    suppressions.add(tx, suppressions.Suppression(address, tx.now_ms, until, count, text[:MAX_TEXT]))
    return True
