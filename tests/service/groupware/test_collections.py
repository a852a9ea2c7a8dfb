"""Collections of a home: defaults, properties all or nothing, renaming, removing, limits."""

import pytest

from mailserver.errors import (
    BadValue,
    CollectionExists,
    DefaultNeeded,
    NoSuchCollection,
    OverQuota,
    TooManyCollections,
    TooManyProperties,
)
from mailserver.groupware.collections import Collections
from mailserver.groupware.members import Members
from mailserver.groupware.properties import Properties
from mailserver.groupware.sharing import Sharing
from mailserver.groupware.sync import Sync, complete
from mailserver.groupware.wanted import CollectionChanges, NewCollection
from mailserver.store import dead_properties, profiles, users
from mailserver.store.collections import Family
from mailserver.store.dead_properties import MAX_COUNT, MAX_OCTETS, Owner, Place
from mailserver.store.store import Store
from tests.service.groupware.plain import ACCEPT, FIRST, thing

CALENDARS, ADDRESSBOOKS = Family.CALENDARS, Family.ADDRESSBOOKS
NAME = "{urn:example}note"
OSLO = "BEGIN:VCALENDAR\r\nBEGIN:VTIMEZONE\r\nTZID;X=1:Europe/Oslo\r\nEND:VTIMEZONE\r\nEND:VCALENDAR\r\n"


async def test_a_new_user_finds_a_calendar_a_task_list_and_an_address_book(calendars: Collections, ann: int) -> None:
    found = await calendars.list(ann, CALENDARS)
    assert [(each.slug, each.name, each.collection.is_default) for each in found] == [
        ("calendar", "Calendar", True),
        ("tasks", "Tasks", False),
    ]
    assert [each.collection.components for each in found] == [("VEVENT", "VTODO", "VJOURNAL"), ("VTODO",)]
    assert [each.slug for each in await calendars.list(ann, ADDRESSBOOKS)] == ["contacts"]
    default = await calendars.default(ann, ADDRESSBOOKS)
    assert default is not None
    assert default.slug == "contacts"


async def test_a_collection_begins_with_what_was_asked_for(calendars: Collections, store: Store, ann: int) -> None:
    new = NewCollection("Wörk", description="a\nb", color="#FF000080", position=3, timezone=OSLO, components=("VTODO",),
                        is_transparent=True, properties={NAME: b"<x/>"})  # fmt: skip
    made = await calendars.create(ann, CALENDARS, "w örk", new)
    assert made == await calendars.find(ann, CALENDARS, "w örk")
    collection = made.collection
    assert (made.name, made.color, made.position, made.is_transparent) == ("Wörk", "#FF000080", 3, True)
    assert (collection.timezone, collection.timezone_id) == (OSLO, "Europe/Oslo")
    assert (collection.description, collection.components) == ("a\nb", ("VTODO",))
    assert await Properties(store).of_collection(ann, CALENDARS, "w örk") == {NAME: b"<x/>"}


@pytest.mark.parametrize("slug", ["", ".", "..", "a/b", "a\x00", "a\nb", "x" * 256, "é" * 128, "inbox", "outbox"])
async def test_names_that_no_path_can_have_are_refused(calendars: Collections, ann: int, slug: str) -> None:
    with pytest.raises(BadValue):
        await calendars.create(ann, CALENDARS, slug, NewCollection())
    with pytest.raises(BadValue):
        await calendars.move(ann, CALENDARS, "tasks", slug)


