"""COPY and MOVE of members: both sides' rules, or nothing happens."""

import pytest

from mailserver.errors import (
    Locked,
    MemberExists,
    NoSuchCollection,
    NoSuchMember,
    NotPermitted,
    NoUidConflict,
    PreconditionFailed,
    UnsupportedComponent,
)
from mailserver.groupware.collections import Collections
from mailserver.groupware.conditions import Conditions
from mailserver.groupware.locks import LockRequest, Locks
from mailserver.groupware.members import MemberPath, Members
from mailserver.groupware.properties import Properties
from mailserver.groupware.sharing import Sharing
from mailserver.groupware.sync import Sync
from mailserver.groupware.wanted import NewCollection
from mailserver.store.collections import Family
from mailserver.store.store import Store
from tests.service.groupware.plain import ACCEPT, Invites, thing

CALENDARS = Family.CALENDARS
NAME = "{urn:example}note"


def at(slug: str, href: str) -> MemberPath:
    return MemberPath(CALENDARS, slug, href)


def todo(uid: str, text: str = "") -> bytes:
    return thing(uid, text, component="VTODO")


async def test_what_is_moved_is_gone_here_and_new_there_with_its_properties(
    store: Store, members: Members, sync: Sync, ann: int
) -> None:
    made = await members.put(ann, CALENDARS, "calendar", "a", todo("1"))
    await Properties(store).set_member(ann, CALENDARS, "calendar", "a", {NAME: b"x"})
    here, there = [(await sync.changes(ann, CALENDARS, slug, None)).point for slug in ("calendar", "tasks")]
    moved = await members.move(ann, at("calendar", "a"), at("tasks", "b"), overwrite=False)
    assert (moved.created, moved.member.etag) == (True, made.member.etag)
    assert (await members.get(ann, CALENDARS, "tasks", "b")) == (moved.member, todo("1"))
    assert (await sync.changes(ann, CALENDARS, "calendar", here)).removed == ["a"]
    assert (await sync.changes(ann, CALENDARS, "tasks", there)).members == [moved.member]
    assert await Properties(store).of_member(ann, CALENDARS, "tasks", "b") == {NAME: b"x"}
    counts = [(await members.list(ann, CALENDARS, slug))[0].collection for slug in ("calendar", "tasks")]
    assert [(each.members, each.octets) for each in counts] == [(0, 0), (1, len(todo("1")))]


async def test_a_member_gets_another_name_in_its_calendar(members: Members, sync: Sync, ann: int) -> None:
    await members.put(ann, CALENDARS, "calendar", "a", todo("1"))
    point = (await sync.changes(ann, CALENDARS, "calendar", None)).point
    moved = await members.move(ann, at("calendar", "a"), at("calendar", "b"), overwrite=False)
    changes = await sync.changes(ann, CALENDARS, "calendar", point)
    assert (changes.members, changes.removed) == ([moved.member], ["a"])


async def test_a_copy_is_another_member_with_the_same_properties(store: Store, members: Members, ann: int) -> None:
    made = await members.put(ann, CALENDARS, "calendar", "a", todo("1"))
    await Properties(store).set_member(ann, CALENDARS, "calendar", "a", {NAME: b"x"})
    copied = await members.copy(ann, at("calendar", "a"), at("tasks", "a"), overwrite=False)
    assert (copied.member.etag, copied.member.id != made.member.id) == (made.member.etag, True)
    assert await Properties(store).of_member(ann, CALENDARS, "tasks", "a") == {NAME: b"x"}
    assert (await members.get(ann, CALENDARS, "calendar", "a"))[1] == todo("1")


async def test_what_is_overwritten_goes_with_its_uid(members: Members, ann: int) -> None:
    await members.put(ann, CALENDARS, "calendar", "a", todo("1"))
    await members.put(ann, CALENDARS, "tasks", "b", todo("2"))
    for verb in (members.copy, members.move):
        with pytest.raises(MemberExists):
            await verb(ann, at("calendar", "a"), at("tasks", "b"), overwrite=False)
        assert (await members.get(ann, CALENDARS, "tasks", "b"))[1] == todo("2")
    copied = await members.copy(ann, at("calendar", "a"), at("tasks", "b"), overwrite=True)
    assert not copied.created
    assert (await members.get(ann, CALENDARS, "tasks", "b"))[1] == todo("1")
    moved = await members.move(ann, at("calendar", "a"), at("tasks", "b"), overwrite=True)
    assert not moved.created
    assert (await members.list(ann, CALENDARS, "calendar"))[1] == []
    assert len((await members.list(ann, CALENDARS, "tasks"))[1]) == 1


async def test_a_move_onto_another_member_of_the_same_calendar_replaces_it(
    members: Members, sync: Sync, ann: int
) -> None:
    await members.put(ann, CALENDARS, "tasks", "a", todo("1"))
    await members.put(ann, CALENDARS, "tasks", "b", todo("2"))
    point = (await sync.changes(ann, CALENDARS, "tasks", None)).point
    await members.move(ann, at("tasks", "a"), at("tasks", "b"), overwrite=True)
    changes = await sync.changes(ann, CALENDARS, "tasks", point)
    assert ([each.href for each in changes.members], changes.removed) == (["b"], ["a"])
    assert (await members.get(ann, CALENDARS, "tasks", "b"))[1] == todo("1")


