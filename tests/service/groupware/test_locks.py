"""LOCK, its refresh and UNLOCK, among clients of one user and of several."""

from itertools import count

import pytest

from mailserver.errors import BadValue, Locked, NoSuchCollection, NoSuchLock, NotPermitted
from mailserver.groupware.collections import Collections, NewCollection
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


async def test_a_calendar_goes_with_the_tokens_of_all_locks_in_it(
    locks: Locks, members: Members, calendars: Collections, sharing: Sharing, ann: int, bob: int
) -> None:
    """One token of many opened all of them: what somebody else had locked was removed."""
    await calendars.create(ann, CALENDARS, "team", NewCollection())
    await sharing.share(ann, CALENDARS, "team", "bob@example.test", may_write=True)
    shared = "team-ann"
    await members.put(ann, CALENDARS, "team", "1", thing("1"))
    await members.put(ann, CALENDARS, "team", "2", thing("2"))
    own = await locks.add(ann, CALENDARS, "team", "1", ALONE)
    his = await locks.add(bob, CALENDARS, shared, "2", ALONE)
    with pytest.raises(Locked) as refused:
        await calendars.remove(ann, CALENDARS, "team", Conditions(tokens=frozenset({own.token}), locked_by=ann))
    assert refused.value.href == "2"
    both = Conditions(tokens=frozenset({own.token, his.token}), locked_by=ann)
    with pytest.raises(Locked):  # showing the token of somebody else is not holding it
        await calendars.remove(ann, CALENDARS, "team", both)
    await locks.remove(bob, CALENDARS, shared, "2", his.token)
    await calendars.remove(ann, CALENDARS, "team", both)


async def test_adding_to_a_locked_calendar_takes_its_token_and_that_of_the_name(
    locks: Locks, members: Members, sharing: Sharing, ann: int, bob: int
) -> None:
    await sharing.share(ann, CALENDARS, "calendar", "bob@example.test", may_write=True)
    his = await locks.add(bob, CALENDARS, "calendar-ann", "new", ALONE)
    own = await locks.add(ann, CALENDARS, "calendar", None, ALONE)
    with pytest.raises(Locked):
        when = Conditions(tokens=frozenset({his.token}), locked_by=bob)
        await members.put(bob, CALENDARS, "calendar-ann", "new", thing("1"), when)
    with pytest.raises(Locked):
        when = Conditions(tokens=frozenset({own.token}), locked_by=ann)
        await members.put(ann, CALENDARS, "calendar", "new", thing("1"), when)


@pytest.mark.parametrize("may_read", [True, False])
async def test_who_may_no_longer_write_holds_no_lock(
    locks: Locks, members: Members, sharing: Sharing, ann: int, bob: int, may_read: bool
) -> None:
    """An hour long, and longer where it was refreshed, the owner was kept out of his own calendar."""
    await sharing.share(ann, CALENDARS, "calendar", "bob@example.test", may_write=True)
    lock = await locks.add(bob, CALENDARS, "calendar-ann", None, DEEP)
    if may_read:
        await sharing.share(ann, CALENDARS, "calendar", "bob@example.test", may_write=False)
    else:
        await sharing.unshare(ann, CALENDARS, "calendar", "bob@example.test")
    await members.put(ann, CALENDARS, "calendar", "a", thing("1"))
    with pytest.raises((NoSuchLock, NoSuchCollection)):
        await locks.refresh(bob, CALENDARS, "calendar-ann", None, lock.token, 60)
    with pytest.raises((NotPermitted, NoSuchCollection)):
        await locks.add(bob, CALENDARS, "calendar-ann", "b", ALONE)


async def test_who_leaves_a_share_leaves_no_lock(
    locks: Locks, members: Members, calendars: Collections, sharing: Sharing, ann: int, bob: int
) -> None:
    await sharing.share(ann, CALENDARS, "calendar", "bob@example.test", may_write=True)
    await locks.add(bob, CALENDARS, "calendar-ann", None, DEEP)
    await calendars.remove(bob, CALENDARS, "calendar-ann")
    await members.put(ann, CALENDARS, "calendar", "a", thing("1"))


@pytest.mark.parametrize("href", ["..", "a\x01", "x" * 1001])
async def test_only_names_that_a_member_can_have_are_locked(locks: Locks, ann: int, href: str) -> None:
    with pytest.raises(BadValue):
        await locks.add(ann, CALENDARS, "calendar", href, ALONE)
