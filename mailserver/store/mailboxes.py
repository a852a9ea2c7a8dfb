"""Mailboxes: names, folders and the numbers IMAP promises about them. RFC 9051 §2.3.1, §5.1."""

import builtins
from dataclasses import dataclass

from mailserver.errors import MailboxExists, NoSuchMailbox
from mailserver.mail.rights import Grant, Rights, granted
from mailserver.store import change_numbers, disk_jobs, folder_names, rights, subscriptions
from mailserver.store.database import Row, Rx, Tx
from mailserver.store.events import MailboxesChanged

INBOX = "INBOX"
DEFAULTS: tuple[tuple[str, str | None], ...] = (
    (INBOX, None),
    ("Drafts", "\\Drafts"),
    ("Sent", "\\Sent"),
    ("Junk", "\\Junk"),
    ("Trash", "\\Trash"),
    ("Archive", "\\Archive"),
)


@dataclass(frozen=True, slots=True)
class Mailbox:
    id: int
    user_id: int
    name: str  # hierarchy separator "/"; INBOX in capitals
    uidvalidity: int
    uidnext: int
    highestmodseq: int
    special_use: str | None  # "\\Sent" …
    directory: str  # Maildir++ folder below the user's Maildir, "" for INBOX
    recent_uid: int  # messages from here on are \Recent and unclaimed
    maildir: str  # the user's Maildir below data/mail
    is_outbox: bool = False  # shows what of the user's mail waits to leave, see outbox.py
    grants: tuple[Grant, ...] = ()  # who else may do what, RFC 4314

    def rights(self, user_id: int) -> Rights:
        return granted(self.user_id, self.grants, user_id)

    @property
    def folder(self) -> str:
        """The folder below data/mail."""
        return f"{self.maildir}/{self.directory}" if self.directory else self.maildir


_SELECT = f"""SELECT m.id, m.user_id, m.name, m.uidvalidity, m.uidnext, m.highestmodseq, m.special_use, m.directory,
    m.recent_uid, u.maildir, m.is_outbox, {rights.AS_JSON} FROM mailboxes m JOIN users u ON u.id = m.user_id"""


def find(rx: Rx, user_id: int, name: str) -> Mailbox | None:
    row = rx.one(f"{_SELECT} WHERE m.user_id = ? AND m.name = ?", user_id, name)
    return _mailbox(row) if row else None


def get(rx: Rx, user_id: int, name: str) -> Mailbox:
    mailbox = find(rx, user_id, name)
    if mailbox is None:
        raise NoSuchMailbox
    return mailbox


def find_by_id(rx: Rx, mailbox_id: int) -> Mailbox | None:
    row = rx.one(f"{_SELECT} WHERE m.id = ?", mailbox_id)
    return _mailbox(row) if row else None


def get_by_id(rx: Rx, mailbox_id: int) -> Mailbox:
    mailbox = find_by_id(rx, mailbox_id)
    if mailbox is None:
        raise NoSuchMailbox
    return mailbox


def list(rx: Rx, user_id: int) -> builtins.list[Mailbox]:
    return [_mailbox(row) for row in rx.all(f"{_SELECT} WHERE m.user_id = ? ORDER BY m.name", user_id)]


def list_shared(rx: Rx, user_id: int) -> builtins.list[tuple[str, Mailbox]]:
    """Mailboxes of others that a list names this user or anyone for, with the owner's address; deleted owners left out.

    Whether it gives him a right is not asked here.
    """
    rows = rx.all(
        f"""{_SELECT.replace("SELECT", "SELECT u.username || '@' || d.name,", 1)} JOIN domains d ON d.id = u.domain_id
            WHERE m.id IN (SELECT mailbox_id FROM mailbox_rights WHERE user_id = ?1 OR user_id IS NULL)
            AND m.user_id <> ?1 AND u.deleted_at IS NULL AND d.deleted_at IS NULL ORDER BY 1, m.name""",
        user_id,
    )
    return [(row[0], _mailbox(row[1:])) for row in rows]


def list_all(rx: Rx) -> builtins.list[Mailbox]:
    return [_mailbox(row) for row in rx.all(f"{_SELECT} ORDER BY m.id")]


def find_special(rx: Rx, user_id: int, special_use: str) -> Mailbox | None:
    row = rx.one(f"{_SELECT} WHERE m.user_id = ? AND m.special_use = ? ORDER BY m.id LIMIT 1", user_id, special_use)
    return _mailbox(row) if row else None