async def test_what_can_not_be_kept_makes_nothing(calendars: Collections, ann: int) -> None:
    many = {f"{{urn:x}}{number}": b"" for number in range(MAX_COUNT + 1)}
    for new, refusal in (
        (NewCollection(properties=many), TooManyProperties),
        (NewCollection(properties={NAME: b"x" * MAX_OCTETS}), TooManyProperties),
        (NewCollection("x" * 501), BadValue),
        (NewCollection("\x07"), BadValue),
        (NewCollection(position=-1), BadValue),
        (NewCollection(timezone="x" * 70_000), BadValue),
    ):
        with pytest.raises(refusal):
            await calendars.create(ann, CALENDARS, "new", new)
    with pytest.raises(CollectionExists):
        await calendars.create(ann, CALENDARS, "calendar", NewCollection())
    assert len(await calendars.list(ann, CALENDARS)) == 2


async def test_changes_are_all_or_nothing(calendars: Collections, store: Store, ann: int, family: Family) -> None:
    slug = FIRST[family]
    first = await calendars.find(ann, family, slug)
    with pytest.raises(TooManyProperties):
        await calendars.change(ann, family, slug, CollectionChanges("New", properties={NAME: b"x" * MAX_OCTETS}))
    assert await calendars.find(ann, family, slug) == first
    now = await calendars.change(ann, family, slug, CollectionChanges("New", color="red", properties={NAME: b"1"}))
    assert first is not None
    assert (now.name, now.color, now.collection.modseq > first.collection.modseq) == ("New", "red", True)
    now = await calendars.change(ann, family, slug, CollectionChanges(None, color=None, properties={NAME: None}))
    assert (now.name, now.color) == (slug, None)
    assert await Properties(store).of_collection(ann, family, slug) == {}


async def test_a_calendar_without_a_time_zone_has_that_of_its_owner(
    calendars: Collections, sharing: Sharing, store: Store, ann: int, bob: int
) -> None:
    async def zone(viewer: int = ann, slug: str = "calendar") -> tuple[str | None, str | None]:
        seen = await calendars.find(viewer, CALENDARS, slug)
        assert seen is not None
        return seen.collection.timezone, seen.collection.timezone_id

    assert await zone() == (None, "UTC")
    await store.write(profiles.set_timezone, ann, "Europe/Vienna")
    await store.write(profiles.set_timezone, bob, "Asia/Tokyo")
    assert await zone() == (None, "Europe/Vienna")
    slug = (await sharing.share(ann, CALENDARS, "calendar", "bob@example.test", may_write=True)).slug
    assert await zone(bob, slug) == (None, "Europe/Vienna")
    await calendars.create(ann, CALENDARS, "new", NewCollection())
    assert await zone(slug="new") == (None, "Europe/Vienna")
    await calendars.change(ann, CALENDARS, "calendar", CollectionChanges(timezone=OSLO))
    assert await zone() == (OSLO, "Europe/Oslo")
    await calendars.change(ann, CALENDARS, "calendar", CollectionChanges(timezone_id="UTC"))
    assert await zone() == (None, "UTC")
    await calendars.change(ann, CALENDARS, "calendar", CollectionChanges(timezone=None))
    assert await zone() == (None, "Europe/Vienna")


async def test_a_copy_has_everything_but_shares_and_invitations(
    calendars: Collections, members: Members, sharing: Sharing, sync: Sync, store: Store, ann: int, bob: int,
    family: Family,
) -> None:  # fmt: skip
    first, properties = FIRST[family], Properties(store)
    for name in ("b/1", "..x"):
        await members.put(ann, family, first, name, thing(name))
    await members.remove(ann, family, first, "..x")
    await members.put(ann, family, first, "c", thing("c"))
    await properties.set_member(ann, family, first, "c", {NAME: b"m"})
    await calendars.change(ann, family, first, CollectionChanges("Old", color="red", properties={NAME: b"p"}))
    await sharing.share(ann, family, first, "bob@example.test", may_write=True)
    made = await calendars.copy(ann, family, first, "copy", with_members=True)
    assert (made.name, made.color, made.collection.is_default) == ("Old", "red", False)
    before, after = [(await members.list(ann, family, slug)) for slug in (first, "copy")]
    assert [(each.href, each.uid, each.etag, each.size) for each in after[1]] == [
        (each.href, each.uid, each.etag, each.size) for each in before[1]
    ]
    counts = [(each[0].collection.members, each[0].collection.octets) for each in (before, after)]
    assert counts[0] == counts[1]
    assert await properties.of_collection(ann, family, "copy") == {NAME: b"p"}
    assert await properties.of_member(ann, family, "copy", "c") == {NAME: b"m"}
    assert await properties.of_member(ann, family, "copy", "b/1") == {}
    assert (await members.get(ann, family, "copy", "c"))[1] == thing("c")
    assert await sharing.list(ann, family, "copy") == []
    point = (await sync.changes(ann, family, "copy", None)).point
    stored = await members.put(ann, family, "copy", "c", thing("c", "new"))
    assert (await sync.changes(ann, family, "copy", point)).members == [stored.member]
    assert (await members.get(ann, family, first, "c"))[1] == thing("c")
    empty = await calendars.copy(ann, family, first, "empty", with_members=False)
    assert (empty.color, empty.collection.members) == ("red", 0)


