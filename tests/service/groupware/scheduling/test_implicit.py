"""Storing and removing events between people of one server. RFC 6638 §3.2"""

import pytest

from mailserver.errors import (
    AttendeeChange,
    OrganizerChange,
    OverQuota,
    PreconditionFailed,
    SameOrganizerNeeded,
    TooManyAttendees,
    UniqueSchedulingObject,
)
from mailserver.groupware.accepted import Accepted
from mailserver.groupware.conditions import Conditions
from mailserver.groupware.members import MemberPath
from mailserver.groupware.scheduled import SILENT
from mailserver.groupware.transport.taking_in import TakingIn
from mailserver.store import aliases, collections, scheduling_mail, scheduling_settings, shares
from mailserver.store.collections import Collection, Draft, Family
from mailserver.store.scheduling_settings import AutoReply, Settings
from mailserver.store.store import Store
from tests.service.groupware.scheduling.house import DORA, HREF, House, accept, furnish
from tests.unit.ical.itip_samples import ANNA, BEN, BOTH, CLEO, SECOND, WEEKLY, attending, calendar, event, second

ALL = (*BOTH, attending(DORA))
ONE = calendar(event(*ALL))
KEY = "20260317T090000Z"


def answering(data: bytes, who: str, answer: str, before: str = "NEEDS-ACTION") -> bytes:
    """The copy as a client stores it that answers."""
    old = attending(who, before).replace("\n", "").encode()
    assert old in data.replace(b"\r\n ", b"")
    return data.replace(b"\r\n ", b"").replace(old, old.replace(before.encode(), answer.encode()))


async def test_an_event_is_in_the_calendars_of_those_invited_at_once(house: House) -> None:
    stored = await house.put(ANNA, ONE)
    assert not stored.data_is_as_sent
    data = await house.data(ANNA)
    assert data.count(b"SCHEDULE-STATUS=1.2") == 2
    for who in (BEN, DORA):
        copy = await house.data(who)
        assert b"METHOD" not in copy
        assert b"SUMMARY:Planning" in copy
        assert b"SCHEDULE-" not in copy
        assert await house.inbox(who) == ["REQUEST"]
    assert await house.inbox(ANNA) == []


async def test_an_answer_reaches_the_organizer_and_everybody_else(house: House) -> None:
    await house.put(ANNA, ONE)
    tags = {who: (await house.member(who)).schedule_tag for who in (ANNA, BEN, DORA)}
    member = await house.member(BEN)
    await house.put(BEN, answering(await house.data(BEN), BEN, "ACCEPTED"), member.href)
    for where in (ANNA, BEN, DORA):
        assert await house.answer(where, BEN) == "ACCEPTED"
    assert await house.inbox(ANNA) == ["REPLY"]
    assert await house.inbox(DORA) == ["REQUEST"]
    assert (await house.member(ANNA)).schedule_tag == tags[ANNA]
    assert (await house.member(DORA)).schedule_tag == tags[DORA]
    assert (await house.member(BEN)).schedule_tag != tags[BEN]
    assert b"SCHEDULE-STATUS=1.2:mailto:anna@example.org" in (await house.data(BEN)).replace(b"\r\n ", b"")
    assert await house.mail() == []


async def test_an_alias_of_one_user_invites_that_user(house: House) -> None:
    await house.put(ANNA, calendar(event(BOTH[0], attending("benny@example.org"))))
    member = await house.member(BEN)
    await house.put(BEN, answering(await house.data(BEN), "benny@example.org", "ACCEPTED"), member.href)
    assert await house.answer(ANNA, "benny@example.org") == "ACCEPTED"


async def test_an_address_of_several_people_gets_mail(house: House) -> None:
    await house.put(ANNA, calendar(event(BOTH[0], attending("all@example.org"))))
    assert await house.copies(BEN) == []
    assert [each.recipient for each in await house.mail()] == ["all@example.org"]


async def test_people_elsewhere_get_mail_and_unknown_ones_are_named(house: House) -> None:
    await house.put(ANNA, calendar(event(BOTH[0], attending(CLEO), attending("nobody@example.org"))))
    [mail] = await house.mail()
    assert (mail.method, mail.sender, mail.recipient) == ("REQUEST", ANNA, CLEO)
    data = (await house.data(ANNA)).replace(b"\r\n ", b"")
    assert b"SCHEDULE-STATUS=1.1:mailto:cleo@example.net" in data
    assert b"SCHEDULE-STATUS=3.7:mailto:nobody@example.org" in data


