"""Rows of the outbound queue that were delivered to mailboxes here, noted in the transaction that delivered them.

crash before it    nothing was delivered: the row is due again
crash after it     the row is due again too, and is found here: it is done, and nobody gets the message twice
"""

from collections.abc import Iterable

from mailserver.store.database import Rx, Tx
from mailserver.store.queue import IDS, json_of


def list(rx: Rx, ids: Iterable[int]) -> set[int]:
    """Those of these rows that were."""
    rows = rx.all(f"SELECT entry_id FROM local_handovers WHERE {IDS.replace('id', 'entry_id', 1)}", json_of(ids))
    return {entry_id for (entry_id,) in rows}


def add(tx: Tx, ids: Iterable[int]) -> None:
    """Gone with their rows."""
    tx.many(
        "INSERT INTO local_handovers (entry_id, delivered_at) VALUES (?, ?)",
        [(entry_id, tx.now_ms) for entry_id in ids],
    )
