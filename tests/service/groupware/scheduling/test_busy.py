"""When people have time, and answers that the server gives for them."""

import pytest

from mailserver.errors import BadSchedulingMessage, NoSuchMember, PreconditionFailed
from mailserver.groupware.calendars.accept import accept
from mailserver.groupware.conditions import Conditions
from mailserver.groupware.scheduling.busy import BUSY, TENTATIVE, ByCalendars, Period, merged
from mailserver.groupware.scheduling.inbox import Inbox
from mailserver.groupware.scheduling.outbox import Outbox
from mailserver.ical import itip_tree
from mailserver.store import scheduling_settings
from mailserver.store.scheduling_settings import AutoReply, Settings
from mailserver.store.store import Store
from tests.service.groupware.scheduling.house import DORA, House, furnish
from tests.unit.ical.itip_samples import ANNA, BEN, BOTH, CLEO, WEEKLY, attending, calendar, event


@pytest.fixture
async def house(store: Store) -> House:
    """Here with the index of occurrences."""
    return await furnish(store, ByCalendars, accept)


def asking(*attendees: str, start: str = "20260309T000000Z", end: str = "20260320T000000Z", who: str = ANNA) -> bytes:
    lines = "".join(f"ATTENDEE:mailto:{each}\n" for each in attendees)
    return calendar(
        f"BEGIN:VFREEBUSY\nUID:q\nDTSTAMP:20260301T080000Z\nDTSTART:{start}\nDTEND:{end}\n"
        f"ORGANIZER:mailto:{who}\n{lines}END:VFREEBUSY\n",
        method="REQUEST",
        zones="",
    )


def own(uid: str, start: str, end: str, more: str = "") -> bytes:
    return calendar(event(uid=uid, start=f":{start}", end=f":{end}", organizer="", more=more))


async def free_busy(house: House, who: str = BEN, data: bytes | None = None) -> list[str]:
    outbox = Outbox(house.store, house.deliveries.users)
    [answer] = await outbox.ask(house.ids[ANNA], data or asking(who))
    assert answer.request_status == "2.0;Success"
    assert answer.data is not None
    component = itip_tree.parse(answer.data).parts[0]
    return [f"{line.param('FBTYPE', BUSY)} {line.value}" for line in component.lines("FREEBUSY")]


async def test_busy_is_told_and_nothing_else(house: House) -> None:
    await house.put(BEN, own("a", "20260310T090000Z", "20260310T100000Z", "LOCATION:secret\n"), "a.ics")
    await house.put(BEN, own("b", "20260310T093000Z", "20260310T110000Z"), "b.ics")
    await house.put(BEN, own("c", "20260311T090000Z", "20260311T100000Z", "TRANSP:TRANSPARENT\n"), "c.ics")
    await house.put(BEN, own("d", "20260312T090000Z", "20260312T100000Z", "STATUS:CANCELLED\n"), "d.ics")
    await house.put(BEN, own("e", "20260313T090000Z", "20260313T100000Z", "STATUS:TENTATIVE\n"), "e.ics")
    await house.put(BEN, own("f", "20260303T120000Z", "20260303T130000Z", "RRULE:FREQ=WEEKLY\n"), "f.ics")
    assert await free_busy(house) == [
        "BUSY 20260310T090000Z/20260310T110000Z",
        "BUSY 20260310T120000Z/20260310T130000Z",
        "BUSY-TENTATIVE 20260313T090000Z/20260313T100000Z",
        "BUSY 20260317T120000Z/20260317T130000Z",
    ]


async def test_an_own_answer_says_whether_it_takes_time(house: House) -> None:
    await house.put(ANNA, calendar(event(*BOTH)))
    assert await free_busy(house) == ["BUSY-TENTATIVE 20260310T090000Z/20260310T100000Z"]
    member, data = await house.member(BEN), await house.data(BEN)
    await house.put(BEN, data.replace(b"NEEDS-ACTION:mailto:ben", b"DECLINED:mailto:ben"), member.href)
    assert await free_busy(house) == []


async def test_who_is_not_here_is_named_and_the_others_answered(house: House) -> None:
    outbox = Outbox(house.store, house.deliveries.users)
    got = await outbox.ask(house.ids[ANNA], asking(BEN, CLEO, "nobody@example.org"))
    assert [each.request_status[:3] for each in got] == ["2.0", "5.3", "3.7"]
    assert [each.data is None for each in got] == [False, True, True]


@pytest.mark.parametrize(
    "data",
    [
        asking(BEN, who=DORA),
        asking(),
        asking(BEN, end="20260301T000000Z"),
        asking(BEN, end="20290301T000000Z"),
        asking(*["x@example.org"] * 101),
        asking(BEN).replace(b"METHOD:REQUEST\r\n", b""),
        calendar(event(*BOTH), method="REQUEST"),
        b"nothing",
    ],
)
async def test_what_is_no_question_is_refused(house: House, data: bytes) -> None:
    with pytest.raises(BadSchedulingMessage):
        await Outbox(house.store, house.deliveries.users).ask(house.ids[ANNA], data)


def test_what_is_busy_is_not_told_as_tentative_again() -> None:
    found = [Period(0, 100, TENTATIVE), Period(20, 30, BUSY), Period(25, 40, BUSY), Period(90, 120, BUSY)]
    assert merged(found) == [
        Period(0, 20, TENTATIVE),
        Period(20, 40, BUSY),
        Period(40, 90, TENTATIVE),
        Period(90, 120, BUSY),
    ]


@pytest.mark.parametrize(
    ("wish", "is_busy", "expected"),
    [
        (AutoReply.AUTOMATIC, False, "ACCEPTED"),
        (AutoReply.AUTOMATIC, True, "DECLINED"),
        (AutoReply.ACCEPT, False, "ACCEPTED"),
        (AutoReply.ACCEPT, True, "NEEDS-ACTION"),
        (AutoReply.OFF, False, "NEEDS-ACTION"),
    ],
)
async def test_a_room_answers_by_itself(house: House, wish: AutoReply, is_busy: bool, expected: str) -> None:
    await house.store.write(scheduling_settings.set, house.ids[BEN], Settings(auto_reply=wish))
    if is_busy:
        await house.put(BEN, own("a", "20260317T093000Z", "20260317T094500Z"), "a.ics")
    await house.put(ANNA, calendar(event(*BOTH, attending(DORA), more=WEEKLY)))
    for where in (ANNA, DORA):
        assert await house.answer(where, BEN) == expected
    assert await house.inbox(ANNA) == []
    await house.put(ANNA, calendar(event(*BOTH, attending(DORA), more=WEEKLY, summary="Other")))
    assert await house.answer(ANNA, BEN) == expected


async def test_messages_in_the_inbox_are_read_and_removed(house: House) -> None:
    await house.put(ANNA, calendar(event(*BOTH)))
    inbox, ben = Inbox(house.store), house.ids[BEN]
    listed = await inbox.list(ben)
    [item] = listed.items
    member, data = await inbox.get(ben, item.href)
    assert (member, b"METHOD:REQUEST" in data) == (item, True)
    with pytest.raises(PreconditionFailed):
        await inbox.remove(ben, item.href, Conditions(if_match=("other",)))
    with pytest.raises(NoSuchMember):
        await inbox.remove(house.ids[DORA], item.href)
    await inbox.remove(ben, item.href, Conditions(if_match=(item.etag,)))
    assert (await inbox.list(ben)).items == []
    assert (await inbox.list(ben)).tag != listed.tag
    assert await inbox.multiget(ben, [item.href]) == {}
