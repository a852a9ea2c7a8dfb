"""PUT, GET and DELETE of members: what is kept, what is refused and what a refusal leaves."""

import asyncio

import pytest

from mailserver.errors import (
    InvalidCalendarData,
    NoSuchCollection,
    NoSuchMember,
    NotPermitted,
    NoUidConflict,
    ObjectTooLarge,
    OverQuota,
    PreconditionFailed,
    TooManyMembers,
    UnsupportedComponent,
)
from mailserver.groupware.accepted import Accepted
from mailserver.groupware.collections import Collections
from mailserver.groupware.conditions import ANY, Conditions, Term
from mailserver.groupware.members import Members
from mailserver.groupware.wanted import CollectionChanges, NewCollection
from mailserver.store.collections import Collection, Family, Kind
from mailserver.store.events import CollectionChanged, Event
from mailserver.store.store import Store
from tests.fakes import FakeClock
from tests.service.groupware.plain import ACCEPT, FIRST, accept, thing

CALENDARS = Family.CALENDARS


async def test_octets_come_back_as_they_were_sent(members: Members, ann: int, family: Family) -> None:
    data = thing("1", "é€😀 \\n ;", **{"X-ODD": "kept"})
    stored = await members.put(ann, family, FIRST[family], "a b%.ics", data)
    assert stored.created
    assert stored.data_is_as_sent
    assert await members.get(ann, family, FIRST[family], "a b%.ics") == (stored.member, data)
    assert (stored.member.uid, stored.member.size) == ("1", len(data))
    seen, listed = await members.list(ann, family, FIRST[family])
    assert listed == [stored.member]
    assert (seen.collection.members, seen.collection.octets) == (1, len(data))
    assert (await members.find(ann, family, FIRST[family], "a b%.ics"))[1] == stored.member
    assert (await members.etags(ann, family, FIRST[family]))[1] == [("a b%.ics", stored.member.etag)]


async def test_each_change_takes_a_number_and_the_same_octets_again_take_none(
    store: Store, members: Members, ann: int, family: Family
) -> None:
    heard: list[Event] = []
    slug = FIRST[family]
    before = (await members.list(ann, family, slug))[0].collection.modseq
    first = await members.put(ann, family, slug, "1", thing("1"))
    store.subscribe(heard.append)
    again = await members.put(ann, family, slug, "1", thing("1"))
    assert (again.member, again.created, again.changed) == (first.member, False, False)
    assert heard == []
    second = await members.put(ann, family, slug, "1", thing("1", "new"))
    assert before < first.member.modseq < second.member.modseq
    assert second.member.etag != first.member.etag
    seen, _ = await members.list(ann, family, slug)
    assert seen.collection.modseq == second.member.modseq
    assert heard == [CollectionChanged(ann, family, seen.collection.id, second.member.modseq)]
    ctag = await store.read(lambda rx: rx.one(f"SELECT ctag FROM {family} WHERE id = ?", seen.collection.id))
    assert ctag == (str(second.member.modseq),)


async def test_columns_of_the_first_schema_are_filled(store: Store, members: Members, ann: int) -> None:
    await members.put(ann, CALENDARS, "calendar", "1", thing("1", "Lunch"))
    await members.put(ann, Family.ADDRESSBOOKS, "contacts", "1", thing("1", "Bob"))
    event = await store.read(lambda rx: rx.one("SELECT uid, summary, all_day, created_at FROM calendar_events"))
    assert event is not None
    assert event[:3] == ("1", "Lunch UTC", 0)
    assert event[3] == await store.read(lambda rx: (rx.one("SELECT created_at FROM contacts") or [""])[0])
    assert await store.read(lambda rx: rx.one("SELECT full_name FROM contacts")) == ("Bob None",)


async def test_times_of_a_member_tell_when_it_was_made_and_changed(
    clock: FakeClock, members: Members, ann: int
) -> None:
    made = (await members.put(ann, CALENDARS, "calendar", "1", thing("1"))).member
    await clock.advance(90)
    changed = (await members.put(ann, CALENDARS, "calendar", "1", thing("1", "new"))).member
    assert changed.created_ms == made.created_ms == made.changed_ms
    assert changed.changed_ms == made.changed_ms + 90_000
    assert (await members.find(ann, CALENDARS, "calendar", "1"))[1] == changed


