"""Quota roots: one for each account. RFC 9208 §3.2

One's own is "", that of another account its address: shared mailboxes count for their owner.
"""

from dataclasses import dataclass

from mailserver.errors import BadAddress, NotPermitted, Refusal
from mailserver.mailboxes import access
from mailserver.store import mailboxes, quota, users
from mailserver.store.database import Rx, Tx
from mailserver.store.quota import Quota
from mailserver.store.store import Store
from mailserver.store.users import User

OWN = ""


class NoSuchRoot(Refusal):
    imap, http, text = "NONEXISTENT", 404, "No such quota root"


@dataclass(frozen=True, slots=True)
class Limits:
    """None: no limit."""

    octets: int | None
    messages: int | None


class Quotas:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, user_id: int, root: str) -> Quota:
        """Raises NoSuchRoot, also where the user has no business with it."""
        return await self._store.read(_get, user_id, root)

    async def of_mailbox(self, user_id: int, name: str) -> tuple[str, Quota]:
        """The root and what it holds. Raises NoSuchMailbox, NotPermitted."""
        return await self._store.read(_of_mailbox, user_id, name)

    async def set(self, user_id: int, root: str, limits: Limits) -> Quota:
        """By an administrator, for accounts of his domain. Raises NotPermitted, NoSuchRoot, BadValue."""
        return await self._store.write(_set, user_id, root, limits)


def _get(rx: Rx, user_id: int, root: str) -> Quota:
    return quota.get(rx, _account(rx, user_id, root).id)


def _of_mailbox(rx: Rx, user_id: int, name: str) -> tuple[str, Quota]:
    mailbox = access.require(rx, user_id, name, "r")
    root = OWN if mailbox.user_id == user_id else users.get_by_id(rx, mailbox.user_id).address
    return root, quota.get(rx, mailbox.user_id)


def _set(tx: Tx, user_id: int, root: str, limits: Limits) -> Quota:
    asking = users.get_by_id(tx, user_id)
    if not asking.is_admin:
        raise NotPermitted("Quotas are set by administrators")
    account = asking if root == OWN else _find(tx, root)
    if account is None or account.domain_id != asking.domain_id:
        raise NoSuchRoot
    users.set_quota(tx, account.address, limits.octets or 0)
    users.set_quota_messages(tx, account.address, limits.messages or 0)
    return quota.get(tx, account.id)


def _account(rx: Rx, user_id: int, root: str) -> User:
    """Whose room the user may know: his own, that of a mailbox he may read, as administrator that of his domain."""
    asking = users.get_by_id(rx, user_id)
    account = asking if root == OWN else _find(rx, root)
    if account is None:
        raise NoSuchRoot
    if account.id == user_id or (asking.is_admin and account.domain_id == asking.domain_id):
        return account
    if not any("r" in mailbox.rights(user_id) for mailbox in mailboxes.list(rx, account.id)):
        raise NoSuchRoot
    return account


def _find(rx: Rx, root: str) -> User | None:
    try:
        return users.find(rx, root)
    except BadAddress:
        return None
