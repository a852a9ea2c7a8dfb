"""Collections for several users: who sees what, under which name, and what each may do with it."""

import pytest

from mailserver.errors import BadValue, LimitReached, NoSuchCollection, NoSuchUser, NotPermitted, TooManyCollections
from mailserver.groupware.access import Privilege
from mailserver.groupware.collections import Collections
from mailserver.groupware.members import MemberPath, Members
from mailserver.groupware.properties import Properties
from mailserver.groupware.sharing import Sharing
from mailserver.groupware.sync import Sync
from mailserver.groupware.wanted import CollectionChanges, NewCollection
from mailserver.store import users
from mailserver.store.collections import Family
from mailserver.store.events import CollectionChanged, Event
from mailserver.store.store import Store
from tests.service.groupware.plain import FIRST, thing

BOB, CALENDARS = "bob@example.test", Family.CALENDARS
NAME = "{urn:example}note"


async def test_who_is_given_a_collection_sees_it_in_his_own_home(
    calendars: Collections, members: Members, sharing: Sharing, store: Store, ann: int, bob: int, family: Family
) -> None:
    slug = FIRST[family]
    await members.put(ann, family, slug, "1", thing("1"))
    heard: list[Event] = []
    store.subscribe(heard.append)
    share = await sharing.share(ann, family, slug, BOB, may_write=False)
    assert {event.user_id for event in heard if isinstance(event, CollectionChanged)} == {ann, bob}
    assert share.slug == f"{slug}-ann"
    [seen] = [each for each in await calendars.list(bob, family) if each.is_shared_in]
    assert (seen.slug, seen.collection.owner) == (share.slug, "ann@example.test")
    assert seen.privileges == {Privilege.READ, Privilege.READ_FREE_BUSY, Privilege.WRITE_PROPERTIES}
    assert (await members.get(bob, family, share.slug, "1"))[1] == thing("1")
    assert [each.address for each in await sharing.list(ann, family, slug)] == [BOB]


async def test_reading_is_not_writing(members: Members, sharing: Sharing, ann: int, bob: int) -> None:
    await members.put(ann, CALENDARS, "calendar", "1", thing("1"))
    slug = (await sharing.share(ann, CALENDARS, "calendar", BOB, may_write=False)).slug
    with pytest.raises(NotPermitted, match="does not let you"):
        await members.put(bob, CALENDARS, slug, "2", thing("2"))
    with pytest.raises(NotPermitted):
        await members.put(bob, CALENDARS, slug, "1", thing("1", "new"))
    with pytest.raises(NotPermitted):
        await members.remove(bob, CALENDARS, slug, "1")
    with pytest.raises(NotPermitted):
        source, target = MemberPath(CALENDARS, slug, "1"), MemberPath(CALENDARS, "calendar", "1")
        await members.move(bob, source, target, overwrite=True)
    with pytest.raises(NotPermitted):
        await sharing.share(bob, CALENDARS, slug, "ann@example.test", may_write=True)
    assert (await members.get(ann, CALENDARS, "calendar", "1"))[1] == thing("1")


async def test_both_write_and_count_the_same_numbers(
    members: Members, sharing: Sharing, sync: Sync, ann: int, bob: int
) -> None:
    slug = (await sharing.share(ann, CALENDARS, "calendar", BOB, may_write=True)).slug
    before = await sync.changes(ann, CALENDARS, "calendar", None)
    stored = await members.put(bob, CALENDARS, slug, "1", thing("1"))
    for viewer, name in ((ann, "calendar"), (bob, slug)):
        changes = await sync.changes(viewer, CALENDARS, name, before.point)
        assert changes.members == [stored.member]
    await members.remove(bob, CALENDARS, slug, "1")
    assert (await sync.changes(ann, CALENDARS, "calendar", before.point)).removed == ["1"]


async def test_a_sharee_has_a_name_and_colour_of_his_own(
    calendars: Collections, sharing: Sharing, store: Store, ann: int, bob: int
) -> None:
    slug = (await sharing.share(ann, CALENDARS, "calendar", BOB, may_write=False)).slug
    mine = CollectionChanges("Ann's", color="#00FF00", position=9, is_transparent=True, properties={NAME: b"bob"})
    seen = await calendars.change(bob, CALENDARS, slug, mine)
    assert (seen.name, seen.color, seen.position, seen.is_transparent) == ("Ann's", "#00FF00", 9, True)
    anns = await calendars.find(ann, CALENDARS, "calendar")
    assert anns is not None
    assert (anns.name, anns.position, anns.is_transparent) == ("Calendar", None, False)
    assert await Properties(store).of_collection(bob, CALENDARS, slug) == {NAME: b"bob"}
    assert await Properties(store).of_collection(ann, CALENDARS, "calendar") == {}
    with pytest.raises(NotPermitted, match="description"):
        await calendars.change(bob, CALENDARS, slug, CollectionChanges("Mine", description="mine too"))
    await calendars.change(ann, CALENDARS, "calendar", CollectionChanges("Home"))
    seen = await calendars.change(bob, CALENDARS, slug, CollectionChanges(name=None))
    assert seen.name == "Home"


