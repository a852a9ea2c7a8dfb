"""Who gets a message of the queue by another of its rows, so that nobody gets it twice.

Rows for addresses here stand for themselves until they are due, each domain apart. What leaves at once is looked up
whole, and everybody is in it once; here each row leaves out whom an earlier one reaches, and addresses elsewhere that
the sender named himself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mailserver.errors import Refusal
from mailserver.store import queue
from mailserver.store.database import Rx
from mailserver.store.queue import Entry
from mailserver.store.recipients import Resolved, resolve


@dataclass(frozen=True, slots=True)
class _Other:
    """Another row of the message, as it is looked up now."""

    id: int
    recipient: str
    users: frozenset[int]  # that it reaches here


class OneCopy:
    def __init__(self, rx: Rx, entries: Sequence[Entry], hostname: str, max_depth: int) -> None:
        """`entries`: that are carried together, of one message."""
        own, transaction = {entry.id for entry in entries}, entries[0].transaction_id
        rows = queue.list_of(rx, transaction) if transaction is not None else []
        self._others = [
            _Other(entry_id, recipient.lower(), _reached(rx, recipient, hostname, max_depth))
            for entry_id, recipient in rows
            if entry_id not in own
        ]

    def left(self, entry: Entry, resolved: Resolved) -> Resolved:
        """Whom this row has to bring it to."""
        users = {user for other in self._others if other.id < entry.id for user in other.users}
        named = {other.recipient for other in self._others}
        return replace(
            resolved,
            local=tuple(box for box in resolved.local if box.user_id not in users),
            remote=tuple(address for address in resolved.remote if address.lower() not in named),
        )


def _reached(rx: Rx, address: str, hostname: str, max_depth: int) -> frozenset[int]:
    try:
        resolved = resolve(rx, address, hostname, max_depth)
    except Refusal:
        return frozenset()
    return frozenset(box.user_id for box in resolved.local) if resolved is not None else frozenset()
