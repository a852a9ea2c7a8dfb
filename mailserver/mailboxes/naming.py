"""CREATE, RENAME, DELETE and subscriptions as transactions: the rules of RFC 9051 §6.3.4 to §6.3.8, RFC 4314 §4.

Names below "Other Users" lead into their owner's account, where the same rules hold for whoever has the rights.
"""

from collections.abc import Mapping

from mailserver.errors import (
    CannotMailbox,
    LimitReached,
    MailboxExists,
    MailboxHasChildren,
    NotPermitted,
    UseAttribute,
)
from mailserver.mailboxes import access, names
from mailserver.mailboxes.access import Place
from mailserver.mailboxes.names import INBOX, MAX_MAILBOXES
from mailserver.store import annotations, mailbox_columns, mailboxes, messages, rights, subscriptions
from mailserver.store.database import Tx
from mailserver.store.mailboxes import Mailbox

SPECIAL_USES = ("\\Archive", "\\Drafts", "\\Junk", "\\Sent", "\\Trash")  # RFC 6154 §2; \All and \Flagged are virtual
MAX_SUBSCRIPTIONS = 2 * MAX_MAILBOXES  # may name mailboxes that are gone

Account = Mapping[str, Mailbox]  # all mailboxes of an account by name


def create(tx: Tx, user_id: int, name: str, special_use: str | None) -> Mailbox:
    """With the parents that are missing; who may use the one above may use these too."""
    where = _new_place(tx, user_id, name)
    account = _account(tx, where.owner_id)
    _require_above(account, where, user_id)
    _require_free(account, where.name, user_id)
    if special_use is not None:
        if where.owner_id != user_id:
            raise UseAttribute("Only the owner gives a mailbox its use")
        special_use = canonical_use(special_use)
        if mailboxes.find_special(tx, user_id, special_use) is not None:
            raise UseAttribute
    _make_parents(tx, where, account)
    return _add(tx, where.owner_id, where.name, account, special_use)


def rename(tx: Tx, user_id: int, old: str, new: str) -> None:
    """With everything below it; INBOX gives its messages to the new name and stays, RFC 9051 §6.3.6."""
    source = access.require(tx, user_id, old, "x")
    _require_no_outbox(source)
    where = _target_place(tx, user_id, source, new)
    account = _account(tx, where.owner_id)
    _require_above(account, where, user_id)
    _require_free(account, where.name, user_id)
    if source.name == INBOX:
        _rename_inbox(tx, user_id, source, where, account)
        return
    if names.is_below(where.name, source.name):
        raise CannotMailbox("A mailbox can not move below itself")
    for name in account:
        if names.is_below(name, source.name):
            names.check(where.name + name[len(source.name) :])  # deeper or longer than allowed
    _make_parents(tx, where, account, fresh=0)
    mailboxes.rename(tx, where.owner_id, source.name, where.name)


def delete(tx: Tx, user_id: int, name: str) -> None:
    mailbox = access.require(tx, user_id, name, "x")
    _require_no_outbox(mailbox)
    if mailbox.name == INBOX:
        raise CannotMailbox("INBOX can not be deleted")
    if names.has_children(mailbox.name, _account(tx, mailbox.user_id)):
        raise MailboxHasChildren
    mailboxes.remove(tx, mailbox.user_id, mailbox.name)


def _require_no_outbox(mailbox: Mailbox) -> None:
    if mailbox.is_outbox:
        raise CannotMailbox("The outbox can not be renamed or deleted: delete a message in it to cancel it")


def subscribe(tx: Tx, user_id: int, name: str) -> None:
    """The mailbox need not exist, RFC 9051 §6.3.7: whether it does is not looked at, so nothing is learnt by it."""
    name = names.canonical(name)
    others = names.split_other(name)
    name = names.check(name) if others is None else names.other(others[0], names.check(others[1]))
    if len(subscriptions.list(tx, user_id)) >= MAX_SUBSCRIPTIONS:
        raise LimitReached(f"At most {MAX_SUBSCRIPTIONS} subscriptions")
    subscriptions.add(tx, user_id, name)


def unsubscribe(tx: Tx, user_id: int, name: str) -> None:
    subscriptions.remove(tx, user_id, names.canonical(name))


