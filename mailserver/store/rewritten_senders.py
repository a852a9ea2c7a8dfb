"""Senders of forwarded mail behind a token: where SRS would be longer than a local part may be. See mail/srs.py."""

import base64

from mailserver.store.database import Rx, Tx

TOKEN_OCTETS = 15  # 24 letters of base32, that nobody guesses
BATCH = 1000  # rows forgotten in one transaction


def token_for(tx: Tx, sender: str, expires_at: int, random: bytes) -> str:
    """The sender's token, good until `expires_at` (epoch milliseconds) at least. `random`: TOKEN_OCTETS of them."""
    row = tx.one("SELECT id, token FROM rewritten_senders WHERE sender = ? ORDER BY id LIMIT 1", sender)
    if row is not None:
        tx.run("UPDATE rewritten_senders SET expires_at = max(expires_at, ?) WHERE id = ?", expires_at, row[0])
        return str(row[1])
    token = base64.b32encode(random).decode("ascii").lower()
    tx.insert("INSERT INTO rewritten_senders (token, sender, expires_at) VALUES (?, ?, ?)", token, sender, expires_at)
    return token


def find(rx: Rx, token: str, now_ms: int) -> str | None:
    """The sender; None for a token that is not ours, or too old."""
    row = rx.one("SELECT sender FROM rewritten_senders WHERE token = ? AND expires_at > ?", token.lower(), now_ms)
    return str(row[0]) if row else None


def remove_expired(tx: Tx) -> int:
    """Some of those that are over; returns how many."""
    return tx.run(
        """DELETE FROM rewritten_senders
           WHERE id IN (SELECT id FROM rewritten_senders WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)""",
        tx.now_ms,
        BATCH,
    )
