"""The flags in file names, brought up to date lazily for other Maildir programs."""

import os
from operator import itemgetter

from mailserver.store.database import Row, Rx, Tx
from mailserver.store.messages import LETTERS

BATCH = 500  # files renamed in one transaction

LETTERS_NOW = " || ".join(  # those that a file's name ought to carry
    f"CASE WHEN instr(m.flags || ',', '{flag},') > 0 THEN '{letter}' ELSE '' END"
    for flag, letter in sorted(LETTERS.items(), key=itemgetter(1))
)


def is_behind(rx: Rx) -> bool:
    """Whether messages were changed since all names were looked at."""
    return rx.one("SELECT 1 FROM mailboxes WHERE names_modseq < highestmodseq LIMIT 1") is not None


def list_stale(rx: Rx) -> list[Row]:
    """(message id, folder, key, letters in the name, letters it ought to have) of at most BATCH files."""
    return rx.all(
        f"""SELECT m.id, CASE b.directory WHEN '' THEN u.maildir ELSE u.maildir || '/' || b.directory END,
               m.maildir_key, m.name_flags, {LETTERS_NOW}
           FROM mailboxes b JOIN users u ON u.id = b.user_id
           JOIN messages m ON m.mailbox_id = b.id AND m.modseq > b.names_modseq
           WHERE b.names_modseq < b.highestmodseq AND m.name_flags <> ({LETTERS_NOW}) LIMIT ?""",
        BATCH,
    )


def refresh(tx: Tx) -> int:
    """Rename up to BATCH files to the flags they have; returns how many there were.

    On the writer's thread, so that no other change of ours is under way. A crash in between leaves a name that
    is ahead of its row: the file is found by its key and the row follows the next time.
    """
    stale = list_stale(tx)
    for message_id, folder, key, old, new in stale:
        found = tx.files.locate(folder, key, old)
        if found is not None and not found.startswith(f"{tx.files.staging}/"):
            os.rename(found, tx.files.path(folder, key, new))
        tx.run("UPDATE messages SET name_flags = ? WHERE id = ?", new, message_id)
    if len(stale) < BATCH:  # those were all
        tx.run("UPDATE mailboxes SET names_modseq = highestmodseq WHERE names_modseq < highestmodseq")
    return len(stale)
