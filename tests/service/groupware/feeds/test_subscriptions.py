"""Calendars of other servers: fetched on time, written only where something changed, never wiped by a fault."""

from datetime import timedelta

import pytest

from mailserver.errors import BadValue, LimitReached, NotASubscription, NotPermitted
from mailserver.groupware import homes
from mailserver.groupware.collections import CollectionChanges, NewCollection
from mailserver.groupware.feeds import sources
from mailserver.store import feeds, users
from mailserver.store.collections import Family, Kind
from mailserver.store.store import Store
from tests.service.groupware.feeds.conftest import SMALL, House
from tests.service.groupware.feeds.samples import ALARM, HOST, event, ics
from tests.sites import HANG, Step, answer

CALENDAR = "text/calendar"
PATH = "/feed.ics"


def published(*components: str, **headers: str) -> bytes:
    return answer(200, ics(*components), CALENDAR, **headers)


async def test_a_feed_is_a_calendar_of_one_object_for_each_uid(house: House) -> None:
    override = event("1", "RECURRENCE-ID;TZID=Europe/Oslo:20260303T100000", "SUMMARY:moved")
    house.site.at[PATH] = published(event("1", "RRULE:FREQ=DAILY;COUNT=3"), event("2"), override)
    collection = await house.subscribe()
    assert (collection.kind, collection.is_transparent) == (Kind.SUBSCRIPTION, True)
    feed = await house.refresh()
    found = await house.objects()
    assert (feed.error, feed.failures, sorted(found)) == (None, 0, ["1", "2"])
    assert (found["1"].count(b"BEGIN:VEVENT"), found["1"].count(b"BEGIN:VTIMEZONE")) == (2, 1)
    assert feed.next_ms - (feed.tried_ms or 0) == 3_600_000


async def test_nobody_but_the_server_writes_in_it(house: House) -> None:
    await house.subscribe()
    with pytest.raises(NotPermitted, match="only the server writes"):
        await house.members.put(house.ann, Family.CALENDARS, "holidays", "a.ics", ics(event("a")))


async def test_what_did_not_change_is_not_fetched_again(house: House) -> None:
    house.site.at[PATH] = [
        published(event("1"), ETag='"v1"', Last_Modified="Sun, 01 Mar 2026 10:00:00 GMT"),
        answer(304),
    ]
    await house.subscribe()
    await house.refresh()
    before = await house.modseq()
    feed = await house.later()
    second = house.site.requests[1].headers
    assert second["if-none-match"] == '"v1"'
    assert second["if-modified-since"] == "Sun, 01 Mar 2026 10:00:00 GMT"
    assert (feed.failures, await house.modseq(), feed.fetched_ms) == (0, before, feed.tried_ms)
    assert len(await house.objects()) == 1


async def test_it_is_not_asked_before_its_time(house: House) -> None:
    house.site.at[PATH] = published(event("1"))
    await house.subscribe()
    await house.refresh()
    await house.later(3599)
    assert len(house.site.requests) == 1
    await house.later(1)
    assert len(house.site.requests) == 2


async def test_new_stamps_alone_move_nothing(house: House) -> None:
    """Google and others write the time of the answer into every DTSTAMP."""
    house.site.at[PATH] = [published(*(event(str(n), stamp=stamp) for n in range(3))) for stamp in (1, 2)]
    await house.subscribe()
    await house.refresh()
    before, objects = await house.modseq(), await house.objects()
    await house.later()
    assert (await house.modseq(), await house.objects()) == (before, objects)


async def test_only_what_changed_is_written(house: House) -> None:
    house.site.at[PATH] = [
        published(event("same"), event("changed"), event("gone")),
        published(event("same", stamp=9), event("changed", "SUMMARY:Other"), event("new")),
    ]
    await house.subscribe()
    await house.refresh()
    before = await house.modseq()
    await house.later()
    found = await house.objects()
    assert sorted(found) == ["changed", "new", "same"]
    assert b"SUMMARY:Other" in found["changed"]
    assert await house.modseq() == before + 3  # one changed, one new, one removed