async def test_the_rules_of_both_sides_hold(members: Members, ann: int) -> None:
    event = thing("1", component="VEVENT")
    await members.put(ann, CALENDARS, "calendar", "a", event)
    await members.put(ann, CALENDARS, "calendar", "t", todo("2"))
    await members.put(ann, CALENDARS, "tasks", "other", todo("2"))
    for verb in (members.copy, members.move):
        with pytest.raises(UnsupportedComponent):
            await verb(ann, at("calendar", "a"), at("tasks", "a"), overwrite=True)
        with pytest.raises(NoUidConflict) as refused:
            await verb(ann, at("calendar", "t"), at("tasks", "t"), overwrite=True)
        assert refused.value.href == "other"
        with pytest.raises(PreconditionFailed):
            when = Conditions(if_match=("old",))
            await verb(ann, at("calendar", "a"), at("calendar", "b"), overwrite=True, when=when)
        with pytest.raises(NoSuchMember):
            await verb(ann, at("calendar", "x"), at("tasks", "x"), overwrite=True)
        with pytest.raises(NoSuchCollection):
            await verb(ann, at("calendar", "a"), at("missing", "a"), overwrite=True)
        with pytest.raises(NotPermitted, match="same"):
            await verb(ann, at("calendar", "a"), at("calendar", "a"), overwrite=True)
        with pytest.raises(NotPermitted, match="address books"):
            await verb(ann, at("calendar", "a"), MemberPath(Family.ADDRESSBOOKS, "contacts", "a"), overwrite=True)
    with pytest.raises(NoUidConflict):  # it would be there twice
        await members.copy(ann, at("calendar", "a"), at("calendar", "b"), overwrite=True)
    assert (await members.get(ann, CALENDARS, "calendar", "a"))[1] == event
    assert len((await members.list(ann, CALENDARS, "tasks"))[1]) == 1


async def test_between_users_both_must_allow_it(members: Members, sharing: Sharing, ann: int, bob: int) -> None:
    await members.put(ann, CALENDARS, "calendar", "a", todo("1"))
    slug = (await sharing.share(ann, CALENDARS, "calendar", "bob@example.test", may_write=False)).slug
    copied = await members.copy(bob, at(slug, "a"), at("tasks", "a"), overwrite=False)
    assert copied.created
    for verb in (members.copy, members.move):
        with pytest.raises(NotPermitted):
            await verb(bob, at("tasks", "a"), at(slug, "b"), overwrite=True)
    await sharing.share(ann, CALENDARS, "calendar", "bob@example.test", may_write=True)
    await members.remove(bob, CALENDARS, "tasks", "a")
    moved = await members.move(bob, at(slug, "a"), at("tasks", "a"), overwrite=False)
    assert (await members.get(bob, CALENDARS, "tasks", "a")) == (moved.member, todo("1"))
    assert (await members.list(ann, CALENDARS, "calendar"))[1] == []


async def test_a_lock_keeps_others_out_until_it_ends(store: Store, members: Members, ann: int) -> None:
    locks = Locks(store, bytes)
    await members.put(ann, CALENDARS, "calendar", "a", todo("1"))
    request = LockRequest(is_exclusive=True, is_deep=False, owner=b"<x/>", seconds=60)
    lock = await locks.add(ann, CALENDARS, "calendar", "a", request)
    with pytest.raises(Locked) as refused:
        await members.put(ann, CALENDARS, "calendar", "a", todo("1", "new"))
    assert refused.value.href == "a"
    with pytest.raises(Locked):
        await members.move(ann, at("calendar", "a"), at("tasks", "a"), overwrite=True)
    with pytest.raises(Locked):
        await locks.add(ann, CALENDARS, "calendar", None, LockRequest(True, True, b"", 60))
    held = Conditions(tokens=frozenset({lock.token}), locked_by=ann)
    await members.put(ann, CALENDARS, "calendar", "a", todo("1", "new"), held)
    await members.remove(ann, CALENDARS, "calendar", "a", held)
    assert await locks.list(ann, CALENDARS, "calendar") == []


async def test_who_was_invited_to_what_is_overwritten_is_told(store: Store, ann: int) -> None:
    for number, name in enumerate(("copy", "move")):
        invites = Invites()
        members = Members(store, ACCEPT, invites)
        party, other = f"party{number}", f"other{number}"
        await members.put(ann, CALENDARS, "tasks", party, thing(party, organizer="ann"))
        await members.put(ann, CALENDARS, "calendar", other, todo(other))
        invites.told.clear()
        verb = members.copy if name == "copy" else members.move
        await verb(ann, at("calendar", other), at("tasks", party), overwrite=True)
        assert invites.told == [f"-{party}"]
        await members.remove(ann, CALENDARS, "tasks", party)
        assert invites.told == [f"-{party}"]


async def test_an_event_with_guests_is_not_moved_away_from_its_owner(
    store: Store, sharing: Sharing, ann: int, bob: int
) -> None:
    members = Members(store, ACCEPT, Invites())
    slug = (await sharing.share(bob, CALENDARS, "calendar", "ann@example.test", may_write=True)).slug
    await members.put(ann, CALENDARS, "calendar", "a", thing("1", organizer="ann"))
    await members.put(ann, CALENDARS, "calendar", "b", thing("2"))
    with pytest.raises(NotPermitted, match="stays with its owner"):
        await members.move(ann, at("calendar", "a"), at(slug, "a"), overwrite=True)
    assert (await members.get(ann, CALENDARS, "calendar", "a"))[1] == thing("1", organizer="ann")
    await members.move(ann, at("calendar", "b"), at(slug, "b"), overwrite=True)
    await Collections(store).create(ann, CALENDARS, "own", NewCollection())
    await members.move(ann, at("calendar", "a"), at("own", "a"), overwrite=True)