async def test_an_own_alarm_tells_nobody(house: House) -> None:
    await house.put(ANNA, ONE)
    alarm = "BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT5M\nDESCRIPTION:x\nEND:VALARM\n"
    before = await house.member(BEN)
    await house.put(ANNA, calendar(event(*ALL, more=alarm)))
    assert await house.inbox(BEN) == ["REQUEST"]
    assert await house.member(BEN) == before


async def test_a_removed_attendee_sees_the_event_called_off(house: House) -> None:
    await house.put(ANNA, ONE)
    await house.put(ANNA, calendar(event(*BOTH)))
    assert b"STATUS:CANCELLED" in await house.data(DORA)
    assert b"STATUS:CANCELLED" not in await house.data(BEN)
    assert await house.inbox(DORA) == ["REQUEST", "CANCEL"]


async def test_a_deleted_event_is_called_off_for_all(house: House) -> None:
    await house.put(ANNA, ONE)
    await house.remove(ANNA)
    for who in (BEN, DORA):
        assert b"STATUS:CANCELLED" in await house.data(who)
        assert b"SEQUENCE:1" in await house.data(who)


@pytest.mark.parametrize(("reply", "expected"), [(True, "DECLINED"), (False, "NEEDS-ACTION")])
async def test_who_deletes_his_copy_declines_unless_he_says_nothing(house: House, reply: bool, expected: str) -> None:
    await house.put(ANNA, ONE)
    await house.remove(BEN, reply=reply)
    assert await house.answer(ANNA, BEN) == expected
    assert await house.inbox(ANNA) == ["REPLY"] * reply


async def test_one_instance_is_declined_by_its_exclusion(house: House) -> None:
    await house.put(ANNA, calendar(event(*ALL, more=WEEKLY)))
    member = await house.member(BEN)
    mine = (await house.data(BEN)).replace(b"SUMMARY", f"EXDATE{SECOND}\r\nSUMMARY".encode())
    await house.put(BEN, mine, member.href)
    assert await house.answer(ANNA, BEN) == "NEEDS-ACTION"
    assert await house.answer(ANNA, BEN, KEY) == "DECLINED"


async def test_who_is_invited_to_one_instance_sees_that_one(house: House) -> None:
    await house.put(ANNA, calendar(event(*BOTH, more=WEEKLY), second(*ALL)))
    data = await house.data(DORA)
    assert data.count(b"BEGIN:VEVENT") == 1
    assert b"RRULE:FREQ=WEEKLY" not in data
    assert b"RECURRENCE-ID" in data


async def test_an_answer_is_not_written_over_by_an_older_copy(house: House) -> None:
    stored = await house.put(ANNA, ONE)
    member = await house.member(BEN)
    await house.put(BEN, answering(await house.data(BEN), BEN, "ACCEPTED"), member.href)
    tag = Conditions(if_schedule_tag_match=stored.member.schedule_tag)
    await house.put(ANNA, calendar(event(*ALL, summary="Other")), when=tag)
    assert await house.answer(ANNA, BEN) == "ACCEPTED"
    assert await house.answer(BEN, BEN) == "ACCEPTED"
    assert b"SUMMARY:Other" in await house.data(BEN)


async def test_whoever_moves_an_event_asks_anew(house: House) -> None:
    await house.put(ANNA, ONE)
    member = await house.member(BEN)
    await house.put(BEN, answering(await house.data(BEN), BEN, "ACCEPTED"), member.href)
    await house.put(ANNA, calendar(event(*ALL, start=":20260312T090000Z", end=":20260312T100000Z", sequence=1)))
    assert await house.answer(ANNA, BEN) == "NEEDS-ACTION"
    assert await house.answer(BEN, BEN) == "NEEDS-ACTION"


async def test_an_answer_to_what_was_moved_meanwhile_is_refused(house: House) -> None:
    await house.put(ANNA, ONE)
    old, member = await house.data(BEN), await house.member(BEN)
    await house.put(ANNA, calendar(event(*ALL, start=":20260312T090000Z", end=":20260312T100000Z", sequence=1)))
    tag = Conditions(if_schedule_tag_match=member.schedule_tag)
    with pytest.raises(PreconditionFailed):
        await house.put(BEN, answering(old, BEN, "ACCEPTED"), member.href, when=tag)