async def test_what_is_shared_with_somebody_he_copies_to_have_it(
    calendars: Collections, members: Members, sharing: Sharing, ann: int, bob: int
) -> None:
    await members.put(ann, CALENDARS, "calendar", "a", thing("1"))
    slug = (await sharing.share(ann, CALENDARS, "calendar", "bob@example.test", may_write=False)).slug
    await calendars.change(bob, CALENDARS, slug, CollectionChanges("Ann", color="blue"))
    made = await calendars.copy(bob, CALENDARS, slug, "mine", with_members=True)
    assert (made.name, made.color, made.collection.user_id) == ("Ann", "blue", bob)
    await members.put(bob, CALENDARS, "mine", "a", thing("1", "changed"))
    assert (await members.get(ann, CALENDARS, "calendar", "a"))[1] == thing("1")


async def test_a_copy_that_can_not_be_whole_is_none(
    calendars: Collections, members: Members, ann: int, bob: int
) -> None:
    for number in range(6):
        await members.put(ann, CALENDARS, "calendar", f"{number}", thing(f"{number}", "x" * 700))
    with pytest.raises(OverQuota, match="more than 5,000 octets"):
        await calendars.copy(ann, CALENDARS, "calendar", "copy", with_members=True)
    with pytest.raises(CollectionExists):
        await calendars.copy(ann, CALENDARS, "calendar", "tasks", with_members=False)
    for viewer, slug in ((ann, "none"), (bob, "copy")):
        with pytest.raises(NoSuchCollection):
            await calendars.copy(viewer, CALENDARS, slug, "other", with_members=True)
    assert await calendars.find(ann, CALENDARS, "copy") is None


async def test_there_are_only_so_many(calendars: Collections, ann: int) -> None:
    for number in range(4):
        await calendars.create(ann, CALENDARS, f"{number}", NewCollection())
    with pytest.raises(TooManyCollections, match="at most 6 calendars") as refused:
        await calendars.create(ann, CALENDARS, "one more", NewCollection())
    assert refused.value.http == 507  # a client that tries again gets no further


async def test_the_default_stays_until_another_is_it(calendars: Collections, ann: int, family: Family) -> None:
    with pytest.raises(DefaultNeeded, match="make another the default"):
        await calendars.remove(ann, family, FIRST[family])
    await calendars.create(ann, family, "other", NewCollection())
    await calendars.make_default(ann, family, "other")
    assert (await calendars.list(ann, family))[0].slug == "other"
    await calendars.remove(ann, family, FIRST[family])
    assert await calendars.find(ann, family, FIRST[family]) is None


