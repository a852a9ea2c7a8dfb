"""LOCK, its refresh and UNLOCK, among clients of one user and of several."""

from itertools import count

import pytest

from mailserver.errors import Locked, NoSuchLock, NotPermitted
from mailserver.groupware.conditions import Conditions
from mailserver.groupware.locks import MAX_SECONDS, LockRequest, Locks
from mailserver.groupware.members import Members
from mailserver.groupware.sharing import Sharing
from mailserver.store.collections import Family
from mailserver.store.store import Store
from tests.fakes import FakeClock
from tests.service.groupware.plain import thing

CALENDARS = Family.CALENDARS
ALONE = LockRequest(is_exclusive=True, is_deep=False, owner=b"<D:href/>", seconds=60)
TOGETHER = LockRequest(is_exclusive=False, is_deep=False, owner=b"", seconds=60)
DEEP = LockRequest(is_exclusive=True, is_deep=True, owner=b"", seconds=60)


@pytest.fixture
def locks(store: Store) -> Locks:
    numbers = count(1)
    return Locks(store, lambda octets: next(numbers).to_bytes(octets, "big"))


async def test_a_lock_ends_by_itself(locks: Locks, clock: FakeClock, members: Members, ann: int) -> None:
    lock = await locks.add(ann, CALENDARS, "calendar", "new", ALONE)
    assert lock.token.startswith("urn:uuid:")
    with pytest.raises(Locked):
        await members.put(ann, CALENDARS, "calendar", "new", thing("1"))
    await clock.advance(50)
    again = await locks.refresh(ann, CALENDARS, "calendar", "new", lock.token, 10**9)
    assert again.expires_ms == int(clock.now().timestamp() * 1000) + MAX_SECONDS * 1000
    await clock.advance(MAX_SECONDS)
    await members.put(ann, CALENDARS, "calendar", "new", thing("1"))
    with pytest.raises(NoSuchLock):
        await locks.refresh(ann, CALENDARS, "calendar", "new", lock.token, 60)


async def test_shared_locks_stand_beside_one_another(locks: Locks, ann: int) -> None:
    first = await locks.add(ann, CALENDARS, "calendar", "a", TOGETHER)
    second = await locks.add(ann, CALENDARS, "calendar", "a", TOGETHER)
    with pytest.raises(Locked):
        await locks.add(ann, CALENDARS, "calendar", "a", ALONE)
    assert await locks.list(ann, CALENDARS, "calendar") == [first, second]
    await locks.remove(ann, CALENDARS, "calendar", "a", first.token)
    await locks.remove(ann, CALENDARS, "calendar", "a", second.token)
    await locks.add(ann, CALENDARS, "calendar", "a", ALONE)


async def test_a_deep_lock_covers_what_is_below(locks: Locks, members: Members, ann: int) -> None:
    lock = await locks.add(ann, CALENDARS, "calendar", None, DEEP)
    with pytest.raises(Locked):
        await locks.add(ann, CALENDARS, "calendar", "a", TOGETHER)
    with pytest.raises(Locked):
        await members.put(ann, CALENDARS, "calendar", "a", thing("1"))
    held = Conditions(tokens=frozenset({lock.token}), locked_by=ann)
    await members.put(ann, CALENDARS, "calendar", "a", thing("1"), held)
    with pytest.raises(NoSuchLock):
        await locks.remove(ann, CALENDARS, "tasks", None, lock.token)


async def test_a_token_opens_for_its_holder_alone(
    locks: Locks, members: Members, sharing: Sharing, ann: int, bob: int
) -> None:
    slug = (await sharing.share(ann, CALENDARS, "calendar", "bob@example.test", may_write=True)).slug
    lock = await locks.add(bob, CALENDARS, slug, "a", ALONE)
    stolen = Conditions(tokens=frozenset({lock.token}), locked_by=ann)
    with pytest.raises(Locked):
        await members.put(ann, CALENDARS, "calendar", "a", thing("1"), stolen)
    with pytest.raises(NotPermitted):
        await locks.refresh(ann, CALENDARS, "calendar", "a", lock.token, 60)
    await locks.remove(ann, CALENDARS, "calendar", "a", lock.token)  # the owner may break it
    await members.put(ann, CALENDARS, "calendar", "a", thing("1"))


async def test_only_who_may_write_may_lock(locks: Locks, sharing: Sharing, ann: int, bob: int) -> None:
    assert bob
    slug = (await sharing.share(ann, CALENDARS, "calendar", "bob@example.test", may_write=False)).slug
    with pytest.raises(NotPermitted):
        await locks.add(bob, CALENDARS, slug, "a", ALONE)
