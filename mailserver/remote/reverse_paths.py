"""Which mail leaves with a reverse-path of its own for each recipient (mail/marked_paths.py), by setting.

Only where it goes to its destination directly: a relay lets us send as the senders it knows, and no others. Only for
senders in our domains, whose bounces come to us; what was rewritten already stays, and so does the null one.
"""

from collections.abc import Sequence

from mailserver.config.tree import UniqueSenders
from mailserver.mail.marked_paths import Marks
from mailserver.store.database import Rx
from mailserver.store.queue import Entry, Priority
from mailserver.store.return_paths import is_ours, is_returning


class ReversePaths:
    def __init__(self, marks: Marks, choice: UniqueSenders) -> None:
        self._marks = marks
        self._choice = choice

    def reconfigure(self, choice: UniqueSenders) -> None:
        self._choice = choice

    def of(self, rx: Rx, entries: Sequence[Entry], now_ms: int) -> dict[int, str]:
        """By entry; the others keep their sender. The same at each attempt: greylisting must know it again.

        `entries`: at least one, of one sender.
        """
        sender = entries[0].sender
        wanted = [entry for entry in entries if self._wants(entry)]
        if not wanted or not sender or is_returning(sender) or not is_ours(rx, sender):
            return {}
        marked = ((entry.id, self._marks.marked(sender, entry.id, _last_day(entry, now_ms))) for entry in wanted)
        return {entry_id: path for entry_id, path in marked if path is not None}

    def _wants(self, entry: Entry) -> bool:
        if self._choice is UniqueSenders.BULK:
            return entry.priority == Priority.BULK
        return self._choice is UniqueSenders.ON


def _last_day(entry: Entry, now_ms: int) -> int:
    """Epoch seconds up to when it is tried."""
    return (now_ms if entry.expires_at is None else entry.expires_at) // 1000
