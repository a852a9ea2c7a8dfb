"""The Python `caldav` library as programs use it: finds, makes, searches, follows changes."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import caldav
import pytest
from caldav.lib import error

from tests.e2e.served import ANN, BEN, PASSWORD, Served, furnish, served

VIENNA = ZoneInfo("Europe/Vienna")
SERIES = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Library//EN
BEGIN:VEVENT
UID:weekly
DTSTAMP:20260301T000000Z
DTSTART;TZID=Europe/Vienna:20260316T090000
DTEND;TZID=Europe/Vienna:20260316T100000
RRULE:FREQ=WEEKLY;COUNT=6
EXDATE;TZID=Europe/Vienna:20260406T090000
SUMMARY:Weekly
END:VEVENT
BEGIN:VEVENT
UID:weekly
DTSTAMP:20260301T000000Z
RECURRENCE-ID;TZID=Europe/Vienna:20260413T090000
DTSTART;TZID=Europe/Vienna:20260414T150000
DTEND;TZID=Europe/Vienna:20260414T160000
SUMMARY:Weekly, moved
END:VEVENT
END:VCALENDAR
"""
MEETING = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Library//EN
BEGIN:VEVENT
UID:meeting
DTSTAMP:20260301T000000Z
DTSTART:20260602T080000Z
DTEND:20260602T090000Z
SUMMARY:Planning
END:VEVENT
END:VCALENDAR
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("caldav")
    furnish(folder)
    with served(folder) as house:
        yield house


@contextlib.contextmanager
def logged_in(house: Served, user: str, path: str = "/") -> Iterator[caldav.Principal]:
    with caldav.DAVClient(
        f"https://localhost:{house.ports['https']}{path}",
        username=user,
        password=PASSWORD,
        ssl_verify_cert=str(house.folder / "tls" / "ca.pem"),
        enable_rfc6764=False,  # no DNS here
    ) as client:
        yield client.principal()


@pytest.fixture
def ann(house: Served) -> Iterator[caldav.Principal]:
    with logged_in(house, ANN) as principal:
        yield principal


@pytest.fixture
def ben(house: Served) -> Iterator[caldav.Principal]:
    with logged_in(house, BEN) as principal:
        yield principal


def starts(found: list[caldav.Event]) -> list[datetime]:
    return sorted(event.component["DTSTART"].dt.astimezone(UTC) for event in found)


@pytest.mark.parametrize("path", ["/", "/dav/", f"/dav/principals/{ANN}/", f"/dav/calendars/{ANN}/"])
def test_calendars_are_found_from_every_address(house: Served, path: str) -> None:
    with logged_in(house, ANN, path) as principal:
        names = {str(calendar.url).rstrip("/").rsplit("/", 1)[1] for calendar in principal.get_calendars()}
    assert {"calendar", "tasks"} <= names


def test_a_calendar_is_made_named_found_and_removed(ann: caldav.Principal) -> None:
    made = ann.make_calendar(name="Fahrten & Ziele", supported_calendar_component_set=["VEVENT"])
    assert made.get_display_name() == "Fahrten & Ziele"
    assert made.get_supported_components() == ["VEVENT"]
    assert ann.calendar(name="Fahrten & Ziele").url == made.url
    made.delete()
    assert made.url not in [calendar.url for calendar in ann.get_calendars()]


def test_a_series_across_the_change_of_clocks_is_found_and_expanded(ann: caldav.Principal) -> None:
    calendar = ann.make_calendar(name="Series")
    calendar.add_event(SERIES)
    window = {"start": datetime(2026, 3, 1, tzinfo=UTC), "end": datetime(2026, 5, 1, tzinfo=UTC), "event": True}
    expanded = calendar.search(**window, server_expand=True)
    assert all("RRULE" not in event.component for event in expanded)
    assert starts(expanded) == [
        datetime(2026, 3, 16, 8, tzinfo=UTC),
        datetime(2026, 3, 23, 8, tzinfo=UTC),
        datetime(2026, 3, 30, 7, tzinfo=UTC),  # summer time began on the 29th; the 6th of April is excluded
        datetime(2026, 4, 14, 13, tzinfo=UTC),  # moved from the 13th
        datetime(2026, 4, 20, 7, tzinfo=UTC),
    ]
    [whole] = calendar.search(**window)
    assert "RRULE:FREQ=WEEKLY;COUNT=6" in whole.data

    def hits(start: datetime, hours: float) -> int:
        return len(calendar.search(start=start, end=start + timedelta(hours=hours), event=True, post_filter=False))

    assert hits(datetime(2026, 3, 30, 9, tzinfo=VIENNA), 0.5) == 1
    [] = calendar.search(
        start=datetime(2026, 4, 6, tzinfo=VIENNA), end=datetime(2026, 4, 7, tzinfo=VIENNA), event=True, expand=True
    )
    [moved] = calendar.search(
        start=datetime(2026, 4, 13, tzinfo=VIENNA), end=datetime(2026, 4, 15, tzinfo=VIENNA), event=True, expand=True
    )
    assert moved.component["SUMMARY"] == "Weekly, moved"


