"""Who may use a mailbox: SETACL, DELETEACL, GETACL, LISTRIGHTS, MYRIGHTS. RFC 4314 §3."""

from dataclasses import dataclass
from enum import Enum

from mailserver.errors import BadAddress, LimitReached, NoSuchMailbox, NoSuchUser
from mailserver.mail.rights import ALL, KEPT, NONE, SHOWN, Grant, Rights
from mailserver.mailboxes import access
from mailserver.mailboxes.indexes import Indexes
from mailserver.store import rights, users
from mailserver.store.database import Rx, Tx
from mailserver.store.mailboxes import Mailbox
from mailserver.store.rights import Named
from mailserver.store.store import Store

ANYONE = "anyone"  # every user of the server
NEGATIVE = "-"  # before an identifier: what follows is taken away
MAX_GRANTS = 200  # lines of one mailbox's list


class Change(Enum):
    """What SETACL does with the rights there are."""

    REPLACE = ""
    ADD = "+"
    REMOVE = "-"


@dataclass(frozen=True, slots=True)
class Grantable:
    """What LISTRIGHTS tells."""

    required: Rights  # always there
    optional: Rights  # each can be given alone


class Sharing:
    def __init__(self, store: Store, indexes: Indexes) -> None:
        self._store = store
        self._indexes = indexes

    async def set(self, user_id: int, name: str, identifier: str, change: Change, given: Rights) -> None:
        """Sessions that have the mailbox open are held to it from the next command on.

        Raises NoSuchMailbox, NotPermitted, NoSuchUser, LimitReached.
        """
        await self._settled(await self._store.write(grant, user_id, name, identifier, change, given))

    async def remove(self, user_id: int, name: str, identifier: str) -> None:
        """Raises NoSuchMailbox, NotPermitted, NoSuchUser."""
        await self._settled(await self._store.write(grant, user_id, name, identifier, Change.REPLACE, NONE))

    async def list(self, user_id: int, name: str) -> list[tuple[str, Rights]]:
        """Identifiers and what they are given; the owner first. Raises NoSuchMailbox, NotPermitted."""
        return await self._store.read(lines, user_id, name)

    async def grantable(self, user_id: int, name: str, identifier: str) -> Grantable:
        """Raises NoSuchMailbox, NotPermitted, NoSuchUser."""
        return await self._store.read(_grantable, user_id, name, identifier)

    async def mine(self, user_id: int, name: str) -> Rights:
        """Raises NoSuchMailbox."""
        return await self._store.read(_mine, user_id, name)

    async def _settled(self, mailbox_id: int) -> None:
        index = self._indexes.find(mailbox_id)
        if index is not None:
            await self._indexes.settled(index)


def grant(tx: Tx, user_id: int, name: str, identifier: str, change: Change, given: Rights) -> int:
    """As Sharing.set; returns the mailbox's id."""
    mailbox = access.require(tx, user_id, name, "a")
    whom, negative = _identified(tx, identifier)
    had = _given(mailbox, whom, negative)
    now = {Change.REPLACE: given, Change.ADD: had | given, Change.REMOVE: had - given}[change]
    if now and not had and len(mailbox.grants) >= MAX_GRANTS:
        raise LimitReached(f"A mailbox can be shared with at most {MAX_GRANTS}")
    if now != had:
        rights.set(tx, mailbox.user_id, mailbox.id, Grant(whom, negative, now))
    return mailbox.id


def _given(mailbox: Mailbox, whom: int | None, negative: bool) -> Rights:
    """In the line of this identifier; an owner whom no line names begins with all rights."""
    found = (line.rights for line in mailbox.grants if line.user_id == whom and line.negative == negative)
    return next(found, ALL if whom == mailbox.user_id and not negative else NONE)


def lines(rx: Rx, user_id: int, name: str) -> list[tuple[str, Rights]]:
    """As Sharing.list."""
    mailbox = access.require(rx, user_id, name, "a")
    owner = users.get_by_id(rx, mailbox.user_id).address
    named = rights.list(rx, mailbox.id)
    others = [(_identifier(line), line.rights) for line in named if line.address != owner or line.negative]
    return [(owner, _given(mailbox, mailbox.user_id, False) | KEPT), *others]


def _grantable(rx: Rx, user_id: int, name: str, identifier: str) -> Grantable:
    mailbox = access.require(rx, user_id, name, "a")
    whom, negative = _identified(rx, identifier)
    required = KEPT if whom == mailbox.user_id and not negative else NONE
    return Grantable(required, ALL - required)


def _mine(rx: Rx, user_id: int, name: str) -> Rights:
    mailbox = access.find(rx, user_id, name)
    mine = mailbox.rights(user_id) if mailbox is not None else NONE
    if mine.isdisjoint(SHOWN):
        raise NoSuchMailbox
    return mine


def _identified(rx: Rx, identifier: str) -> tuple[int | None, bool]:
    """The user (None: anyone) and whether the line takes away. Raises NoSuchUser."""
    negative = identifier.startswith(NEGATIVE)
    address = identifier.removeprefix(NEGATIVE)
    if address.lower() == ANYONE:
        return None, negative
    try:
        return users.get(rx, address).id, negative
    except BadAddress:
        raise NoSuchUser("Mailboxes are shared with addresses of this server, or with anyone") from None


def _identifier(line: Named) -> str:
    return (NEGATIVE if line.negative else "") + (line.address or ANYONE)
