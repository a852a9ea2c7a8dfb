"""A quick look at a mailbox's folder: did other programs put something there?"""

import os
from dataclasses import dataclass

from mailserver.store import mailboxes
from mailserver.store.database import Rx
from mailserver.store.mailboxes import Mailbox
from mailserver.store.maildir import Maildir


@dataclass(frozen=True, slots=True)
class Look:
    mailbox: Mailbox
    stamp: tuple[int, int]  # see Maildir.stamp
    has_new: bool  # files in new/: never ours, we deliver to cur/


def by_id(rx: Rx, maildir: Maildir, mailbox_id: int) -> Look:
    """Raises NoSuchMailbox."""
    return of(maildir, mailboxes.get_by_id(rx, mailbox_id))


def of(maildir: Maildir, mailbox: Mailbox) -> Look:
    try:
        names = os.listdir(maildir.root / mailbox.folder / "new")
    except FileNotFoundError:
        names = []
    return Look(mailbox, maildir.stamp(mailbox.folder), any(not name.startswith(".") for name in names))
