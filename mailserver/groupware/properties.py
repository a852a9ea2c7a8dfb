"""Dead properties of any resource: what PROPPATCH sets beside live values, all or nothing."""

from collections.abc import Mapping

from mailserver.errors import NoSuchMember, TooManyProperties
from mailserver.groupware import access, conditions, locks
from mailserver.groupware.access import Privilege
from mailserver.groupware.conditions import Conditions
from mailserver.store import dead_properties, members
from mailserver.store.collections import Family
from mailserver.store.database import Rx, Tx
from mailserver.store.dead_properties import Owner, Place
from mailserver.store.store import Store

MAX_NAME = 1000  # characters of {namespace}local
MAX_CHANGES = 500  # of one request: each is a statement while everybody else's writing waits

DeadChanges = Mapping[str, bytes | None]
"""{namespace}local → inner XML; None removes it."""


class Properties:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def set_principal(self, viewer: int, changes: DeadChanges) -> None:
        """Raises TooManyProperties, and then changes nothing; so do all below."""
        await self._store.write(apply, Owner(Place.PRINCIPAL, viewer), changes)

    async def set_home(self, viewer: int, family: Family, changes: DeadChanges) -> None:
        await self._store.write(apply, Owner(dead_properties.HOME[family], viewer), changes)

    async def of_collection(self, viewer: int, family: Family, slug: str) -> dict[str, bytes]:
        """Raises NoSuchCollection. They are set with Collections.change."""
        return await self._store.read(_of_collection, viewer, family, slug)

    async def of_member(self, viewer: int, family: Family, slug: str, href: str) -> dict[str, bytes]:
        """Raises NoSuchCollection, NoSuchMember."""
        return await self._store.read(_of_member, viewer, family, slug, href)

    async def set_member(
        self,
        viewer: int,
        family: Family,
        slug: str,
        href: str,
        changes: DeadChanges,
        when: Conditions = conditions.NONE,
    ) -> None:
        """The member's etag and number stay: its octets are the same."""
        await self._store.write(_set_member, viewer, family, slug, href, changes, when)


def apply(tx: Tx, owner: Owner, changes: DeadChanges) -> None:
    """In order. Raises TooManyProperties."""
    if len(changes) > MAX_CHANGES:
        raise TooManyProperties(f"At most {MAX_CHANGES} properties are changed at once")
    for name, value in changes.items():
        if value is None:
            dead_properties.remove(tx, owner, name)
            continue
        if len(name) > MAX_NAME:
            raise TooManyProperties(f"The name of a property has at most {MAX_NAME} characters")
        dead_properties.set(tx, owner, name, value)
    if any(value is not None for value in changes.values()):
        dead_properties.require_room(tx, owner)


def _of_collection(rx: Rx, viewer: int, family: Family, slug: str) -> dict[str, bytes]:
    return dead_properties.list(rx, access.require(rx, viewer, family, slug).noted_by)


def _of_member(rx: Rx, viewer: int, family: Family, slug: str, href: str) -> dict[str, bytes]:
    member = members.find(rx, access.require(rx, viewer, family, slug).collection, href)
    if member is None:
        raise NoSuchMember
    return dead_properties.list(rx, Owner(dead_properties.MEMBER[family], member.id))


def _set_member(
    tx: Tx, viewer: int, family: Family, slug: str, href: str, changes: DeadChanges, when: Conditions
) -> None:
    seen = access.require(tx, viewer, family, slug, Privilege.WRITE_CONTENT)
    member = members.find(tx, seen.collection, href)
    if member is None:
        raise NoSuchMember
    conditions.judge(when, member, locks.on(tx, seen.collection, href))
    apply(tx, Owner(dead_properties.MEMBER[family], member.id), changes)
    if any(value is not None for value in changes.values()):
        dead_properties.require_room_in(tx, family, seen.collection.id)
