"""One row of the outbound queue that never waits: added, and in the same transaction leased to who adds it."""

from mailserver.store import queue
from mailserver.store.database import Tx
from mailserver.store.queue import COLUMNS, Entry, Outgoing, QueueRecipient, entry_of


def add_leased(tx: Tx, worker: str, lease_ms: int, outgoing: Outgoing, recipient: QueueRecipient) -> Entry:
    """No dispatcher gets it while the lease lasts; `queue_record.record` ends it."""
    [entry_id] = queue.add(tx, outgoing, [recipient])
    [row] = tx.all(
        f"""UPDATE outbound_queue SET status = 'sending', locked_by = ?, locked_until = ? WHERE id = ?
            RETURNING {COLUMNS}""",
        worker,
        tx.now_ms + lease_ms,
        entry_id,
    )
    return entry_of(row)
