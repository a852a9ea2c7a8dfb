"""Invitations as a calendar client sees them on the wire. RFC 6638, behaviours of two users of one server."""

from dataclasses import replace

import pytest

from mailserver.config.tree import DavConfig, SchedulingConfig
from mailserver.dav.app import DavApp
from mailserver.dav.names import caldav, dav
from mailserver.dav.services import SchedulingFace
from mailserver.groupware.calendars.accept import accept
from mailserver.groupware.members import Members
from mailserver.groupware.scheduling.busy import ByCalendars
from mailserver.groupware.scheduling.calendar_users import CalendarUsers
from mailserver.groupware.scheduling.copies import Copies
from mailserver.groupware.scheduling.deliveries import Deliveries
from mailserver.groupware.scheduling.implicit import ImplicitScheduling
from mailserver.groupware.scheduling.inbox import Inbox
from mailserver.groupware.scheduling.outbox import Outbox
from mailserver.metrics import Metrics
from mailserver.store.collections import Family
from mailserver.store.store import Store
from tests.service.dav.house import ANN, BOB, House, _Doorman
from tests.unit.ical.itip_samples import attending, calendar, event

WORK, BOBS = f"/dav/calendars/{ANN}/work", f"/dav/calendars/{BOB}"
BY_ANN = f"ORGANIZER:mailto:{ANN}\n"
INVITE = calendar(event(attending(ANN, "ACCEPTED"), attending(BOB), organizer=BY_ANN))
LISTING = '<D:propfind xmlns:D="DAV:"><D:prop><D:getetag/><D:getcontenttype/></D:prop></D:propfind>'


@pytest.fixture
async def house(store: Store) -> House:
    house = await House.furnished(store)
    users = CalendarUsers("mail.x.example", 10)
    counter = iter(range(1, 1000))
    copies = Copies(accept, lambda octets: next(counter).to_bytes(octets, "big"), DavConfig())
    implicit = ImplicitScheduling(Deliveries(users, copies, ByCalendars(users)), SchedulingConfig())
    house.services = replace(
        house.services,
        members=Members(store, {Family.CALENDARS: accept}, implicit),
        scheduling=SchedulingFace(Inbox(store), Outbox(store, users)),
    )
    house._app = DavApp(house.services, _Doorman(house.users), Metrics(), lambda: 0.0)  # type: ignore[arg-type]
    return house


async def test_scheduling_is_advertised_where_it_is_done(house: House) -> None:
    assert "calendar-auto-schedule" in (await house.ask("OPTIONS", WORK)).headers["dav"]


async def test_an_invitation_is_in_the_other_calendar_and_inbox(house: House) -> None:
    stored = await house.ask("PUT", f"{WORK}/one.ics", INVITE)
    assert stored.status == 201
    assert "etag" not in stored.headers
    assert stored.headers["schedule-tag"]
    got = await house.ask("GET", f"{WORK}/one.ics")
    assert b"SCHEDULE-STATUS=1.2" in got.body
    inbox = await house.ask("PROPFIND", f"{BOBS}/inbox/", LISTING, BOB, depth="1")
    [path] = [each for each in inbox.responses if each != f"{BOBS}/inbox/"]
    assert inbox.responses[path].text(dav("getcontenttype")).startswith("text/calendar")
    message = await house.ask("GET", path, user=BOB)
    assert b"METHOD:REQUEST" in message.body
    assert f'"{message.headers["etag"]}"'.strip('"') in inbox.responses[path].text(dav("getetag"))
    assert (await house.ask("GET", path, user=ANN)).status == 404
    assert (await house.ask("DELETE", path, user=ANN)).status == 404
    assert (await house.ask("DELETE", path, user=BOB, if_match='"other"')).status == 412
    assert (await house.ask("DELETE", path, user=BOB)).status == 204
    assert (await house.ask("GET", path, user=BOB)).status == 404


async def test_a_declined_event_is_deleted_quietly_with_schedule_reply(house: House) -> None:
    await house.ask("PUT", f"{WORK}/one.ics", INVITE)
    home = await house.ask("PROPFIND", f"{BOBS}/calendar/", LISTING, BOB, depth="1")
    [path] = [each for each in home.responses if each.endswith(".ics")]
    assert (await house.ask("DELETE", path, user=BOB, schedule_reply="F")).status == 204
    assert b"PARTSTAT=NEEDS-ACTION" in (await house.ask("GET", f"{WORK}/one.ics")).body


async def test_what_is_the_organizers_is_refused_by_its_name(house: House) -> None:
    await house.ask("PUT", f"{WORK}/one.ics", INVITE)
    home = await house.ask("PROPFIND", f"{BOBS}/calendar/", LISTING, BOB, depth="1")
    [path] = [each for each in home.responses if each.endswith(".ics")]
    copy = (await house.ask("GET", path, user=BOB)).body
    refused = await house.ask("PUT", path, copy.replace(b"SUMMARY:Planning", b"SUMMARY:Mine"), BOB)
    assert (refused.status, refused.error) == (403, [caldav("allowed-attendee-scheduling-object-change")])
    second = await house.ask("PUT", f"/dav/calendars/{ANN}/calendar/two.ics", INVITE)
    assert (second.status, second.error) == (403, [caldav("unique-scheduling-object-resource")])
    assert f"{WORK}/one.ics".encode() in second.body


