"""Who is told what when an organizer stores or deletes an object. RFC 6638 §3.2.1"""

import pytest

from mailserver.ical import itip_organizer, itip_tree
from mailserver.ical.itip_messages import Message
from mailserver.ical.itip_parties import components
from mailserver.ical.itip_views import whole
from tests.unit.ical.itip_samples import (
    ANNA,
    BEN,
    BOTH,
    CLEO,
    NOW,
    SECOND,
    THREE,
    WEEKLY,
    attending,
    calendar,
    event,
    second,
)

ONE = calendar(event(*BOTH))
SERIES = calendar(event(*BOTH, more=WEEKLY))
ALARM = "BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT5M\nDESCRIPTION:x\nEND:VALARM\n"


def told(before: bytes | None, after: bytes | None) -> list[Message]:
    trees = [None if each is None else itip_tree.parse(each) for each in (before, after)]
    return itip_organizer.messages(trees[0], trees[1], frozenset({ANNA}), NOW)


def brief(messages: list[Message]) -> list[str]:
    """ "REQUEST ben@example.org" with the instances it is about; "" is the series."""
    return [
        " ".join([each.method, each.recipient, *(key or "all" for key in sorted(whole(each.calendar).instances))])
        for each in messages
    ]


INVITED = [f"REQUEST {BEN} all"]
KEY = "20260317T090000Z"  # of the second instance
EXDATE = f"EXDATE{SECOND}\n"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, ONE, INVITED),
        (ONE, ONE, []),
        (ONE, calendar(event(*BOTH, more=ALARM)), []),
        (
            ONE,
            calendar(event(*BOTH, more="TRANSP:TRANSPARENT\nX-MOZ-X:1\nCATEGORIES:a\n", stamp="20260302T080000Z")),
            [],
        ),
        (ONE, calendar(event(*BOTH, sequence=3)), []),
        (ONE, calendar(event(attending(ANNA, "ACCEPTED"), attending(BEN, "ACCEPTED"))), []),
        (ONE, calendar(event(*BOTH, start=":20260310T090000Z", end=":20260310T100000Z")), []),
        (ONE, calendar(event(*BOTH, summary="Other")), INVITED),
        (ONE, calendar(event(*BOTH, more="LOCATION:Room 4\n")), INVITED),
        (ONE, calendar(event(*BOTH, start=":20260310T100000Z")), INVITED),
        (ONE, calendar(event(*THREE)), [f"REQUEST {BEN} all", f"REQUEST {CLEO} all"]),
        (calendar(event(*THREE)), ONE, [f"REQUEST {BEN} all", f"CANCEL {CLEO} all"]),
        (ONE, None, [f"CANCEL {BEN} all"]),
        (ONE, calendar(event(*BOTH, more="STATUS:CANCELLED\n")), [f"CANCEL {BEN} all"]),
        (calendar(event(*BOTH, more="STATUS:CANCELLED\n")), None, []),
        # who schedules: RFC 6638 §3.2.1.2
        (None, calendar(event(attending(BEN, more=";SCHEDULE-AGENT=CLIENT"))), []),
        (None, calendar(event(attending(BEN, more=";SCHEDULE-AGENT=NONE"))), []),
        (None, calendar(event(attending(BEN, more=";SCHEDULE-AGENT=X-ODD"))), []),
        (None, calendar(event(attending(BEN, more=";SCHEDULE-AGENT=server"))), INVITED),
        (ONE, calendar(event(BOTH[0], attending(BEN, more=";SCHEDULE-AGENT=CLIENT"))), [f"CANCEL {BEN} all"]),
        (ONE, calendar(event(BOTH[0], attending(BEN, more=";SCHEDULE-FORCE-SEND=REQUEST"))), INVITED),
        # one instance
        (SERIES, calendar(event(*BOTH, more=WEEKLY), second(*BOTH, summary="Moved")), [f"REQUEST {BEN} all {KEY}"]),
        (SERIES, calendar(event(*BOTH, more=WEEKLY), second(*BOTH)), []),
        (calendar(event(*BOTH, more=WEEKLY), second(*BOTH, summary="Moved")), SERIES, INVITED),
        (
            SERIES,
            calendar(event(*BOTH, more=WEEKLY), second(*THREE)),
            [f"REQUEST {BEN} all {KEY}", f"REQUEST {CLEO} {KEY}"],
        ),
        (calendar(event(*BOTH, more=WEEKLY), second(*THREE)), SERIES, [f"REQUEST {BEN} all", f"CANCEL {CLEO} {KEY}"]),
        (SERIES, calendar(event(*BOTH, more=WEEKLY + EXDATE)), [f"CANCEL {BEN} {KEY}"]),
        (calendar(event(*BOTH, more=WEEKLY + EXDATE)), SERIES, INVITED),
        (SERIES, calendar(event(*BOTH, more=WEEKLY), second(BOTH[0])), [f"CANCEL {BEN} {KEY}"]),
        (
            SERIES,
            calendar(event(BOTH[0], more=WEEKLY), second(*BOTH)),
            [f"CANCEL {BEN} all", f"REQUEST {BEN} {KEY}"],
        ),
        # the series ends earlier: the rest is another object
        (SERIES, calendar(event(*BOTH, more="RRULE:FREQ=WEEKLY;COUNT=2\n")), INVITED),
    ],
)
def test_who_is_told(before: bytes | None, after: bytes | None, expected: list[str]) -> None:
    assert brief(told(before, after)) == expected


def test_a_request_has_what_the_invited_need_and_nothing_private() -> None:
    own = event(BOTH[0], attending(BEN, more=";SCHEDULE-STATUS=1.2;RSVP=TRUE"), more=ALARM + "X-MOZ-LASTACK:x\n")
    [message] = told(None, calendar(own))
    text = message.data.decode()
    assert "METHOD:REQUEST\r\n" in text
    assert "BEGIN:VTIMEZONE" in text
    assert "RSVP=TRUE" in text
    assert "DTSTAMP:20260301T120000Z" in text
    assert not any(each in text for each in ("SCHEDULE-", "VALARM", "LASTACK"))


def test_a_deleted_event_is_called_off_with_a_higher_sequence() -> None:
    [message] = told(calendar(event(*BOTH, sequence=4)), None)
    [component] = components(message.calendar)
    assert (component.value("STATUS"), message.sequence) == ("CANCELLED", 5)
    assert [each.value for each in component.lines("ATTENDEE")] == [f"mailto:{BEN}"]


def test_who_is_no_longer_invited_does_not_hear_that_nobody_comes() -> None:
    message = told(calendar(event(*THREE)), ONE)[-1]
    assert message.recipient == CLEO
    assert components(message.calendar)[0].first("STATUS") is None


def test_an_instance_taken_out_is_named_by_its_moment() -> None:
    [message] = told(SERIES, calendar(event(*BOTH, more=WEEKLY + EXDATE)))
    [component] = components(message.calendar)
    assert component.first("RRULE") is None
    for name in ("RECURRENCE-ID", "DTSTART"):
        line = component.first(name)
        assert line is not None
        assert (line.param("TZID"), line.value) == ("Europe/Berlin", "20260317T100000")
    assert component.value("DTEND") == "20260317T110000"