@pytest.mark.parametrize(
    ("there", "when", "holds"),
    [
        (True, Conditions(if_match=("ETAG",)), True),
        (True, Conditions(if_match=("other",)), False),
        (True, Conditions(if_match=(ANY,)), True),
        (False, Conditions(if_match=(ANY,)), False),
        (False, Conditions(if_match=("ETAG",)), False),
        (True, Conditions(if_none_match=(ANY,)), False),
        (False, Conditions(if_none_match=(ANY,)), True),
        (True, Conditions(if_none_match=("ETAG",)), False),
        (True, Conditions(if_none_match=("other",)), True),
        (True, Conditions(if_schedule_tag_match="tag"), False),
        (True, Conditions(if_lists=((Term(etag="ETAG"),),)), True),
        (True, Conditions(if_lists=((Term(etag="other"),), (Term(etag="other", negated=True),))), True),
        (True, Conditions(if_lists=((Term(etag="ETAG"), Term(token="urn:x")),)), False),
        (False, Conditions(if_lists=((Term(token="urn:x", negated=True),),)), True),
        (False, Conditions(if_lists=((Term(etag="ETAG"),),)), False),
    ],
)
async def test_conditions_hold_or_nothing_is_changed(
    members: Members, ann: int, there: bool, when: Conditions, holds: bool
) -> None:
    old, new = thing("1", "old"), thing("1", "new")
    if there:
        etag = (await members.put(ann, CALENDARS, "calendar", "1", old)).member.etag
        when = _with_etag(when, etag)
    if holds:
        await members.put(ann, CALENDARS, "calendar", "1", new, when)
        assert (await members.get(ann, CALENDARS, "calendar", "1"))[1] == new
        return
    with pytest.raises(PreconditionFailed):
        await members.put(ann, CALENDARS, "calendar", "1", new, when)
    with pytest.raises(PreconditionFailed):
        await members.remove(ann, CALENDARS, "calendar", "1", when)
    found = await members.multiget(ann, CALENDARS, "calendar", ["1"])
    assert [data for _, data in found.values()] == [old] * there