async def test_alarms_of_others_ring_for_nobody(house: House) -> None:
    with_alarm = event("1").replace("END:VEVENT\r\n", f"{ALARM}END:VEVENT\r\n")
    house.site.at[PATH] = published(with_alarm)
    await house.subscribe()
    await house.refresh()
    assert b"VALARM" not in (await house.objects())["1"]


FAULTS: dict[str, tuple[Step, str]] = {
    "an error": (answer(500, b"oops"), "answers 500"),
    "nothing": (answer(404), "404"),
    "a login page": (answer(200, b"<html>Log in</html>", "text/html"), "no calendar"),
    "an empty body": (answer(200, b"", CALENDAR), "no calendar"),
    "an empty calendar": (published(), "without anything in it"),
    "half a calendar": (answer(200, ics(event("1"), event("2"))[:-40], CALENDAR), "not the whole"),
    "a large one": (answer(200, b"BEGIN:VCALENDAR\r\n" + b"X-A:b\r\n" * 20_000, CALENDAR), "100000 octets"),
    "many objects": (published(*(event(str(n)) for n in range(21))), "21 objects, and 20 are the most"),
    "nothing that can be read": (published(event("9", start="DTSTART:never")), "none of its 1 objects"),
    "a redirect into our network": (answer(302, Location="https://inside.example.net/"), "which is private"),
    "a redirect to http": (answer(301, Location=f"http://{HOST}/feed.ics"), "https:// only"),
    "a redirect in a circle": (answer(307, Location=PATH), "more than 5 times"),
    "a 304 that nobody asked for": ([answer(304)], "answers 304"),
    "no HTTP": (b"hello\r\n\r\n", "no HTTP answer"),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_leaves_what_was_there_and_is_told(house: House, name: str) -> None:
    step, words = FAULTS[name]
    house.site.at[PATH] = published(event("1"), event("2"))
    await house.subscribe()
    await house.refresh()
    before, objects = await house.modseq(), await house.objects()
    house.site.at[PATH] = step
    feed = await house.later()
    assert words in (feed.error or "")
    assert feed.failures == 1
    assert (await house.modseq(), await house.objects()) == (before, objects)
    house.site.at[PATH] = published(event("1"), event("2"), event("3"))
    feed = await house.later(300)
    assert (feed.failures, feed.error, len(await house.objects())) == (0, None, 3)


async def test_a_feed_that_fails_is_asked_less_and_less(house: House) -> None:
    house.site.at[PATH] = answer(500)
    await house.subscribe()
    pauses = []
    for _ in range(12):
        feed = await house.refresh()
        pauses.append((feed.next_ms - (feed.tried_ms or 0)) // 60_000)
        await house.clock.advance(pauses[-1] * 60)
    assert pauses == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440, 1440]


async def test_retry_after_is_waited_for(house: House) -> None:
    house.site.at[PATH] = answer(429, Retry_After="7200")
    await house.subscribe()
    feed = await house.refresh()
    assert (feed.next_ms - (feed.tried_ms or 0), "asked too often" in (feed.error or "")) == (7_200_000, True)


async def test_a_redirect_is_followed(house: House) -> None:
    house.site.at[PATH] = answer(301, Location="/moved.ics")
    house.site.at["/moved.ics"] = answer(302, Location=f"webcal://{HOST}/again.ics")
    house.site.at["/again.ics"] = published(event("1"))
    await house.subscribe()
    await house.refresh()
    assert len(await house.objects()) == 1


async def test_one_bad_object_keeps_its_former_self_and_the_rest_goes_on(house: House) -> None:
    house.site.at[PATH] = [
        published(event("good"), event("other")),
        published(event("good", start="DTSTART:never"), event("third")),
    ]
    await house.subscribe()
    await house.refresh()
    feed = await house.later()
    assert sorted(await house.objects()) == ["good", "third"]
    assert feed.left_out == 1
    assert (feed.error or "").startswith("1 objects are left out: line 12: ")


async def test_a_component_of_its_maker_that_belongs_to_no_event_is_told(house: House) -> None:
    house.site.at[PATH] = published(event("1"), "BEGIN:X-NOTE\r\nTEXT:x\r\nEND:X-NOTE\r\n", event("2"))
    await house.subscribe()
    feed = await house.refresh()
    assert sorted(await house.objects()) == ["1", "2"]
    assert feed.left_out == 1
    assert "which event of many X-NOTE belongs to is not said" in (feed.error or "")


async def test_a_component_that_breaks_off_removes_nothing(house: House) -> None:
    whole = [event("1"), event("2"), event("3")]
    house.site.at[PATH] = [published(*whole), published(whole[0].replace("END:VEVENT\r\n", ""), *whole[1:])]
    await house.subscribe()
    await house.refresh()
    await house.later()
    assert sorted(await house.objects()) == ["1", "2", "3"]


async def test_a_slow_server_does_not_hold_up_the_others(house: House, store: Store) -> None:
    house.site.at["/slow.ics"] = HANG
    house.site.at[PATH] = published(event("1"))
    new = NewCollection(source=f"https://{HOST}/slow.ics")
    await store.write(homes.create, house.ann, Family.CALENDARS, "slow", new, SMALL)
    await house.subscribe()
    house.refreshing.start()
    try:
        while not await house.objects():
            await house.clock.advance(0)
    finally:
        await house.refreshing.stop()
    assert {request.path for request in house.site.requests} == {"/slow.ics", PATH}


async def test_another_address_is_fetched_at_once_and_replaces_what_was_there(house: House, store: Store) -> None:
    house.site.at[PATH] = published(event("1"))
    house.site.at["/other.ics"] = published(event("2"))
    await house.subscribe()
    await house.refresh()
    changes = CollectionChanges(source=f"https://{HOST}/other.ics")
    await store.write(homes.change, house.ann, Family.CALENDARS, "holidays", changes)
    await house.refresh()
    assert sorted(await house.objects()) == ["2"]


async def test_the_daemons_task_hears_of_new_ones_and_wakes_when_they_are_due(house: House) -> None:
    house.site.at[PATH] = [published(event("1")), published(event("2"))]
    house.refreshing.start()
    try:
        await house.clock.advance(0)
        await house.subscribe()
        while sorted(await house.objects()) != ["1"]:
            await house.clock.advance(0)
        while sorted(await house.objects()) != ["2"]:
            await house.clock.advance(60)
    finally:
        await house.refreshing.stop()
    assert len(house.site.requests) == 2


async def test_a_disabled_account_fetches_nothing(house: House, store: Store) -> None:
    await house.subscribe()
    await store.write(users.set_active, "ann@example.test", False)
    assert await house.refreshing.refresh_due() == 0


async def test_refresh_asks_for_the_whole_of_it_now(house: House, store: Store) -> None:
    house.site.at[PATH] = published(event("1"), ETag='"v1"')
    await house.subscribe()
    await house.refresh()
    await store.write(sources.refresh, house.ann, "holidays")
    await house.refresh()
    assert "if-none-match" not in house.site.requests[1].headers
    with pytest.raises(NotASubscription):
        await store.write(sources.refresh, house.ann, "calendar")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://feeds.example.net/a.ics", "over https:// only"),
        ("ftp://feeds.example.net/a.ics", "begins with https://"),
        ("https:///a.ics", "and a host"),
        ("https://ann:pass@feeds.example.net/a.ics", "no user name"),
        ("https://feeds.example.net:8443/a.ics", "port 443"),
        ("https://feeds.example.net:x/a.ics", "not an address"),
        ("https://feeds.example.net/" + "a" * 2000, "at most 2000"),
        ("https://feeds.example.net/a b", "no spaces"),
    ],
)
async def test_what_can_not_be_fetched_is_refused_at_once(house: House, store: Store, url: str, words: str) -> None:
    with pytest.raises(BadValue, match=words):
        await store.write(homes.create, house.ann, Family.CALENDARS, "holidays", NewCollection(source=url), SMALL)
    assert await store.read(feeds.count, house.ann) == 0


async def test_limits_are_told(house: House, store: Store) -> None:
    for number in range(SMALL.max_subscriptions):
        new = NewCollection(source=f"webcal://{HOST}/{number}.ics")
        await store.write(homes.create, house.ann, Family.CALENDARS, str(number), new, SMALL)
    with pytest.raises(LimitReached, match="at most 2"):
        await house.subscribe()
    with pytest.raises(BadValue, match="every 15 minutes"):
        await house.subscribe(every=timedelta(minutes=1))
