"""What is stored, what is refused and in which words. RFC 4791 §4.1, behaviours of calendars 4 and 5."""

import pytest

from mailserver.errors import InvalidCalendarData, UnsupportedComponent
from mailserver.ical.check import valid_object
from mailserver.ical.lines import parse

EVENT = "BEGIN:VEVENT\nUID:1\nDTSTART:20260101T100000Z\n{}END:VEVENT\n"


def calendar(text: str) -> bytes:
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{text}END:VCALENDAR\n".encode()


def event(*lines: str) -> bytes:
    return calendar(EVENT.format("".join(f"{line}\n" for line in lines)))


REFUSED = [
    (calendar(""), "there is no VEVENT, VTODO or VJOURNAL in it"),
    (calendar("BEGIN:VTIMEZONE\nTZID:x\nEND:VTIMEZONE\n"), "there is no VEVENT, VTODO or VJOURNAL in it"),
    (calendar("METHOD:REQUEST\n" + EVENT.format("")),
     "METHOD is for messages between calendars: a stored object has none"),
    (calendar(EVENT.format("") + "BEGIN:VTODO\nUID:1\nEND:VTODO\n"), "VEVENT and VTODO do not go into one object"),
    (calendar(EVENT.format("") + EVENT.format("").replace("UID:1", "UID:2")), "it has 2 UIDs: an object has one"),
    (calendar(EVENT.format("") * 2), "it has 2 VEVENT without RECURRENCE-ID: an object has one"),
    (event("UID:2"), "VEVENT has several UID"),
    (event("DTSTART:20260101T100000Z"), "VEVENT has several DTSTART"),
    (calendar("BEGIN:VEVENT\nDTSTART:20260101T100000Z\nEND:VEVENT\n"), "VEVENT has no UID"),
    (calendar("BEGIN:VEVENT\nUID: \nDTSTART:20260101T100000Z\nEND:VEVENT\n"), "VEVENT has no UID"),
    (calendar(f"BEGIN:VEVENT\nUID:{'x' * 1001}\nDTSTART:20260101\nEND:VEVENT\n"),
     "the UID has more than 1000 characters"),
    (calendar("BEGIN:VEVENT\nUID:1\nEND:VEVENT\n"), "VEVENT has no DTSTART"),
    (calendar("BEGIN:VEVENT\nUID:1\nDTSTART:tomorrow\nEND:VEVENT\n"), "DTSTART: not a date or time: 'tomorrow'"),
    (calendar("BEGIN:VEVENT\nUID:1\nDTSTART:20260230\nEND:VEVENT\n"),
     "DTSTART: there is no such day or time: 20260230"),
    (calendar("BEGIN:VEVENT\nUID:1\nDTSTART:20260101T1000\nEND:VEVENT\n"),
     "DTSTART: not a date or time: '20260101T1000'"),
    (calendar("BEGIN:VEVENT\nUID:1\nDTSTART:20260101T250000\nEND:VEVENT\n"),
     "DTSTART: there is no such day or time: 20260101T250000"),
    (event("DTEND:x"), "DTEND: not a date or time: 'x'"),
    (event("DURATION:1h"), "not a duration: '1h'"),
    (event("DURATION:P"), "not a duration: 'P'"),
    (event("RRULE:FREQ=NEVER"), "RRULE: FREQ='NEVER' is not possible"),
    (event("RRULE:FREQ=DAILY\nRRULE:COUNT=1"), "RRULE: FREQ is missing"),
    (event(*["RRULE:FREQ=DAILY"] * 21), "more than 20 RRULE"),
    (event("EXDATE:never"), "EXDATE: not a date or time: 'never'"),
    (event("RDATE;VALUE=PERIOD:20260101T100000Z/never"), "RDATE: not a date or time: 'never'"),
    (event(*["EXDATE:20260101T100000Z"] * 20_001), "more than 20000 EXDATE"),
    (event("EXDATE:" + ",".join(["20260101T100000Z"] * 1_000_000)), "more than 20000 EXDATE"),
    (calendar(EVENT.format("") + EVENT.format("RECURRENCE-ID:x\n")), "RECURRENCE-ID: not a date or time: 'x'"),
    (calendar("BEGIN:VTODO\nUID:1\nDUE:x\nEND:VTODO\n"), "DUE: not a date or time: 'x'"),
    (b"BEGIN:VCALENDAR\nVERSION:1.0\nBEGIN:VEVENT\nEND:VEVENT\nEND:VCALENDAR\n",
     "VERSION 1.0 is vCalendar, not iCalendar"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "reason"), REFUSED, ids=range(len(REFUSED)))
