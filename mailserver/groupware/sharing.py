"""Calendars and address books for several users: read, or read and write. Who is given one has it at once."""

from collections.abc import Mapping
from itertools import count

from mailserver.config.tree import DavConfig
from mailserver.errors import BadAddress, BadValue, LimitReached, NoSuchUser, TooManyCollections
from mailserver.groupware import access
from mailserver.groupware.access import Privilege
from mailserver.groupware.homes import WORDS
from mailserver.store import collections, dav_locks, shares, users
from mailserver.store.collections import Collection, Family
from mailserver.store.database import Rx, Tx
from mailserver.store.shares import Share
from mailserver.store.store import Store


class Sharing:
    def __init__(self, store: Store, config: DavConfig | None = None) -> None:
        self._store = store
        self._config = config or DavConfig()

    def configure(self, config: DavConfig) -> None:
        self._config = config

    async def share(self, viewer: int, family: Family, slug: str, address: str, *, may_write: bool) -> Share:
        """Also for who has it already, with other rights. His name and colour for it stay his.

        Raises NoSuchCollection, NotPermitted (not the owner), NoSuchUser, BadValue, LimitReached.
        """
        return await self._store.write(share, viewer, family, slug, address, may_write, self._config)

    async def unshare(self, viewer: int, family: Family, slug: str, address: str) -> None:
        """Raises NoSuchCollection, NotPermitted, NoSuchUser (also where it was not shared with him)."""
        await self._store.write(unshare, viewer, family, slug, address)

    async def replace(self, viewer: int, family: Family, slug: str, wanted: Mapping[str, bool]) -> None:
        """With these addresses and nobody else, all or nothing; address → may write.

        Raises NoSuchCollection, NotPermitted (not the owner), NoSuchUser, BadValue, LimitReached.
        """
        await self._store.write(replace, viewer, family, slug, wanted, self._config)

    async def list(self, viewer: int, family: Family, slug: str) -> list[Share]:
        """Who sees it beside the owner, by address; only the owner is told. Raises NoSuchCollection, NotPermitted."""
        return await self._store.read(sharees, viewer, family, slug)


def share(tx: Tx, viewer: int, family: Family, slug: str, address: str, may_write: bool, config: DavConfig) -> Share:
    """As Sharing.share."""
    collection = access.require(tx, viewer, family, slug, Privilege.SHARE).collection
    user_id = _user(tx, address)
    if user_id == viewer:
        raise BadValue("It is yours already")
    had = shares.find_of(tx, collection, user_id)
    if had is not None:
        shares.set_columns(tx, had.id, {"may_write": int(may_write)})
        if not may_write:
            dav_locks.remove_of_share(tx, had.id)
    else:
        _add(tx, collection, user_id, may_write, config)
    return _announced(tx, collection, user_id)


def _add(tx: Tx, collection: Collection, user_id: int, may_write: bool, config: DavConfig) -> None:
    if shares.count(tx, collection) >= config.max_sharees:
        raise LimitReached(f"It is shared with {config.max_sharees} users, and more are not possible")
    if shares.count_for(tx, collection.family, user_id) >= config.max_collections:
        raise TooManyCollections(
            f"At most {config.max_collections} {WORDS[collection.family]} are shared with one user"
        )
    shares.add(tx, collection, user_id, _free_slug(tx, collection, user_id), may_write=may_write)


def _announced(tx: Tx, collection: Collection, user_id: int) -> Share:
    for each in (collection.user_id, user_id):
        collections.announce(tx, collection, each)
    made = shares.find_of(tx, collection, user_id)
    if made is None:
        raise LookupError(f"no share of {collection.family} {collection.id} right after it was made")
    return made


def unshare(tx: Tx, viewer: int, family: Family, slug: str, address: str) -> None:
    """As Sharing.unshare."""
    collection = access.require(tx, viewer, family, slug, Privilege.SHARE).collection
    user_id = _user(tx, address)
    had = shares.find_of(tx, collection, user_id)
    if had is None:
        raise NoSuchUser(f"It is not shared with {address}")
    shares.remove(tx, had.id)
    for each in (collection.user_id, user_id):
        collections.announce(tx, collection, each)


def replace(tx: Tx, viewer: int, family: Family, slug: str, wanted: Mapping[str, bool], config: DavConfig) -> None:
    """As Sharing.replace."""
    users_wanted = {_user(tx, address): (address, may_write) for address, may_write in wanted.items()}
    for had in sharees(tx, viewer, family, slug):
        if had.user_id not in users_wanted:
            unshare(tx, viewer, family, slug, had.address)
        elif users_wanted[had.user_id][1] is had.may_write:
            del users_wanted[had.user_id]
    for address, may_write in users_wanted.values():
        share(tx, viewer, family, slug, address, may_write, config)


def sharees(rx: Rx, viewer: int, family: Family, slug: str) -> list[Share]:
    """As Sharing.list."""
    return shares.list_of(rx, access.require(rx, viewer, family, slug, Privilege.SHARE).collection)


def _free_slug(rx: Rx, collection: Collection, user_id: int) -> str:
    """In the home of who is given it: with the owner's name, and a number where that is taken."""
    local_part = collection.owner.rpartition("@")[0]
    stem = f"{collection.slug}-{local_part}"
    if len(stem.encode()) > 200:
        stem = f"shared-{collection.id}"
    if collections.is_free(rx, collection.family, user_id, stem):
        return stem
    return next(
        slug for number in count(2) if collections.is_free(rx, collection.family, user_id, slug := f"{stem}-{number}")
    )


def _user(rx: Rx, address: str) -> int:
    try:
        return users.get(rx, address).id
    except BadAddress:
        raise NoSuchUser("Calendars and address books are shared with addresses of this server") from None
