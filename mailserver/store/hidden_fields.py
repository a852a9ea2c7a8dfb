"""Bcc of mail that waits in the queue, as its sender wrote it: nobody else sees it, taken back it is there again."""

from mailserver.store.database import Rx, Tx

BATCH = 1000  # rows removed in one transaction


def add(tx: Tx, transaction_id: str, fields: bytes) -> None:
    """`fields`: whole field lines with their CRLFs."""
    tx.run("INSERT INTO hidden_fields (transaction_id, fields) VALUES (?, ?)", transaction_id, fields)


def get(rx: Rx, transaction_id: str) -> bytes:
    """b"" where there were none."""
    row = rx.one("SELECT fields FROM hidden_fields WHERE transaction_id = ?", transaction_id)
    return row[0] if row else b""


def remove_old(tx: Tx) -> int:
    """Those of messages that wait no more; returns how many."""
    return tx.run(
        """DELETE FROM hidden_fields WHERE transaction_id IN (
               SELECT h.transaction_id FROM hidden_fields h WHERE NOT EXISTS (
                   SELECT 1 FROM outbound_queue q WHERE q.transaction_id = h.transaction_id AND q.ended_at IS NULL)
               LIMIT ?)""",
        BATCH,
    )