@pytest.mark.parametrize(
    "theirs",
    [
        (b"SUMMARY:Planning", b"SUMMARY:Mine"),
        (b"T100000\r\nDTEND", b"T090000\r\nDTEND"),
        (b"ATTENDEE;CN=dora;PARTSTAT=NEEDS-ACTION:mailto:dora@example.org\r\n", b""),
        (b"ORGANIZER;CN=Anna:mailto:anna@example.org", b"ORGANIZER:mailto:ben@example.org"),
        (b"ATTENDEE;CN=ben@;PARTSTAT=NEEDS-ACTION:mailto:ben@example.org\r\n", b""),
    ],
)
async def test_the_organizers_part_is_not_the_attendees_to_change(house: House, theirs: tuple[bytes, bytes]) -> None:
    await house.put(ANNA, ONE)
    member, data = await house.member(BEN), await house.data(BEN)
    assert theirs[0] in data
    with pytest.raises(AttendeeChange):
        await house.put(BEN, data.replace(*theirs), member.href)
    assert await house.data(BEN) == data


async def test_an_organizer_stays_the_organizer(house: House) -> None:
    await house.put(ANNA, ONE)
    with pytest.raises(OrganizerChange):
        await house.put(ANNA, ONE.replace(b"ORGANIZER;CN=Anna:mailto:anna", b"ORGANIZER:mailto:dora"))
    mixed = calendar(event(*BOTH, more=WEEKLY), second(*BOTH, organizer=f"ORGANIZER:mailto:{BEN}\n"))
    with pytest.raises(SameOrganizerNeeded):
        await house.put(ANNA, mixed)


async def test_an_event_without_organizer_any_more_is_called_off(house: House) -> None:
    await house.put(ANNA, ONE)
    stored = await house.put(ANNA, calendar(event(organizer="")))
    assert stored.member.schedule_tag is None
    assert b"STATUS:CANCELLED" in await house.data(BEN)


async def test_the_same_event_in_a_second_calendar_is_refused_with_its_place(house: House) -> None:
    await house.put(ANNA, ONE)
    await house.store.write(collections.add, Family.CALENDARS, house.ids[ANNA], Draft("second", "Second"))
    with pytest.raises(UniqueSchedulingObject) as refused:
        await house.put(ANNA, ONE, slug="second")
    assert (refused.value.slug, refused.value.href) == (house.slugs[ANNA], HREF)


async def test_an_event_of_others_is_kept_and_tells_nobody(house: House) -> None:
    foreign = calendar(event(attending(CLEO), organizer="ORGANIZER:mailto:boss@example.net\n"))
    stored = await house.put(ANNA, foreign)
    assert stored.data_is_as_sent
    assert (await house.mail(), stored.member.schedule_tag) == ([], None)


async def test_nobody_gets_an_event_in_the_name_of_another_user(house: House) -> None:
    """Ben stores an event that says Anna invites Dora."""
    await house.put(BEN, calendar(event(attending(BEN, "ACCEPTED"), attending(DORA))))
    assert await house.copies(DORA) == []


async def test_the_uid_of_another_event_is_no_way_into_it(house: House) -> None:
    await house.put(DORA, calendar(event(organizer="")))
    own = await house.data(DORA)
    await house.put(ANNA, ONE)
    assert await house.data(DORA) == own
    assert b"SCHEDULE-STATUS=3.8:mailto:dora@example.org" in (await house.data(ANNA)).replace(b"\r\n ", b"")


async def test_an_import_invites_nobody(house: House) -> None:
    await house.put(ANNA, ONE, options=SILENT)
    assert await house.copies(BEN) == []


async def test_who_writes_in_a_shared_calendar_acts_for_its_owner(house: House, store: Store) -> None:
    calendar_of_anna = await store.read(collections.default, Family.CALENDARS, house.ids[ANNA])
    assert calendar_of_anna is not None
    await store.write(shares.add, calendar_of_anna, house.ids[DORA], "annas", may_write=True)
    await house.put(DORA, calendar(event(*BOTH)), slug="annas")
    assert b"SCHEDULE-STATUS=1.2" in await house.data(ANNA)
    assert await house.inbox(BEN) == ["REQUEST"]


