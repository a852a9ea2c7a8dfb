"""CREATE, RENAME, DELETE and subscriptions as transactions: the rules of RFC 9051 §6.3.4 to §6.3.8."""

from collections.abc import Collection

from mailserver.errors import (
    CannotMailbox,
    LimitReached,
    MailboxExists,
    MailboxHasChildren,
    NoSuchMailbox,
    UseAttribute,
)
from mailserver.mailboxes import names
from mailserver.mailboxes.names import INBOX, MAX_MAILBOXES
from mailserver.store import mailbox_columns, mailboxes, messages, subscriptions
from mailserver.store.database import Tx
from mailserver.store.mailboxes import Mailbox

SPECIAL_USES = ("\\Archive", "\\Drafts", "\\Junk", "\\Sent", "\\Trash")  # RFC 6154 §2; \All and \Flagged are virtual
MAX_SUBSCRIPTIONS = 2 * MAX_MAILBOXES  # may name mailboxes that are gone


def create(tx: Tx, user_id: int, name: str, special_use: str | None) -> Mailbox:
    """With the parents that are missing."""
    name = names.check(name)
    existing = _names(tx, user_id)
    if name in existing:
        raise MailboxExists
    if special_use is not None:
        special_use = _special_use(tx, user_id, special_use)
    _make_parents(tx, user_id, name, existing)
    return mailboxes.add(tx, user_id, name, special_use)


def rename(tx: Tx, user_id: int, old: str, new: str) -> None:
    """With everything below it; INBOX gives its messages to the new name and stays, RFC 9051 §6.3.6."""
    old, new = names.canonical(old), names.check(new)
    existing = _names(tx, user_id)
    if old not in existing:
        raise NoSuchMailbox
    if new in existing:
        raise MailboxExists
    if old == INBOX:
        _rename_inbox(tx, user_id, new, existing)
        return
    if names.is_below(new, old):
        raise CannotMailbox("A mailbox can not move below itself")
    for name in existing:
        if names.is_below(name, old):
            names.check(new + name[len(old) :])  # deeper or longer than allowed
    _make_parents(tx, user_id, new, existing, fresh=0)
    mailboxes.rename(tx, user_id, old, new)


def delete(tx: Tx, user_id: int, name: str) -> None:
    name = names.canonical(name)
    existing = _names(tx, user_id)
    if name not in existing:
        raise NoSuchMailbox
    if name == INBOX:
        raise CannotMailbox("INBOX can not be deleted")
    if names.has_children(name, existing):
        raise MailboxHasChildren
    mailboxes.remove(tx, user_id, name)


def subscribe(tx: Tx, user_id: int, name: str) -> None:
    """The mailbox need not exist, RFC 9051 §6.3.7."""
    name = names.check(name)
    if len(subscriptions.list(tx, user_id)) >= MAX_SUBSCRIPTIONS:
        raise LimitReached(f"At most {MAX_SUBSCRIPTIONS} subscriptions")
    subscriptions.add(tx, user_id, name)


def unsubscribe(tx: Tx, user_id: int, name: str) -> None:
    subscriptions.remove(tx, user_id, names.canonical(name))


def _names(tx: Tx, user_id: int) -> set[str]:
    return {mailbox.name for mailbox in mailboxes.list(tx, user_id)}


def _special_use(tx: Tx, user_id: int, wanted: str) -> str:
    """In its usual spelling; each is given once, RFC 6154 §3."""
    use = next((use for use in SPECIAL_USES if use.lower() == wanted.lower()), None)
    if use is None or mailboxes.find_special(tx, user_id, use) is not None:
        raise UseAttribute
    return use


def _make_parents(tx: Tx, user_id: int, name: str, existing: Collection[str], fresh: int = 1) -> None:
    missing = [parent for parent in names.parents(name) if parent not in existing]
    if len(existing) + len(missing) + fresh > MAX_MAILBOXES:
        raise LimitReached(f"At most {MAX_MAILBOXES} mailboxes")
    for parent in missing:
        mailboxes.add(tx, user_id, parent)


def _rename_inbox(tx: Tx, user_id: int, new: str, existing: Collection[str]) -> None:
    _make_parents(tx, user_id, new, existing)
    inbox, target = mailboxes.get(tx, user_id, INBOX), mailboxes.add(tx, user_id, new)
    messages.move(tx, inbox.id, mailbox_columns.uids(tx, inbox.id), target.id)
