"""LOCK and UNLOCK: exclusive or shared write locks on a collection or a path in it. RFC 4918 §6, §9.10.

They hold among all clients of all users of a collection, and end by themselves.
"""

import builtins
from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID

from mailserver.errors import LimitReached, Locked, NoSuchLock, NotPermitted
from mailserver.groupware import access, conditions, names
from mailserver.groupware.access import Privilege, Seen
from mailserver.groupware.conditions import Conditions
from mailserver.store import dav_locks, members
from mailserver.store.collections import Collection, Family
from mailserver.store.database import Rx, Tx
from mailserver.store.dav_locks import Lock
from mailserver.store.store import Store

MAX_SECONDS = 3600  # a lock lasts at most
MAX_LOCKS = 1000  # of one user at once
MAX_OWNER_OCTETS = 4096


@dataclass(frozen=True, slots=True)
class LockRequest:
    is_exclusive: bool
    is_deep: bool
    owner: bytes  # inner XML of DAV:owner
    seconds: int  # wished for; at most MAX_SECONDS are given


class Locks:
    def __init__(self, store: Store, random: Callable[[int], bytes]) -> None:
        self._store = store
        self._random = random

    async def add(
        self,
        viewer: int,
        family: Family,
        slug: str,
        href: str | None,
        request: LockRequest,
        when: Conditions = conditions.NONE,
    ) -> Lock:
        """`href` None: the collection. A path without a member can be locked too; nothing is made there.

        Raises NoSuchCollection, NotPermitted, PreconditionFailed, Locked, LimitReached.
        """
        token = UUID(bytes=self._random(16), version=4).urn
        return await self._store.write(_add, viewer, family, slug, href, request, when, token)

    async def refresh(self, viewer: int, family: Family, slug: str, href: str | None, token: str, seconds: int) -> Lock:
        """Raises NoSuchCollection, NoSuchLock, NotPermitted."""
        return await self._store.write(_refresh, viewer, family, slug, href, token, seconds)

    async def remove(self, viewer: int, family: Family, slug: str, href: str | None, token: str) -> None:
        """Its holder's or the collection's owner's doing. Raises NoSuchCollection, NoSuchLock, NotPermitted."""
        await self._store.write(_remove, viewer, family, slug, href, token)

    async def list(self, viewer: int, family: Family, slug: str) -> builtins.list[Lock]:
        """All on the collection and in it, for lockdiscovery. Raises NoSuchCollection."""
        now = int(self._store.clock.now().timestamp() * 1000)
        return await self._store.read(_list, viewer, family, slug, now)


def on(tx: Tx, collection: Collection, href: str | None) -> builtins.list[Lock]:
    """Those that hold for a member's path (or None: the collection) now: its own and deep ones of the collection."""
    return covering(dav_locks.list(tx, collection, tx.now_ms), href)


def of_binding(tx: Tx, collection: Collection, href: str) -> builtins.list[Lock]:
    """Those in the way of adding or removing a member: any on the collection as well. RFC 4918 §7.4"""
    return [lock for lock in dav_locks.list(tx, collection, tx.now_ms) if lock.href in {None, href}]


def anywhere(tx: Tx, collection: Collection) -> builtins.list[Lock]:
    """Those in the way of removing all of it."""
    return dav_locks.list(tx, collection, tx.now_ms)


def covering(those: builtins.list[Lock], href: str | None) -> builtins.list[Lock]:
    return [lock for lock in those if lock.href == href or (lock.href is None and lock.is_deep)]


def _list(rx: Rx, viewer: int, family: Family, slug: str, now_ms: int) -> builtins.list[Lock]:
    return dav_locks.list(rx, access.require(rx, viewer, family, slug).collection, now_ms)


def _add(
    tx: Tx,
    viewer: int,
    family: Family,
    slug: str,
    href: str | None,
    request: LockRequest,
    when: Conditions,
    token: str,
) -> Lock:
    seen = access.require(tx, viewer, family, slug, Privilege.WRITE_CONTENT)
    if href is not None:
        names.require_href(href)
    there = dav_locks.list(tx, seen.collection, tx.now_ms)
    member = members.find(tx, seen.collection, href) if href is not None else None
    conditions.require_match(when, member, tuple(covering(there, href)))
    for lock in there:
        if _meets(lock, href, request.is_deep) and (lock.is_exclusive or request.is_exclusive):
            raise Locked(lock.href)
    if dav_locks.count(tx, viewer, tx.now_ms) >= MAX_LOCKS or len(request.owner) > MAX_OWNER_OCTETS:
        raise LimitReached(f"A user may hold {MAX_LOCKS} locks, each with {MAX_OWNER_OCTETS} octets about its owner")
    made = Lock(
        token,
        family,
        seen.collection.id,
        href,
        viewer,
        request.is_exclusive,
        request.is_deep and href is None,
        request.owner,
        _ends(tx, request.seconds),
    )
    dav_locks.add(tx, made)
    return made


def _meets(lock: Lock, href: str | None, deep: bool) -> bool:
    """Whether a lock and one that is asked for would cover a path both."""
    return lock.href == href or (lock.href is None and lock.is_deep) or (href is None and deep)


def _refresh(tx: Tx, viewer: int, family: Family, slug: str, href: str | None, token: str, seconds: int) -> Lock:
    seen, lock = _held(tx, viewer, family, slug, href, token)
    if lock.user_id != viewer:
        raise NotPermitted("The lock is another user's")
    access.require_privilege(seen, Privilege.WRITE_CONTENT)
    dav_locks.set_expiry(tx, token, _ends(tx, seconds))
    return replace(lock, expires_ms=_ends(tx, seconds))


def _remove(tx: Tx, viewer: int, family: Family, slug: str, href: str | None, token: str) -> None:
    seen, lock = _held(tx, viewer, family, slug, href, token)
    if viewer not in {lock.user_id, seen.collection.user_id}:
        raise NotPermitted("The lock is another user's")
    dav_locks.remove(tx, token)


def _held(tx: Tx, viewer: int, family: Family, slug: str, href: str | None, token: str) -> tuple[Seen, Lock]:
    seen = access.require(tx, viewer, family, slug)
    for lock in on(tx, seen.collection, href):
        if lock.token == token:
            return seen, lock
    raise NoSuchLock


def _ends(tx: Tx, seconds: int) -> int:
    return tx.now_ms + 1000 * min(max(seconds, 1), MAX_SECONDS)
