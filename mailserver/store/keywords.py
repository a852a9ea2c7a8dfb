"""Keywords of a mailbox: matched without case, kept in the spelling that was used first. RFC 9051 §2.3.2."""

import builtins

from mailserver.errors import LimitReached
from mailserver.mail.flags import FlagSet
from mailserver.store.database import Rx, Tx

MAX_KEYWORDS = 500  # of one mailbox


def list(rx: Rx, mailbox_id: int) -> builtins.list[str]:
    return [row[0] for row in rx.all("SELECT name FROM keywords WHERE mailbox_id = ? ORDER BY name", mailbox_id)]


def register(tx: Tx, mailbox_id: int, flags: FlagSet) -> FlagSet:
    """The flags with their keywords in the mailbox's spelling; new ones are added to it. Raises LimitReached."""
    if not flags.keywords:
        return flags
    known = {name.lower(): name for name in list(tx, mailbox_id)}
    new = [name for name in flags.keywords if name.lower() not in known]
    if len(known) + len(new) > MAX_KEYWORDS:
        raise LimitReached(f"A mailbox can have at most {MAX_KEYWORDS} keywords")
    tx.many("INSERT INTO keywords (mailbox_id, name) VALUES (?, ?)", [(mailbox_id, name) for name in new])
    return FlagSet.of(known.get(name.lower(), name) for name in flags.names)