async def test_too_many_people_are_refused_in_words(house: House) -> None:
    crowd = [attending(f"a{number}@example.net") for number in range(501)]
    with pytest.raises(TooManyAttendees, match="500"):
        await house.put(ANNA, calendar(event(*crowd)))
    assert await house.mail() == []


async def test_a_full_calendar_does_not_keep_the_organizer_from_inviting(house: House) -> None:
    await house.store.write(
        lambda tx: tx.run("UPDATE calendars SET components = 'VTODO' WHERE user_id = ?", house.ids[BEN])
    )
    await house.put(ANNA, ONE)
    data = (await house.data(ANNA)).replace(b"\r\n ", b"")
    assert b"SCHEDULE-STATUS=5.3:mailto:ben@example.org" in data
    assert b"SCHEDULE-STATUS=1.2:mailto:dora@example.org" in data


async def test_a_calendar_of_a_third_person_keeps_nobody_from_answering(store: Store) -> None:
    def picky(data: bytes, collection: Collection) -> Accepted:
        if collection.owner == DORA and b"DECLINED" in data:
            raise OverQuota
        return accept(data, collection)

    house = await furnish(store, accepts=picky)
    await house.put(ANNA, ONE)
    member, data = await house.member(BEN), await house.data(BEN)
    await house.put(BEN, answering(data, BEN, "DECLINED"), member.href)
    assert await house.answer(ANNA, BEN) == "DECLINED"
    assert await house.answer(DORA, BEN) == "NEEDS-ACTION"


async def test_an_answer_for_no_instance_is_no_answer(house: House) -> None:
    await house.put(ANNA, ONE)
    before, member = await house.data(ANNA), await house.member(BEN)
    theirs = second(attending(ANNA, "ACCEPTED"), attending(BEN, "DECLINED"), attending(DORA))
    with pytest.raises(AttendeeChange):
        await house.put(BEN, calendar(event(*ALL), theirs), member.href)
    assert await house.data(ANNA) == before


async def test_what_became_of_invitations_is_kept_where_a_client_leaves_it_out(house: House) -> None:
    await house.put(ANNA, ONE)
    assert (await house.data(ANNA)).count(b"SCHEDULE-STATUS=1.2") == 2
    await house.put(ANNA, calendar(event(*ALL, more="CATEGORIES:Own\n")))
    assert (await house.data(ANNA)).count(b"SCHEDULE-STATUS=1.2") == 2
    assert b"CATEGORIES:Own" in await house.data(ANNA)


BY_CLIENT = ONE.replace(b"ORGANIZER;CN=Anna:", b"ORGANIZER;CN=Anna;SCHEDULE-AGENT=CLIENT:")


async def test_a_copy_that_is_left_to_the_client_is_all_his_own(house: House) -> None:
    """Ben's client got the invitation by mail and sees to the answers. RFC 6638 §3.2.2.2"""
    stored = await house.put(BEN, BY_CLIENT)
    assert (stored.data_is_as_sent, stored.member.schedule_tag) == (True, None)
    await house.put(ANNA, ONE)
    assert await house.data(BEN) == BY_CLIENT
    assert await house.inbox(BEN) == ["REQUEST"]
    accepted = BY_CLIENT.replace(b"SUMMARY:Planning", b"SUMMARY:Mine").replace(
        b"ATTENDEE;CN=ben@;PARTSTAT=NEEDS-ACTION", b"ATTENDEE;CN=ben@;PARTSTAT=ACCEPTED"
    )
    await house.put(BEN, accepted)
    assert await house.data(BEN) == accepted
    assert await house.inbox(ANNA) == []
    await house.remove(ANNA)
    assert await house.data(BEN) == accepted
    assert await house.inbox(BEN) == ["REQUEST", "CANCEL"]


async def test_an_attendee_does_not_get_round_the_organizer_by_scheduling_himself(house: House) -> None:
    await house.put(ANNA, ONE)
    member, data = await house.member(BEN), await house.data(BEN)
    mine = data.replace(b"ORGANIZER;CN=Anna:", b"ORGANIZER;CN=Anna;SCHEDULE-AGENT=CLIENT:")
    with pytest.raises(AttendeeChange):
        await house.put(BEN, mine.replace(b"SUMMARY:Planning", b"SUMMARY:Mine"), member.href)


