"""The calendars and address books of a home; each verb is one transaction of `homes` or `copying`."""

import builtins
from functools import partial

from mailserver.config.tree import DavConfig
from mailserver.groupware import access, conditions, copying, homes
from mailserver.groupware.access import Seen
from mailserver.groupware.conditions import Conditions
from mailserver.groupware.wanted import CollectionChanges, NewCollection
from mailserver.store.collections import Family
from mailserver.store.store import Store


class Collections:
    def __init__(self, store: Store, config: DavConfig | None = None) -> None:
        self._store = store
        self._config = config or DavConfig()

    def configure(self, config: DavConfig) -> None:
        self._config = config

    async def list(self, viewer: int, family: Family) -> builtins.list[Seen]:
        """The viewer's home: his own, the default first, then what others share with him."""
        return await self._store.read(access.list, viewer, family)

    async def find(self, viewer: int, family: Family, slug: str) -> Seen | None:
        return await self._store.read(access.find, viewer, family, slug)

    async def default(self, viewer: int, family: Family) -> Seen | None:
        return await self._store.read(homes.default, viewer, family)

    async def create(self, viewer: int, family: Family, slug: str, new: NewCollection) -> Seen:
        """Raises CollectionExists, BadValue, LimitReached, TooManyProperties, NotPermitted (a feed, by the server's
        configuration)."""
        return await self._store.write(homes.create, viewer, family, slug, new, self._config)

    async def change(
        self,
        viewer: int,
        family: Family,
        slug: str,
        changes: CollectionChanges,
        when: Conditions = conditions.NONE,
    ) -> Seen:
        """A sharee's name, color, position, is_transparent and dead properties are his own and go before the owner's.

        Raises NoSuchCollection, NotPermitted (other values, by a sharee), BadValue, TooManyProperties, Locked.
        """
        return await self._store.write(homes.change, viewer, family, slug, changes, when)

    async def make_default(self, viewer: int, family: Family, slug: str) -> None:
        """Where invitations and new contacts go. Raises NoSuchCollection, NotPermitted."""
        await self._store.write(homes.make_default, viewer, family, slug)

    async def move(
        self, viewer: int, family: Family, slug: str, new_slug: str, when: Conditions = conditions.NONE
    ) -> Seen:
        """Under another slug in the same home. Raises NoSuchCollection, CollectionExists, BadValue, Locked."""
        return await self._store.write(homes.move, viewer, family, slug, new_slug, when)

    async def copy(self, viewer: int, family: Family, slug: str, new_slug: str, *, with_members: bool) -> Seen:
        """Under another slug in the same home, all or nothing; without members its properties alone.

        Raises NoSuchCollection, CollectionExists, BadValue, LimitReached, TooManyMembers, OverQuota,
        InsufficientStorage.
        """
        self._store.require_room()
        return await self._store.write(
            partial(copying.copy, with_members=with_members), viewer, family, slug, new_slug, self._config
        )

    async def remove(self, viewer: int, family: Family, slug: str, when: Conditions = conditions.NONE) -> None:
        """With all that is in it, for everybody; a sharee leaves the share, and nothing else changes.

        Raises NoSuchCollection, DefaultNeeded, Locked.
        """
        await self._store.write(homes.remove, viewer, family, slug, when)