def _with_etag(when: Conditions, etag: str) -> Conditions:
    def real(tags: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return tuple(etag if tag == "ETAG" else tag for tag in tags) if tags is not None else None

    lists = tuple(
        tuple(Term(term.token, etag if term.etag == "ETAG" else term.etag, term.negated) for term in terms)
        for terms in when.if_lists
    )
    return Conditions(real(when.if_match), real(when.if_none_match), when.if_schedule_tag_match, lists)


async def test_a_uid_is_in_a_collection_once_and_the_refusal_names_the_other(
    members: Members, ann: int, family: Family
) -> None:
    slug = FIRST[family]
    await members.put(ann, family, slug, "here/not".replace("/", "-"), thing("1"))
    with pytest.raises(NoUidConflict) as refused:
        await members.put(ann, family, slug, "there", thing("1", "other"))
    assert refused.value.href == "here-not"
    assert [each.href for each in (await members.list(ann, family, slug))[1]] == ["here-not"]


async def test_a_member_keeps_its_uid(members: Members, ann: int) -> None:
    await members.put(ann, CALENDARS, "calendar", "here", thing("1"))
    with pytest.raises(NoUidConflict) as refused:
        await members.put(ann, CALENDARS, "calendar", "here", thing("2"))
    assert refused.value.href == "here"
    assert (await members.get(ann, CALENDARS, "calendar", "here"))[1] == thing("1")


async def test_the_same_uid_may_be_in_two_calendars(members: Members, calendars: Collections, ann: int) -> None:
    await calendars.create(ann, CALENDARS, "work", NewCollection())
    await members.put(ann, CALENDARS, "calendar", "1", thing("1"))
    assert (await members.put(ann, CALENDARS, "work", "1", thing("1"))).created


async def test_limits_are_held_and_what_gets_smaller_has_room(members: Members, ann: int) -> None:
    with pytest.raises(ObjectTooLarge, match="1,000"):
        await members.put(ann, CALENDARS, "calendar", "big", thing("big", "x" * 1000))
    for number in range(5):
        await members.put(ann, CALENDARS, "calendar", f"{number}", thing(f"{number}", "x" * 900))
    with pytest.raises(OverQuota, match="5,000"):
        await members.put(ann, CALENDARS, "tasks", "6", thing("6", "x" * 900))
    await members.put(ann, CALENDARS, "calendar", "0", thing("0", "small"))
    for number in range(7):
        await members.put(ann, CALENDARS, "calendar", f"s{number}", thing(f"s{number}"))
    with pytest.raises(TooManyMembers, match="12"):
        await members.put(ann, CALENDARS, "calendar", "one more", thing("one more"))
    await members.put(ann, CALENDARS, "calendar", "s1", thing("s1", "changed"))


async def test_invalid_octets_and_components_are_refused(members: Members, ann: int) -> None:
    with pytest.raises(InvalidCalendarData):
        await members.put(ann, CALENDARS, "calendar", "1", b"text: no uid\r\n")
    with pytest.raises(UnsupportedComponent):
        await members.put(ann, CALENDARS, "tasks", "1", thing("1", component="VEVENT"))
    assert (await members.list(ann, CALENDARS, "calendar"))[1] == []


async def test_a_large_object_is_accepted_as_well(store: Store, ann: int) -> None:
    members, data = Members(store, ACCEPT), thing("1", "x" * 100_000)
    stored = await members.put(ann, CALENDARS, "calendar", "1", data)
    assert (await members.get(ann, CALENDARS, "calendar", "1")) == (stored.member, data)


async def test_nobody_else_finds_anything(members: Members, ann: int, bob: int, family: Family) -> None:
    await members.put(ann, family, FIRST[family], "1", thing("1"))
    for slug in (FIRST[family], "missing"):
        with pytest.raises(NoSuchMember if slug == FIRST[family] else NoSuchCollection):
            await members.get(bob, family, slug, "1")
    assert (await members.list(bob, family, FIRST[family]))[1] == []
    assert await members.multiget(bob, family, FIRST[family], ["1", "../1"]) == {}


async def test_removing_is_told_by_the_collections_number(members: Members, ann: int) -> None:
    stored = await members.put(ann, CALENDARS, "calendar", "1", thing("1"))
    await members.remove(ann, CALENDARS, "calendar", "1")
    seen, listed = await members.list(ann, CALENDARS, "calendar")
    assert listed == []
    assert seen.collection.modseq > stored.member.modseq
    assert (seen.collection.members, seen.collection.octets) == (0, 0)
    with pytest.raises(NoSuchMember):
        await members.remove(ann, CALENDARS, "calendar", "1")


async def test_multiget_gives_what_is_there_of_any_number(store: Store, ann: int) -> None:
    members = Members(store, ACCEPT)
    for number in range(30):
        await members.put(ann, CALENDARS, "calendar", f"{number}é.ics", thing(f"{number}"))
    wanted = [f"{number}é.ics" for number in range(1200)]
    found = await members.multiget(ann, CALENDARS, "calendar", wanted)
    assert {href: data for href, (_, data) in found.items()} == {f"{n}é.ics": thing(f"{n}") for n in range(30)}
    with pytest.raises(NoSuchCollection):
        await members.multiget(ann, CALENDARS, "missing", [])


async def test_what_the_server_fills_is_read_only(members: Members, calendars: Collections, ann: int) -> None:
    await calendars.create(ann, CALENDARS, "feed", NewCollection(name="Moon", kind=Kind.SUBSCRIPTION))
    with pytest.raises(NotPermitted, match="Moon: only the server writes"):
        await members.put(ann, CALENDARS, "feed", "1", thing("1"))


async def test_what_changed_while_octets_were_looked_at_is_looked_at_again(
    store: Store, calendars: Collections, ann: int
) -> None:
    """The calendar gets another time zone between the reading and the writing of a PUT."""
    loop = asyncio.get_running_loop()
    zones: list[str | None] = []

    def slow(data: bytes, collection: Collection) -> Accepted:
        zones.append(collection.timezone_id)
        if len(zones) == 1:  # in a thread
            change = calendars.change(ann, CALENDARS, "calendar", CollectionChanges(timezone_id="Europe/Oslo"))
            asyncio.run_coroutine_threadsafe(change, loop).result(10)
        return accept(data, collection)

    await Members(store, {CALENDARS: slow}).put(ann, CALENDARS, "calendar", "1", thing("1", "at", long="x" * 20_000))
    assert zones == ["UTC", "Europe/Oslo"]
    assert await store.read(lambda rx: rx.one("SELECT summary FROM calendar_events")) == ("at Europe/Oslo",)


async def test_the_second_object_is_judged_by_the_collection_as_it_is_now(
    calendars: Collections, members: Members, ann: int, store: Store
) -> None:
    """Members remembers what the last PUT found there; that never decides anything."""
    await members.put(ann, CALENDARS, "tasks", "a", thing("1"))
    await calendars.change(ann, CALENDARS, "tasks", CollectionChanges(timezone_id="Asia/Tokyo"))
    await members.put(ann, CALENDARS, "tasks", "b", thing("2"))
    rows = await store.read(lambda rx: rx.all("SELECT summary FROM calendar_events ORDER BY href"))
    assert [row[0].split()[-1] for row in rows] == ["UTC", "Asia/Tokyo"]
    with pytest.raises(InvalidCalendarData):
        await members.put(ann, CALENDARS, "tasks", "c", b"text: no uid\r\n")
    await calendars.remove(ann, CALENDARS, "tasks")
    with pytest.raises(NoSuchCollection):
        await members.put(ann, CALENDARS, "tasks", "d", thing("3"))
    with pytest.raises(NoSuchCollection):  # not that the data are wrong: nobody may know more of it
        await members.put(ann, CALENDARS, "tasks", "d", b"text: no uid\r\n")