async def test_free_busy_is_answered_for_each_person(house: House) -> None:
    await house.ask("PUT", f"{WORK}/one.ics", INVITE)
    asked = calendar(
        "BEGIN:VFREEBUSY\nUID:q\nDTSTAMP:20260301T080000Z\nDTSTART:20260310T000000Z\nDTEND:20260311T000000Z\n"
        f"ORGANIZER:mailto:{ANN}\nATTENDEE:mailto:{BOB}\nATTENDEE:mailto:x@elsewhere.example\nEND:VFREEBUSY\n",
        method="REQUEST",
        zones="",
    )
    answer = await house.ask("POST", f"/dav/calendars/{ANN}/outbox/", asked, content_type="text/calendar")
    assert (answer.status, answer.xml.name) == (200, caldav("schedule-response"))
    statuses = [each.find(caldav("request-status")) for each in answer.xml.all(caldav("response"))]
    assert [each.text[:3] for each in statuses if each is not None] == ["2.0", "5.3"]
    assert b"FREEBUSY;FBTYPE=BUSY-TENTATIVE:20260310T090000Z/20260310T100000Z" in answer.body
    assert (await house.ask("POST", f"/dav/calendars/{ANN}/outbox/", asked, BOB)).status == 404
    wrong = await house.ask("POST", f"/dav/calendars/{ANN}/outbox/", INVITE)
    assert (wrong.status, wrong.error) == (403, [caldav("valid-scheduling-message")])


async def test_messages_are_fetched_together(house: House) -> None:
    await house.ask("PUT", f"{WORK}/one.ics", INVITE)
    inbox = await house.ask("PROPFIND", f"{BOBS}/inbox/", LISTING, BOB, depth="1")
    [path] = [each for each in inbox.responses if each != f"{BOBS}/inbox/"]
    asked = (
        '<C:calendar-multiget xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:D="DAV:"><D:prop><D:getetag/>'
        f"<C:calendar-data/></D:prop><D:href>{path}</D:href><D:href>{BOBS}/inbox/none.ics</D:href>"
        f"<D:href>{WORK}/one.ics</D:href></C:calendar-multiget>"
    )
    got = (await house.ask("REPORT", f"{BOBS}/inbox/", asked, BOB)).responses
    assert "METHOD:REQUEST" in got[path].text(caldav("calendar-data"))
    assert got[path].text(dav("getetag")) == inbox.responses[path].text(dav("getetag"))
    assert {each: found.status for each, found in got.items() if each != path} == {
        f"{BOBS}/inbox/none.ics": 404,
        f"{WORK}/one.ics": 404,
    }


QUERY = (
    '<C:calendar-query xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:D="DAV:"><D:prop><D:getetag/><C:calendar-data/>'
    '</D:prop><C:filter><C:comp-filter name="VCALENDAR">{0}</C:comp-filter></C:filter></C:calendar-query>'
)
WITHIN = '<C:comp-filter name="VEVENT"><C:time-range start="{0}T000000Z" end="{1}T000000Z"/></C:comp-filter>'


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ("", 1),
        (WITHIN.format("20260310", "20260311"), 1),
        (WITHIN.format("20260311", "20260312"), 0),
        ('<C:comp-filter name="VTODO"/>', 0),
        ('<C:prop-filter name="METHOD"><C:text-match>REQUEST</C:text-match></C:prop-filter>', 1),
        ('<C:prop-filter name="METHOD"><C:text-match>REPLY</C:text-match></C:prop-filter>', 0),
    ],
)
async def test_messages_are_found_by_what_they_say(house: House, wanted: str, count: int) -> None:
    await house.ask("PUT", f"{WORK}/one.ics", INVITE)
    found = await house.ask("REPORT", f"{BOBS}/inbox/", QUERY.format(wanted), BOB, depth="1")
    assert found.status == 207
    assert [each.startswith(f"{BOBS}/inbox/") for each in found.responses] == [True] * count
    assert found.body.count(b"METHOD:REQUEST") == count
    assert (await house.ask("REPORT", f"{BOBS}/inbox/", QUERY.format(wanted), ANN, depth="1")).status == 404


async def test_the_inbox_says_that_it_can_be_asked(house: House) -> None:
    asked = '<D:propfind xmlns:D="DAV:"><D:prop><D:supported-report-set/></D:prop></D:propfind>'
    answer = await house.ask("PROPFIND", f"{BOBS}/inbox/", asked, BOB, depth="0")
    assert b"calendar-query" in answer.body
    assert b"calendar-multiget" in answer.body


async def test_the_limit_of_guests_is_told_as_it_is_enforced(house: House) -> None:
    asked = (
        '<D:propfind xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:prop><C:max-attendees-per-instance/>'
        "</D:prop></D:propfind>"
    )
    told = (await house.ask("PROPFIND", f"{WORK}/", asked, depth="0")).responses
    most = int(next(iter(told.values())).text(caldav("max-attendees-per-instance")))
    assert most == DavConfig().max_attendees
    crowd = [attending(f"a{number}@elsewhere.example") for number in range(most + 1)]
    fits = await house.ask("PUT", f"{WORK}/most.ics", calendar(event(*crowd[:most], organizer=BY_ANN, uid="most")))
    assert fits.status == 201
    refused = await house.ask("PUT", f"{WORK}/more.ics", calendar(event(*crowd, organizer=BY_ANN, uid="more")))
    assert (refused.status, refused.error) == (403, [caldav("max-attendees-per-instance")])
