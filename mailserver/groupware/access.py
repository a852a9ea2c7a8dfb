"""Who may do what with which collection: its owner, and those he shares it with.

A home shows the user's own collections and those shared with him, and nothing else exists for him: what he may not
see is missing, so that nobody learns names.
"""

import builtins
from dataclasses import dataclass
from enum import StrEnum

from mailserver.errors import NoSuchCollection, NotPermitted
from mailserver.store import collections, dead_properties, shares
from mailserver.store.collections import Collection, Family, Kind
from mailserver.store.database import Rx
from mailserver.store.dead_properties import Owner, Place
from mailserver.store.shares import Share


class Privilege(StrEnum):
    """Of a collection and all its members; the values are their names in RFC 3744 §3 and RFC 4791 §6.1."""

    READ = "read"
    READ_FREE_BUSY = "read-free-busy"
    WRITE_PROPERTIES = "write-properties"  # a sharee's are his own: see Collections.change
    WRITE_CONTENT = "write-content"  # change members
    BIND = "bind"  # add members
    UNBIND = "unbind"  # remove members
    SHARE = "share"


Privileges = frozenset[Privilege]

SEEING: Privileges = frozenset({Privilege.READ, Privilege.READ_FREE_BUSY, Privilege.WRITE_PROPERTIES})
WRITING: Privileges = SEEING | {Privilege.WRITE_CONTENT, Privilege.BIND, Privilege.UNBIND}
OWNING: Privileges = WRITING | {Privilege.SHARE}
_MADE: Privileges = frozenset({Privilege.WRITE_CONTENT, Privilege.BIND, Privilege.UNBIND})
WITHHELD = {  # of what the server fills, from everybody
    Kind.SUBSCRIPTION: _MADE,
    Kind.BIRTHDAYS: _MADE,
    Kind.DIRECTORY: _MADE,
    Kind.COLLECTED: _MADE - {Privilege.UNBIND},  # deleting a card forgets the person
}

_WORDS = {
    Privilege.WRITE_PROPERTIES: "change properties of",
    Privilege.WRITE_CONTENT: "change what is in",
    Privilege.BIND: "add to",
    Privilege.UNBIND: "remove from",
    Privilege.SHARE: "share",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """A collection as one user has it in his home. His own values go before the owner's."""

    collection: Collection
    slug: str
    name: str
    color: str | None
    position: int | None
    is_transparent: bool
    privileges: Privileges
    share: Share | None  # None: it is his own

    @property
    def is_shared_in(self) -> bool:
        return self.share is not None

    @property
    def noted_by(self) -> Owner:
        """Whose dead properties he sees and sets: of what is shared with him, his own."""
        if self.share is not None:
            return Owner(Place.SHARE, self.share.id)
        return Owner(dead_properties.COLLECTION[self.collection.family], self.collection.id)


def find(rx: Rx, viewer: int, family: Family, slug: str) -> Seen | None:
    own = collections.find(rx, family, viewer, slug)
    if own is not None:
        return owned(own)
    found = shares.find(rx, family, viewer, slug)
    return shared(*found) if found else None


def require(rx: Rx, viewer: int, family: Family, slug: str, privilege: Privilege = Privilege.READ) -> Seen:
    """Raises NoSuchCollection; NotPermitted where the viewer sees it but may not do this."""
    seen = find(rx, viewer, family, slug)
    if seen is None:
        raise NoSuchCollection
    require_privilege(seen, privilege)
    return seen


def require_privilege(seen: Seen, privilege: Privilege) -> None:
    """Raises NotPermitted, which says why."""
    if privilege in seen.privileges:
        return
    if privilege in WITHHELD.get(seen.collection.kind, ()):
        raise NotPermitted(f"{seen.name}: only the server writes what is in it")
    raise NotPermitted(f"{seen.collection.owner} does not let you {_WORDS.get(privilege, privilege)} {seen.name}")


def list(rx: Rx, viewer: int, family: Family) -> builtins.list[Seen]:
    """All that the viewer's home shows: his own, the default first, then those shared with him."""
    own = [owned(each) for each in collections.list(rx, family, viewer)]
    return own + [shared(*each) for each in shares.list_for(rx, family, viewer)]


def owned(collection: Collection) -> Seen:
    return Seen(
        collection,
        collection.slug,
        collection.name,
        collection.color,
        collection.position,
        collection.is_transparent,
        _held(OWNING, collection),
        None,
    )


def shared(share: Share, collection: Collection) -> Seen:
    return Seen(
        collection,
        share.slug,
        share.name if share.name is not None else collection.name,
        share.color if share.color is not None else collection.color,
        share.position if share.position is not None else collection.position,
        share.is_transparent if share.is_transparent is not None else collection.is_transparent,
        _held(WRITING if share.may_write else SEEING, collection),
        share,
    )


def _held(privileges: Privileges, collection: Collection) -> Privileges:
    return privileges - WITHHELD.get(collection.kind, frozenset())