def test_tasks_and_journals_are_kept_searched_and_completed(ann: caldav.Principal) -> None:
    calendar = ann.make_calendar(name="Things", supported_calendar_component_set=["VTODO", "VJOURNAL"])
    task = calendar.add_todo(summary="Letter to Josef", due=datetime(2026, 6, 1, 12, tzinfo=VIENNA), priority=3)
    calendar.add_todo(summary="No date at all")
    calendar.add_journal(summary="Diary", dtstart=date(2026, 6, 1), description="Rain, and 😀.")
    assert {todo.component["SUMMARY"] for todo in calendar.get_todos()} == {"Letter to Josef", "No date at all"}
    [diary] = calendar.get_journals()
    assert diary.component["DESCRIPTION"] == "Rain, and 😀."
    with pytest.raises(error.DAVError):
        calendar.add_event(MEETING)  # not in supported-calendar-component-set

    task.complete()
    assert [todo.component["SUMMARY"] for todo in calendar.get_todos()] == ["No date at all"]
    assert len(calendar.get_todos(include_completed=True)) == 2
    [found] = calendar.search(todo=True, include_completed=True, summary="Josef")
    assert found.component["STATUS"] == "COMPLETED"


def test_sync_tokens_tell_what_changed_and_nothing_else(ann: caldav.Principal) -> None:
    calendar = ann.make_calendar(name="Synced")
    for number in range(3):
        calendar.add_event(MEETING.replace("meeting", f"m{number}"))
    known = calendar.get_objects_by_sync_token(load_objects=True, disable_fallback=True)
    assert len(known) == 3
    again = calendar.get_objects_by_sync_token(known.sync_token, disable_fallback=True)
    assert (len(again), again.sync_token) == (0, known.sync_token)
    calendar.get_event_by_uid("m0").delete()
    changed = calendar.get_event_by_uid("m1")
    changed.data = changed.data.replace("Planning", "Planned")
    changed.save()
    calendar.add_event(MEETING.replace("meeting", "m3"))
    told = calendar.get_objects_by_sync_token(known.sync_token, disable_fallback=True)
    assert len(told) == 3
    assert told.sync_token != known.sync_token
    updated, removed = known.sync()
    assert ({each.component["UID"] for each in updated}, len(removed)) == ({"m1", "m3"}, 1)
    assert {each.component["UID"] for each in known} == {"m1", "m2", "m3"}


def test_of_two_programs_with_the_same_entity_tag_the_second_is_refused(house: Served, ann: caldav.Principal) -> None:
    calendar = ann.make_calendar(name="Contested")
    calendar.add_event(MEETING)
    with logged_in(house, ANN) as other:
        mine, theirs = (each.calendar(name="Contested").get_event_by_uid("meeting") for each in (ann, other))
        for event in (mine, theirs):
            event.load()
        url, when = str(mine.url), {"If-Match": mine.etag, "Content-Type": "text/calendar; charset=utf-8"}
        stored = theirs.client.request(url, "PUT", MEETING.replace("Planning", "Theirs"), when)
        assert stored.status == 204
        for method, body in (("PUT", MEETING.replace("Planning", "Mine")), ("DELETE", "")):
            assert mine.client.request(url, method, body, when).status == 412
        mine.load()
        assert mine.component["SUMMARY"] == "Theirs"
        mine.delete()
    assert calendar.get_events() == []


def test_an_invitation_arrives_is_accepted_and_the_organizer_sees_it(
    ann: caldav.Principal, ben: caldav.Principal
) -> None:
    calendar = ann.calendar(name="Calendar")
    asked = calendar.save_with_invites(MEETING.replace("UID:meeting", "UID:invited"), [ann, ben])
    [invitation] = ben.schedule_inbox().get_items()
    assert invitation.is_invite_request()
    assert invitation.component["UID"] == "invited"

    [copy] = ben.calendar(name="Calendar").get_events()
    copy.change_attendee_status(partstat="ACCEPTED")
    copy.save()
    asked.load()
    answers = {str(each).lower(): each.params.get("PARTSTAT") for each in asked.component["ATTENDEE"]}
    assert answers[f"mailto:{BEN}"] == "ACCEPTED"
    [reply] = ann.schedule_inbox().get_items()
    assert reply.is_invite_reply()

    busy = ann.freebusy_request(datetime(2026, 6, 2, tzinfo=UTC), datetime(2026, 6, 3, tzinfo=UTC), [ben])
    assert "20260602T080000Z/20260602T090000Z" in busy[f"mailto:{BEN}"].get_data()
    own = ben.calendar(name="Calendar").freebusy_request(
        datetime(2026, 6, 2, tzinfo=UTC), datetime(2026, 6, 3, tzinfo=UTC)
    )
    assert "20260602T080000Z/20260602T090000Z" in own.get_data()

    asked.delete()
    copy.load()
    assert copy.component["STATUS"] == "CANCELLED"