async def test_a_removed_calendar_is_gone_with_all_that_was_in_it(
    calendars: Collections, members: Members, store: Store, ann: int
) -> None:
    await members.put(ann, CALENDARS, "tasks", "1", thing("1"))
    await Properties(store).set_member(ann, CALENDARS, "tasks", "1", {NAME: b"x"})
    await members.put(ann, CALENDARS, "tasks", "2", thing("2"))
    await members.remove(ann, CALENDARS, "tasks", "2")
    await calendars.remove(ann, CALENDARS, "tasks")
    with pytest.raises(NoSuchCollection):
        await members.get(ann, CALENDARS, "tasks", "1")
    left = "SELECT (SELECT count(*) FROM dav_properties), (SELECT count(*) FROM dav_removed)"
    assert await store.read(lambda rx: rx.one(left)) == (0, 0)
    again = await calendars.create(ann, CALENDARS, "tasks", NewCollection())
    assert again.collection.members == 0


async def test_a_renamed_calendar_keeps_everything(
    calendars: Collections, members: Members, sync: Sync, ann: int
) -> None:
    stored = await members.put(ann, CALENDARS, "tasks", "1", thing("1"))
    moved = await calendars.move(ann, CALENDARS, "tasks", "to do")
    assert await calendars.find(ann, CALENDARS, "tasks") is None
    assert await members.get(ann, CALENDARS, "to do", "1") == (stored.member, thing("1"))
    with pytest.raises(CollectionExists):
        await calendars.move(ann, CALENDARS, "to do", "calendar")
    assert (await sync.changes(ann, CALENDARS, "to do", None)).point == complete(moved.collection)


async def test_dead_properties_follow_their_resources(store: Store, members: Members, ann: int) -> None:
    properties = Properties(store)
    await properties.set_principal(ann, {NAME: b"p"})
    await properties.set_home(ann, CALENDARS, {NAME: b"h"})
    await members.put(ann, CALENDARS, "calendar", "1", thing("1"))
    before = await members.list(ann, CALENDARS, "calendar")
    await properties.set_member(ann, CALENDARS, "calendar", "1", {NAME: b"m", "{urn:x}b": b"2"})
    await members.put(ann, CALENDARS, "calendar", "2", thing("2"))
    homes = (Place.PRINCIPAL, Place.CALENDAR_HOME, Place.ADDRESSBOOK_HOME)
    noted = [await store.read(dead_properties.list, Owner(place, ann)) for place in homes]
    assert noted == [{NAME: b"p"}, {NAME: b"h"}, {}]
    assert await properties.of_member(ann, CALENDARS, "calendar", "1") == {NAME: b"m", "{urn:x}b": b"2"}
    assert await properties.of_member(ann, CALENDARS, "calendar", "2") == {}
    assert (await members.list(ann, CALENDARS, "calendar"))[1][0] == before[1][0]
    await members.put(ann, CALENDARS, "calendar", "1", thing("1", "new"))
    assert NAME in await properties.of_member(ann, CALENDARS, "calendar", "1")
    await members.remove(ann, CALENDARS, "calendar", "1")
    await members.put(ann, CALENDARS, "calendar", "1", thing("1"))
    assert await properties.of_member(ann, CALENDARS, "calendar", "1") == {}


async def test_a_home_comes_back_with_its_user(store: Store, ann: int) -> None:
    calendars, members = Collections(store), Members(store, ACCEPT)
    await members.put(ann, CALENDARS, "calendar", "1", thing("1"))
    await store.write(users.remove, "ann@example.test")
    assert await calendars.list(ann, CALENDARS) == []
    with pytest.raises(NoSuchCollection):
        await members.get(ann, CALENDARS, "calendar", "1")
    await store.write(users.restore, "ann@example.test")
    assert (await members.get(ann, CALENDARS, "calendar", "1"))[1] == thing("1")
    await store.write(users.remove, "ann@example.test")
    await store.write(users.purge, 2**62)
    for table in ("calendars", "calendar_events", "addressbooks"):
        assert await store.read(lambda rx, table=table: rx.one(f"SELECT count(*) FROM {table}")) == (0,)