def set_special_use(tx: Tx, mailbox: Mailbox, wanted: str | None) -> Mailbox | None:
    """Give or take (None) a use; returns the mailbox that had it until now. RFC 6154 §4, §5.4"""
    if wanted is None:
        mailboxes.set_special_use(tx, mailbox.id, None)
        return None
    if mailbox.name == INBOX:
        raise UseAttribute("INBOX has its use already")
    use = canonical_use(wanted)
    before = mailboxes.find_special(tx, mailbox.user_id, use)
    if before is not None and before.id != mailbox.id:
        mailboxes.set_special_use(tx, before.id, None)
    mailboxes.set_special_use(tx, mailbox.id, use)
    return before if before is not None and before.id != mailbox.id else None


def canonical_use(wanted: str) -> str:
    """In its usual spelling. Raises UseAttribute."""
    use = next((use for use in SPECIAL_USES if use.lower() == wanted.lower()), None)
    if use is None:
        raise UseAttribute
    return use


def _new_place(tx: Tx, user_id: int, name: str) -> Place:
    """Where a mailbox is to be made; the same answer for an account that is not there as for one that is closed."""
    others = names.split_other(names.canonical(name.removesuffix(names.SEPARATOR)))
    if others is None:
        return Place(user_id, names.check(name))
    below = names.check(others[1])
    where = access.place(tx, user_id, names.other(others[0], below))
    if where is None:
        raise access.lacks("k")
    return where


def _target_place(tx: Tx, user_id: int, source: Mailbox, new: str) -> Place:
    """Mail stays in the account whose room it takes."""
    where = _new_place(tx, user_id, new) if _may_be_same(source, user_id, new) else None
    if where is None or where.owner_id != source.user_id:
        raise CannotMailbox("A mailbox stays in its account: create another one and move the messages")
    return where


def _may_be_same(source: Mailbox, user_id: int, new: str) -> bool:
    """Without a look at accounts: one's own mailbox never goes below "Other Users", nor another's out of it."""
    return (names.split_other(names.canonical(new)) is None) == (source.user_id == user_id)


def _account(tx: Tx, owner_id: int) -> dict[str, Mailbox]:
    return {mailbox.name: mailbox for mailbox in mailboxes.list(tx, owner_id)}


def _require_above(account: Account, where: Place, user_id: int) -> None:
    """The right `k` on the nearest mailbox above; at the top only the owner has it. RFC 4314 §4"""
    above = names.nearest(where.name, account)
    if not (where.owner_id == user_id if above is None else "k" in account[above].rights(user_id)):
        raise access.lacks("k")


def _require_free(account: Account, name: str, user_id: int) -> None:
    if name not in account:
        return
    if "l" in account[name].rights(user_id):
        raise MailboxExists
    raise NotPermitted("That name can not be used")


def _make_parents(tx: Tx, where: Place, account: dict[str, Mailbox], fresh: int = 1) -> None:
    missing = [parent for parent in names.parents(where.name) if parent not in account]
    if len(account) + len(missing) + fresh > MAX_MAILBOXES:
        raise LimitReached(f"At most {MAX_MAILBOXES} mailboxes")
    for parent in missing:
        account[parent] = _add(tx, where.owner_id, parent, account)


def _add(tx: Tx, owner_id: int, name: str, account: Account, special_use: str | None = None) -> Mailbox:
    """With the rights of the mailbox above it."""
    mailbox = mailboxes.add(tx, owner_id, name, special_use)
    above = names.nearest(name, account)
    if above is None or not account[above].grants:
        return mailbox
    rights.inherit(tx, mailbox.id, account[above].grants)
    return mailboxes.get_by_id(tx, mailbox.id)


def _rename_inbox(tx: Tx, user_id: int, inbox: Mailbox, where: Place, account: dict[str, Mailbox]) -> None:
    if user_id != inbox.user_id:
        raise CannotMailbox("Only its owner renames INBOX")
    _make_parents(tx, where, account)
    target = _add(tx, where.owner_id, where.name, account)
    annotations.copy(tx, inbox.id, target.id, user_id)
    annotations.require_room(tx, user_id)
    messages.move(tx, inbox.id, mailbox_columns.uids(tx, inbox.id), target.id)
