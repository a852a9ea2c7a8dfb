"""What happened in a mailbox after a change number, for clients that were away. RFC 7162 §3.2.5."""

from dataclasses import dataclass

from mailserver.store import change_numbers, messages
from mailserver.store.database import Rx


@dataclass(frozen=True, slots=True)
class Changes:
    changed: list[int]  # UIDs added or with other flags, ascending
    vanished: list[int] | None  # UIDs removed, ascending; None: some of that is forgotten


def since(rx: Rx, user_id: int, mailbox_id: int, modseq: int, until: int) -> Changes:
    """After `modseq`; removals up to `until`, the number the mailbox is at for the caller."""
    changed = messages.list_changed_uids(rx, mailbox_id, modseq)
    known = change_numbers.floor(rx, user_id) - 1 <= modseq
    return Changes(changed, messages.list_vanished(rx, mailbox_id, modseq, until) if known else None)
