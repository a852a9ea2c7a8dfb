"""Changes other programs made in a folder: files that came, went or were renamed to other flags.

Three steps, so that a folder full of new files never holds up the writer: compare the folder with the rows
(a thread), stage what is new (threads), write (one transaction that looks again before it believes).

    file, no row            adopted: a new UID at the end, flags from its name
    row, no file            expunged, once it was missing GRACE_SECONDS apart twice and is not in staging
    letters changed         flags follow
"""

import os
from dataclasses import dataclass, field

from mailserver.mail.flags import FlagMode, FlagSet
from mailserver.store import disk_jobs, mailboxes, messages
from mailserver.store.database import Rx, Tx
from mailserver.store.mailboxes import Mailbox
from mailserver.store.maildir import Maildir, split_name
from mailserver.store.messages import LETTERS
from mailserver.store.staging import Staged

GRACE_SECONDS = 10.0  # another process may be between its commit and its renames

_FLAG_OF = {letter: flag for flag, letter in LETTERS.items()}


@dataclass(frozen=True, slots=True)
class Difference:
    """What a folder holds that the database does not say, and the other way round."""

    new: tuple[tuple[str, str], ...] = ()  # (subfolder, name) of files without a row
    missing: tuple[tuple[int, str], ...] = ()  # (uid, key) of rows without a file
    reflagged: tuple[tuple[int, str, str], ...] = ()  # (uid, letters as the row has them, letters of the file)

    def __bool__(self) -> bool:
        return bool(self.new or self.missing or self.reflagged)


@dataclass(slots=True)
class _Row:
    uid: int
    name_flags: str
    flag_letters: str
    seen: bool = field(default=False)


def compare(rx: Rx, maildir: Maildir, mailbox: Mailbox) -> Difference:
    """Files first, rows after: a message delivered in between is a row too many, never a file too many.

    A folder that is not there, or no longer the mailbox's, says nothing about its messages.
    """
    if not maildir.has_folder(mailbox.folder):
        return Difference()
    maildir.catch_up()
    files = [*maildir.files(mailbox.folder)]
    rows = {
        key: _Row(uid, name_flags, messages.letters(FlagSet.from_text(flags)))
        for uid, key, name_flags, flags in rx.all(
            "SELECT uid, maildir_key, name_flags, flags FROM messages WHERE mailbox_id = ?", mailbox.id
        )
    }
    new, reflagged = [], []
    for subfolder, name in files:
        key, letters = split_name(name)
        row = rows.get(key)
        if row is None:
            new.append((subfolder, name))
            continue
        row.seen = True
        if letters not in {row.name_flags, row.flag_letters} and subfolder == "cur":
            reflagged.append((row.uid, row.name_flags, letters))
    if not _is_still_there(rx, maildir, mailbox):
        return Difference()
    missing = [(row.uid, key) for key, row in rows.items() if not row.seen]
    return Difference(tuple(sorted(new)), tuple(sorted(missing)), tuple(sorted(reflagged)))


def read_new(maildir: Maildir, mailbox: Mailbox, subfolder: str, name: str) -> bytes | None:
    """The file's octets with CRLF line ends, which other Maildir programs do not write; None: gone or not a file."""
    path = f"{maildir.root}/{mailbox.folder}/{subfolder}/{name}"
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(fd, "rb") as file:
        octets = file.read()
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") if octets else None


def adopt(tx: Tx, mailbox: Mailbox, staged: Staged, subfolder: str, name: str) -> bool:
    """Give an outside file a row; the staged copy takes its place. False where it was taken or removed meanwhile."""
    path = tx.files.root / mailbox.folder / subfolder / name
    key, letters = split_name(name)
    known = tx.one("SELECT 1 FROM messages WHERE mailbox_id = ? AND maildir_key = ?", mailbox.id, key)
    if (
        known is not None
        or not _is_still_there(tx, tx.files, mailbox)
        or not path.exists()
        or disk_jobs.mentions(tx, key)
    ):
        return False
    flags = FlagSet.of(_FLAG_OF[letter] for letter in letters if letter in _FLAG_OF)
    messages.add(tx, mailbox.id, staged, flags, int(path.stat().st_mtime))
    tx.after_commit(lambda: path.unlink(missing_ok=True))
    return True


def settle_rows(tx: Tx, mailbox: Mailbox, difference: Difference) -> None:
    """Flags that changed outside, and rows whose files are gone for good."""
    maildir = tx.files
    if not _is_still_there(tx, maildir, mailbox):
        return
    gone = [
        uid
        for uid, key in difference.missing
        if maildir.locate(mailbox.folder, key, "") is None and not disk_jobs.mentions(tx, key)
    ]
    messages.remove(tx, mailbox.id, gone)
    for uid, had, has in difference.reflagged:
        _follow(tx, mailbox.id, uid, had, has)


def _is_still_there(rx: Rx, maildir: Maildir, mailbox: Mailbox) -> bool:
    now = mailboxes.find_by_id(rx, mailbox.id)
    return now is not None and now.folder == mailbox.folder and maildir.has_folder(mailbox.folder)


def _follow(tx: Tx, mailbox_id: int, uid: int, had: str, has: str) -> None:
    added = FlagSet.of(_FLAG_OF[letter] for letter in has if letter not in had and letter in _FLAG_OF)
    removed = FlagSet.of(_FLAG_OF[letter] for letter in had if letter not in has and letter in _FLAG_OF)
    tx.run("UPDATE messages SET name_flags = ? WHERE mailbox_id = ? AND uid = ?", has, mailbox_id, uid)
    if added.names:
        messages.set_flags(tx, mailbox_id, [uid], FlagMode.ADD, added)
    if removed.names:
        messages.set_flags(tx, mailbox_id, [uid], FlagMode.REMOVE, removed)