async def test_a_reply_is_forced_however_it_is_written(house: House) -> None:
    await house.put(ANNA, ONE)
    member, data = await house.member(BEN), await house.data(BEN)
    forced = data.replace(b"ORGANIZER;CN=Anna:", b"ORGANIZER;CN=Anna;SCHEDULE-FORCE-SEND=reply:")
    await house.put(BEN, forced, member.href)
    assert await house.inbox(ANNA) == ["REPLY"]
    assert b"FORCE-SEND" not in await house.data(BEN)


async def test_the_limit_is_of_one_instance(house: House) -> None:
    crowd = [attending(f"a{number}@example.net") for number in range(600)]
    await house.put(ANNA, calendar(event(*crowd[:300], more=WEEKLY), second(*crowd[300:])))
    assert len(await house.store.read(scheduling_mail.list, 0, 1000)) == 600


async def test_two_who_answer_by_themselves_stop_answering(house: House) -> None:
    for who in (ANNA, BEN, DORA):
        settings = Settings(auto_reply=AutoReply.AUTOMATIC)
        await house.store.write(scheduling_settings.set, house.ids[who], settings)
    await house.put(ANNA, ONE)
    assert [await house.answer(ANNA, who) for who in (BEN, DORA)] == ["ACCEPTED", "ACCEPTED"]
    assert [await house.inbox(who) for who in (ANNA, BEN, DORA)] == [[], ["REQUEST"], ["REQUEST"]]
    assert await house.mail() == []


async def test_an_alias_that_leads_to_the_organizer_invites_nobody(house: House) -> None:
    await house.store.write(aliases.add, "office@example.org", [ANNA])
    await house.put(ANNA, calendar(event(attending("office@example.org"), attending(BEN))))
    assert len(await house.copies(ANNA)) == 1
    assert (await house.inbox(ANNA), await house.mail()) == ([], [])
    assert await house.inbox(BEN) == ["REQUEST"]


@pytest.mark.parametrize("column", ["is_active = 0", "deleted_at = '2026-01-01'"])
async def test_who_is_disabled_or_gone_is_named_and_others_are_invited(house: House, column: str) -> None:
    await house.store.write(lambda tx: tx.run(f"UPDATE users SET {column} WHERE id = ?", house.ids[BEN]))
    await house.put(ANNA, ONE)
    data = (await house.data(ANNA)).replace(b"\r\n ", b"")
    assert b"SCHEDULE-STATUS=3.7:mailto:ben@example.org" in data
    assert b"SCHEDULE-STATUS=1.2:mailto:dora@example.org" in data


async def test_an_event_that_moves_to_another_calendar_tells_nobody_and_is_still_answered(house: House) -> None:
    await house.put(ANNA, ONE)
    await house.store.write(collections.add, Family.CALENDARS, house.ids[ANNA], Draft("second", "Second"))
    source, target = (MemberPath(Family.CALENDARS, slug, HREF) for slug in (house.slugs[ANNA], "second"))
    await house.members.move(house.ids[ANNA], source, target, overwrite=False)
    assert await house.inbox(BEN) == ["REQUEST"]
    member = await house.member(BEN)
    await house.put(BEN, answering(await house.data(BEN), BEN, "ACCEPTED"), member.href)
    assert await house.answer(ANNA, BEN) == "ACCEPTED"


async def test_a_copy_in_a_second_calendar_is_refused(house: House) -> None:
    await house.put(ANNA, ONE)
    await house.store.write(collections.add, Family.CALENDARS, house.ids[ANNA], Draft("second", "Second"))
    source, target = (MemberPath(Family.CALENDARS, slug, HREF) for slug in (house.slugs[ANNA], "second"))
    with pytest.raises(UniqueSchedulingObject):
        await house.members.copy(house.ids[ANNA], source, target, overwrite=False)


async def test_a_file_that_is_imported_tells_nobody(house: House) -> None:
    """As `mailserver dav import` does it, with replacing what is there."""
    transport = TakingIn(house.store, house.members)
    for data in (ONE, calendar(event(*ALL, summary="Other"))):
        counts = await transport.take_in(house.ids[ANNA], Family.CALENDARS, house.slugs[ANNA], data, replace=True)
        assert counts.added + counts.replaced == 1
    assert [await house.copies(who) for who in (BEN, DORA)] == [[], []]
    assert await house.mail() == []
