"""Addresses that submission refuses: mail to them came back too often, or an operator said so."""

import builtins
from dataclasses import dataclass

from mailserver.errors import NoSuchSuppression
from mailserver.store.database import Rx, Tx

BATCH = 1000  # rows forgotten in one transaction


@dataclass(frozen=True, slots=True)
class Suppression:
    address: str  # as bounces.as_compared has it
    since: int  # epoch milliseconds
    until: int | None  # epoch milliseconds; None: until it is released
    bounce_count: int  # 0: an operator's
    reason: str


_COLUMNS = "address, since, until, bounce_count, reason"


def add(tx: Tx, suppression: Suppression) -> None:
    """One that is there is replaced; bounces do not give an end to what an operator said."""
    tx.run(
        f"""INSERT INTO suppressions ({_COLUMNS}) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (address) DO UPDATE SET since = excluded.since, until = excluded.until,
                bounce_count = excluded.bounce_count, reason = excluded.reason
            WHERE suppressions.bounce_count > 0 OR excluded.bounce_count = 0""",
        suppression.address,
        suppression.since,
        suppression.until,
        suppression.bounce_count,
        suppression.reason,
    )


def find(rx: Rx, address: str, now_ms: int) -> Suppression | None:
    """The one that holds now."""
    row = rx.one(
        f"SELECT {_COLUMNS} FROM suppressions WHERE address = ? AND (until IS NULL OR until > ?)", address, now_ms
    )
    return Suppression(*row) if row else None


def list(rx: Rx, now_ms: int) -> builtins.list[Suppression]:
    """Those that hold now, the newest first."""
    rows = rx.all(
        f"SELECT {_COLUMNS} FROM suppressions WHERE until IS NULL OR until > ? ORDER BY since DESC, id DESC", now_ms
    )
    return [Suppression(*row) for row in rows]


def remove(tx: Tx, address: str) -> None:
    """Raises NoSuchSuppression."""
    if not tx.run("DELETE FROM suppressions WHERE address = ?", address):
        raise NoSuchSuppression(f"{address} is not suppressed")


def remove_expired(tx: Tx) -> int:
    """Some of those that are over; returns how many."""
    return tx.run(
        "DELETE FROM suppressions WHERE id IN (SELECT id FROM suppressions WHERE until <= ? ORDER BY until LIMIT ?)",
        tx.now_ms,
        BATCH,
    )
