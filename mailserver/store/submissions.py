"""How many recipients an account has sent to lately."""

from mailserver.errors import LimitReached
from mailserver.store.database import Rx, Tx

MINUTES = 60


def count(rx: Rx, user_id: int, now_ms: int) -> int:
    """Recipients within the last hour."""
    row = rx.one(
        "SELECT coalesce(sum(recipients), 0) FROM submissions WHERE user_id = ? AND minute > ?",
        user_id,
        now_ms // 60_000 - MINUTES,
    )
    return int(row[0]) if row else 0


def add(tx: Tx, user_id: int, recipients: int, limit: int) -> None:
    """Raises LimitReached where these are too many, and counts none of them."""
    if count(tx, user_id, tx.now_ms) + recipients > limit:
        raise LimitReached(f"Too many recipients within an hour; the limit is {limit}")
    minute = tx.now_ms // 60_000
    tx.run("DELETE FROM submissions WHERE user_id = ? AND minute <= ?", user_id, minute - MINUTES)
    tx.run(
        """INSERT INTO submissions (user_id, minute, recipients) VALUES (?, ?, ?)
           ON CONFLICT DO UPDATE SET recipients = recipients + excluded.recipients""",
        user_id,
        minute,
        recipients,
    )