def add(tx: Tx, user_id: int, name: str, special_use: str | None = None) -> Mailbox:
    """One mailbox, its parents not. Raises MailboxExists."""
    if find(tx, user_id, name) is not None:
        raise MailboxExists
    mailbox_id = tx.insert(
        """INSERT INTO mailboxes (user_id, name, uidvalidity, special_use, directory, highestmodseq)
           VALUES (?, ?, ?, ?, ?, ?)""",
        user_id,
        name,
        change_numbers.next_uidvalidity(tx),
        special_use,
        _free_directory(tx, user_id, name),
        change_numbers.take(tx, user_id),
    )
    tx.tell(MailboxesChanged(user_id))
    mailbox = get_by_id(tx, mailbox_id)
    tx.files.make_folder(mailbox.folder)
    return mailbox


def add_defaults(tx: Tx, user_id: int) -> None:
    """What every account begins with, subscribed: some clients show subscribed mailboxes only."""
    for name, special_use in DEFAULTS:
        if find(tx, user_id, name) is None:
            add(tx, user_id, name, special_use)
            subscriptions.add(tx, user_id, name)


def rename(tx: Tx, user_id: int, old: str, new: str) -> None:
    """With everything below it; the rules for names are the caller's. Subscriptions stay with the names."""
    moved = [m for m in list(tx, user_id) if m.name == old or m.name.startswith(old + "/")]
    if not moved:
        raise NoSuchMailbox
    for mailbox in moved:
        name = new + mailbox.name[len(old) :]
        if find(tx, user_id, name) is not None:
            raise MailboxExists
        directory = _free_directory(tx, user_id, name)
        tx.run(
            "UPDATE mailboxes SET name = ?, directory = ?, highestmodseq = ? WHERE id = ?",
            name,
            directory,
            change_numbers.take(tx, user_id),
            mailbox.id,
        )
        tx.promise(disk_jobs.MoveFolder(mailbox.folder, f"{mailbox.maildir}/{directory}"))
    tx.tell(MailboxesChanged(user_id))


def remove(tx: Tx, user_id: int, name: str) -> None:
    """The mailbox with its messages; what is below it stays."""
    mailbox = get(tx, user_id, name)
    change_numbers.take(tx, user_id)
    tx.run("DELETE FROM messages WHERE mailbox_id = ?", mailbox.id)  # before its mailbox: the quota needs the owner
    tx.run("DELETE FROM mailboxes WHERE id = ?", mailbox.id)
    tx.promise(disk_jobs.RemoveFolder(mailbox.folder))
    tx.tell(MailboxesChanged(user_id, (mailbox.id,)))


def set_special_use(tx: Tx, mailbox_id: int, special_use: str | None) -> None:
    mailbox = get_by_id(tx, mailbox_id)
    tx.run("UPDATE mailboxes SET special_use = ? WHERE id = ?", special_use, mailbox_id)
    tx.tell(MailboxesChanged(mailbox.user_id))


def claim_recent(tx: Tx, mailbox_id: int) -> int:
    """The first \\Recent UID, given to the caller alone: the next asker gets what arrives from now on."""
    row = tx.one("SELECT recent_uid FROM mailboxes WHERE id = ?", mailbox_id)
    if row is None:
        raise NoSuchMailbox
    tx.run("UPDATE mailboxes SET recent_uid = uidnext WHERE id = ? AND recent_uid <> uidnext", mailbox_id)
    return int(row[0])


def _mailbox(row: Row) -> Mailbox:
    return Mailbox(*(*row[:-2], bool(row[-2]), rights.grants(row[-1])))


def _free_directory(tx: Tx, user_id: int, name: str) -> str:
    """A folder that no mailbox has and no promised work is still about: a leftover removal would take new mail."""
    row = tx.one("SELECT maildir FROM users WHERE id = ?", user_id)
    maildir = row[0] if row else ""
    wanted = folder_names.folder(name)
    directory, number = wanted, 1
    while _is_taken(tx, user_id, directory) or (directory and disk_jobs.mentions(tx, f"{maildir}/{directory}")):
        number += 1
        directory = f"{wanted}~{number}"  # "~" is in no encoded name
    return directory


def _is_taken(tx: Tx, user_id: int, directory: str) -> bool:
    row = tx.one("SELECT 1 FROM mailboxes WHERE user_id = ? AND directory = ?", user_id, directory)
    return row is not None