def test_refused(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidCalendarData) as refusal:
        valid_object(parse(data))
    assert refusal.value.text == reason


TAKEN = [
    ("no VERSION and no PRODID", b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nDTSTART:20260101\nEND:VEVENT\nEND:VCALENDAR"),
    ("DTEND before DTSTART", event("DTEND:20250101T000000Z")),
    ("DTEND and DURATION", event("DTEND:20260101T110000Z", "DURATION:PT1H")),
    ("DTEND of another type", event("DTEND;VALUE=DATE:20260102")),
    ("an IANA zone without VTIMEZONE", event("DTEND;TZID=Europe/Berlin:20260101T120000")),
    ("a zone of Outlook's", event("DTEND;TZID=W. Europe Standard Time:20260101T120000")),
    ("a zone nobody knows", event('DTEND;TZID="(UTC+01:00) Amsterdam, Berlin":20260101T120000')),
    ("properties of our own invention", event("X-FOO;X-BAR=1:baz", "NONSENSE:1", "COLOR:red", "CONFERENCE:https://x")),
    ("an X- component beside it", calendar(EVENT.format("") + "BEGIN:X-THING\nA:1\nEND:X-THING\n")),
    ("a rule of another calendar", event("RRULE:RSCALE=HEBREW;FREQ=YEARLY;BYMONTH=5L;SKIP=FORWARD")),
    ("a negative duration", event("DURATION:-PT1H")),
    ("weeks and days in one duration", event("DURATION:P1W2D")),
    ("an alarm nobody can read", event("BEGIN:VALARM", "TRIGGER:x", "END:VALARM")),
    ("a damaged VTIMEZONE", calendar("BEGIN:VTIMEZONE\nTZID:Q\nBEGIN:STANDARD\nDTSTART:x\nEND:STANDARD\nEND:VTIMEZONE\n"
                                     "BEGIN:VEVENT\nUID:1\nDTSTART;TZID=Q:20260101T100000\nEND:VEVENT\n")),
    ("overrides without their master", calendar(EVENT.format("RECURRENCE-ID:20260101T100000Z\n"))),
    ("the same override twice", calendar(EVENT.format("") + EVENT.format("RECURRENCE-ID:20260101T100000Z\n") * 2)),
    ("a journal without DTSTART", calendar("BEGIN:VJOURNAL\nUID:1\nEND:VJOURNAL\n")),
    ("a task with nothing", calendar("BEGIN:VTODO\nUID:1\nEND:VTODO\n")),
    ("an availability", calendar("BEGIN:VAVAILABILITY\nUID:1\nBEGIN:AVAILABLE\nUID:2\nDTSTART:20260101T100000Z\n"
                                 "END:AVAILABLE\nEND:VAVAILABILITY\n")),
    ("a rule without end or sense", event("RRULE:FREQ=SECONDLY;COUNT=1000000000;BYSECOND=3")),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "data"), TAKEN, ids=[case[0] for case in TAKEN])
def test_taken(reason: str, data: bytes) -> None:
    assert valid_object(parse(data)).uid == "1"


def test_a_calendar_takes_only_its_components() -> None:
    with pytest.raises(UnsupportedComponent, match="takes no VEVENT"):
        valid_object(parse(event()), ("VTODO",))
    with pytest.raises(UnsupportedComponent, match="takes no VPOLL"):
        valid_object(parse(calendar("BEGIN:VPOLL\nUID:1\nEND:VPOLL\n")))
    assert valid_object(parse(event()), ("VTODO", "VEVENT")).kind == "VEVENT"