async def test_who_leaves_takes_nothing_from_the_owner(
    calendars: Collections, members: Members, sharing: Sharing, ann: int, bob: int
) -> None:
    await members.put(ann, CALENDARS, "calendar", "1", thing("1"))
    slug = (await sharing.share(ann, CALENDARS, "calendar", BOB, may_write=True)).slug
    await calendars.remove(bob, CALENDARS, slug)
    assert await calendars.find(bob, CALENDARS, slug) is None
    assert (await members.get(ann, CALENDARS, "calendar", "1"))[1] == thing("1")
    assert await sharing.list(ann, CALENDARS, "calendar") == []


async def test_what_is_taken_back_is_missing_at_once(members: Members, sharing: Sharing, ann: int, bob: int) -> None:
    slug = (await sharing.share(ann, CALENDARS, "calendar", BOB, may_write=True)).slug
    again = await sharing.share(ann, CALENDARS, "calendar", BOB, may_write=False)
    assert (again.slug, again.may_write) == (slug, False)
    await sharing.unshare(ann, CALENDARS, "calendar", BOB)
    with pytest.raises(NoSuchCollection):
        await members.put(bob, CALENDARS, slug, "1", thing("1"))
    with pytest.raises(NoSuchUser, match="not shared"):
        await sharing.unshare(ann, CALENDARS, "calendar", BOB)


async def test_what_can_not_be_shared_is_told(
    calendars: Collections, sharing: Sharing, store: Store, ann: int, bob: int
) -> None:
    for address, refusal in (("no@example.test", NoSuchUser), ("x", NoSuchUser), ("ann@example.test", BadValue)):
        with pytest.raises(refusal):
            await sharing.share(ann, CALENDARS, "calendar", address, may_write=True)
    for name in ("cid", "dan"):
        await store.write(users.add, f"{name}@example.test", "$argon2id$unused")
        await sharing.share(ann, CALENDARS, "calendar", f"{name}@example.test", may_write=True)
    with pytest.raises(LimitReached, match="2 users"):
        await sharing.share(ann, CALENDARS, "calendar", BOB, may_write=True)


async def test_what_is_shared_with_a_user_takes_no_place_of_his_own(
    calendars: Collections, sharing: Sharing, ann: int, bob: int, family: Family
) -> None:
    there = [each.slug for each in await calendars.list(ann, family)]
    made = [f"{number}" for number in range(6 - len(there))]
    for slug in made:
        await calendars.create(ann, family, slug, NewCollection())
    for slug in (*there, *made):
        await sharing.share(ann, family, slug, BOB, may_write=True)
    for slug in made:
        await calendars.create(bob, family, slug, NewCollection())
    assert len(await calendars.list(bob, family)) == 12
    with pytest.raises(TooManyCollections, match="A user has at most 6"):
        await calendars.create(bob, family, "one more", NewCollection())


async def test_only_so_many_are_shared_with_one_user(
    calendars: Collections, sharing: Sharing, store: Store, ann: int, bob: int
) -> None:
    for number in range(4):
        await calendars.create(ann, CALENDARS, f"{number}", NewCollection())
    for seen in await calendars.list(ann, CALENDARS):
        await sharing.share(ann, CALENDARS, seen.slug, BOB, may_write=True)
    cid = await store.write(users.add, "cid@example.test", "$argon2id$unused")
    await calendars.create(cid.id, CALENDARS, "more", NewCollection())
    with pytest.raises(TooManyCollections, match="At most 6 calendars are shared with one user"):
        await sharing.share(cid.id, CALENDARS, "more", BOB, may_write=True)


async def test_names_in_a_home_never_meet(calendars: Collections, sharing: Sharing, ann: int, bob: int) -> None:
    await calendars.create(bob, CALENDARS, "calendar-ann", NewCollection())
    share = await sharing.share(ann, CALENDARS, "calendar", BOB, may_write=True)
    assert share.slug == "calendar-ann-2"
    moved = await calendars.move(bob, CALENDARS, share.slug, "from ann")
    assert (moved.slug, moved.collection.slug) == ("from ann", "calendar")


async def test_what_a_deleted_user_shared_is_gone_and_comes_back_with_him(
    calendars: Collections, sharing: Sharing, store: Store, ann: int, bob: int
) -> None:
    slug = (await sharing.share(ann, CALENDARS, "calendar", BOB, may_write=True)).slug
    await store.write(users.remove, "ann@example.test")
    assert await calendars.find(bob, CALENDARS, slug) is None
    assert len(await calendars.list(bob, CALENDARS)) == 2
    await store.write(users.restore, "ann@example.test")
    assert await calendars.find(bob, CALENDARS, slug) is not None
