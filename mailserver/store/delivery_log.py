"""Every outcome for every recipient, inbound and outbound."""

import builtins
from dataclasses import dataclass
from enum import StrEnum

from mailserver.store.database import Rx, Tx

BATCH = 1000  # rows removed in one transaction


class Outcome(StrEnum):
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    DEFERRED = "deferred"
    REJECTED = "rejected"


class Direction(StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"


@dataclass(frozen=True, slots=True)
class Delivery:
    message_id: str | None  # Message-ID without brackets
    sender: str  # reverse-path, "" for the null one
    recipient: str
    outcome: Outcome
    direction: Direction = Direction.INBOUND
    smtp_code: int | None = None
    error_message: str | None = None
    created_at: str = ""  # UTC; add() puts the transaction's time in


def add(tx: Tx, delivery: Delivery) -> None:
    tx.insert(
        """INSERT INTO delivery_log (message_id, sender, recipient, status, direction, smtp_code, error_message,
               created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
        delivery.message_id,
        delivery.sender,
        delivery.recipient,
        delivery.outcome,
        delivery.direction,
        delivery.smtp_code,
        delivery.error_message,
        tx.now,
    )


def remove_old(tx: Tx, before: str) -> int:
    """Some of what is older than this (UTC), the oldest first; returns how many, 0 when nothing is left."""
    return tx.run(
        """DELETE FROM delivery_log
           WHERE id IN (SELECT id FROM delivery_log WHERE created_at < ? ORDER BY created_at LIMIT ?)""",
        before,
        BATCH,
    )


def list(rx: Rx, limit: int = 100) -> builtins.list[Delivery]:
    """Newest first."""
    rows = rx.all(
        """SELECT message_id, sender, recipient, status, direction, smtp_code, error_message, created_at
           FROM delivery_log ORDER BY id DESC LIMIT ?""",
        limit,
    )
    return [
        Delivery(message_id, sender, recipient, Outcome(outcome), Direction(direction), code, error, created_at)
        for message_id, sender, recipient, outcome, direction, code, error, created_at in rows
    ]
