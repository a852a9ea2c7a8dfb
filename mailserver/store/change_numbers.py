"""Change numbers: one counter per user that every change to any of its objects takes the next value of.

It is what IMAP calls modseq (RFC 7162) and what DAV sync tokens and caches compare. It only grows.
"""

from mailserver.store.database import Rx, Tx

MAX_MODSEQ = 2**63 - 1  # RFC 7162 §7 mod-sequence-value


def take(tx: Tx, user_id: int, count: int = 1) -> int:
    """Take `count` numbers; returns the last of them."""
    row = tx.one("UPDATE change_counters SET modseq = modseq + ? WHERE user_id = ? RETURNING modseq", count, user_id)
    if row is None:
        raise LookupError(f"no change counter for user {user_id}")
    return int(row[0])


def current(rx: Rx, user_id: int) -> int:
    row = rx.one("SELECT modseq FROM change_counters WHERE user_id = ?", user_id)
    return int(row[0]) if row else 1


def floor(rx: Rx, user_id: int) -> int:
    """Removals before this number are forgotten: a client that knows less must start anew."""
    row = rx.one("SELECT floor FROM change_counters WHERE user_id = ?", user_id)
    return int(row[0]) if row else 1


def next_uidvalidity(tx: Tx) -> int:
    """A value no mailbox of this server ever had, RFC 9051 §2.3.1.1: from a counter, never from a clock."""
    row = tx.one("UPDATE server_state SET value = value + 1 WHERE name = 'uidvalidity' RETURNING value")
    if row is None:
        raise LookupError("the UIDVALIDITY counter is missing")
    return int(row[0])


def forget_removals(tx: Tx, before_ms: int) -> int:
    """Drop tombstones of messages older than this and raise the floors accordingly; returns how many.

    Those of calendars and address books are in `removed`.
    """
    tx.run(
        """UPDATE change_counters SET floor = max(floor, coalesce((
               SELECT max(v.modseq) + 1 FROM vanished v JOIN mailboxes m ON m.id = v.mailbox_id
               WHERE m.user_id = change_counters.user_id AND v.removed_at < ?), floor))""",
        before_ms,
    )
    return tx.run("DELETE FROM vanished WHERE removed_at < ?", before_ms)
