"""Where a name leads and what the asking user may do there: asked in the transaction that does it. RFC 4314 §4.

A name without the right `l` is answered like one that does not exist, so that nobody learns what others have; whoever
has `l` and lacks what a command needs is told so.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.errors import BadAddress, NoSuchMailbox, NotPermitted
from mailserver.mail.flags import FlagSet
from mailserver.mail.rights import FLAGS, Rights, of_flag
from mailserver.mailboxes import names
from mailserver.store import mailbox_status, mailboxes, users
from mailserver.store.database import Rx
from mailserver.store.mailbox_status import Status
from mailserver.store.mailboxes import Mailbox

NEEDS = {
    "r": "read it",
    "i": "put messages into it",
    "e": "expunge it",
    "t": "delete its messages",
    "x": "delete or rename it",
    "k": "create mailboxes below it",
    "a": "see or change who may use it",
    "w": "change its flags or notes",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A mailbox that may exist or not, in somebody's account."""

    owner_id: int
    name: str  # as the owner calls it, canonical


@dataclass(frozen=True, slots=True)
class Listed:
    """A mailbox as a user sees it."""

    name: str  # as this user calls it
    mailbox: Mailbox
    rights: Rights
    own: bool


def place(rx: Rx, user_id: int, name: str) -> Place | None:
    """None where the name is below an account that does not exist."""
    name = names.canonical(name)
    others = names.split_other(name)
    if others is None or mailboxes.find(rx, user_id, name) is not None:  # made before there was this namespace
        return Place(user_id, name)
    owner_id = _owner(rx, others[0])
    return None if owner_id is None else Place(owner_id, others[1])


def find(rx: Rx, user_id: int, name: str) -> Mailbox | None:
    """Whatever the user may do with it: for `require` and those who ask for rights themselves."""
    where = place(rx, user_id, name)
    return mailboxes.find(rx, where.owner_id, where.name) if where is not None else None


def require(rx: Rx, user_id: int, name: str, needed: str, missing: type[NoSuchMailbox] = NoSuchMailbox) -> Mailbox:
    """The mailbox, with all of the rights in `needed`. Raises `missing`, NotPermitted."""
    mailbox = find(rx, user_id, name)
    if mailbox is None:
        raise missing
    check(mailbox, user_id, needed, missing)
    return mailbox


def check(mailbox: Mailbox, user_id: int, needed: str, missing: type[NoSuchMailbox] = NoSuchMailbox) -> None:
    """Raises NotPermitted where the user lacks one of the rights, `missing` where he may not even know the mailbox."""
    rights = mailbox.rights(user_id)
    lacking = next((right for right in needed if right not in rights), None)
    if lacking is None:
        return
    if "l" not in rights:
        raise missing
    raise lacks(lacking)


def check_selected(mailbox: Mailbox, user_id: int, needed: str) -> None:
    """As `check`, for who has the mailbox open and knows it. Raises NotPermitted, NoSuchMailbox without `r`."""
    rights = mailbox.rights(user_id)
    if "r" not in rights:
        raise NoSuchMailbox
    lacking = next((right for right in needed if right not in rights), None)
    if lacking is not None:
        raise lacks(lacking)


def opened(rx: Rx, user_id: int, where: str | int) -> Mailbox:
    """To be read, by name or, of one that is open, by id. Raises NoSuchMailbox, NotPermitted."""
    if isinstance(where, str):
        return require(rx, user_id, where, "r")
    mailbox = mailboxes.get_by_id(rx, where)
    check_selected(mailbox, user_id, "")
    return mailbox


def lacks(right: str) -> NotPermitted:
    return NotPermitted(f'You may not {NEEDS[right]}: that needs the right "{right}"')


def visible(rx: Rx, user_id: int) -> list[Listed]:
    """All mailboxes with the right `l`: the user's own, and what others share."""
    own = [(mailbox.name, mailbox) for mailbox in mailboxes.list(rx, user_id)]
    shared = [(names.other(address, box.name), box) for address, box in mailboxes.list_shared(rx, user_id)]
    listed = [Listed(name, box, box.rights(user_id), box.user_id == user_id) for name, box in own + shared]
    return [each for each in listed if "l" in each.rights]


def statuses(rx: Rx, user_id: int, wanted: Sequence[str], *, with_deleted_octets: bool = True) -> dict[str, Status]:
    """By the name asked for; those that do not exist or may not be read are left out."""
    places = {name: where for name in wanted if (where := _readable(rx, user_id, name)) is not None}
    found: dict[str, Status] = {}
    for owner_id in {where.owner_id for where in places.values()}:
        theirs = {where.name: name for name, where in places.items() if where.owner_id == owner_id}
        counted = mailbox_status.list(rx, owner_id, [*theirs], with_deleted_octets=with_deleted_octets)
        found |= {theirs[name]: status for name, status in counted.items()}
    return found


def permitted(rights: Rights, flags: FlagSet) -> FlagSet:
    """Those of the flags that one may set with these rights."""
    return flags if rights >= FLAGS else FlagSet.of(flag for flag in flags.names if of_flag(flag) in rights)


def _readable(rx: Rx, user_id: int, name: str) -> Place | None:
    if names.split_other(name) is None:
        return Place(user_id, name)  # an owner who took `r` from himself still may count
    where = place(rx, user_id, name)
    mailbox = mailboxes.find(rx, where.owner_id, where.name) if where is not None else None
    return where if mailbox is not None and "r" in mailbox.rights(user_id) else None


def _owner(rx: Rx, address: str) -> int | None:
    try:
        owner = users.find(rx, address)
    except BadAddress:
        return None
    return owner.id if owner is not None else None
