"""Whatever stands in a mail, reading it for a calendar ends in an answer."""

from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.groupware.scheduling.mail_parts import MAX_PARTS, find, may_hold_one
from mailserver.ical import itip_attendee, itip_incoming, itip_organizer, itip_tree
from mailserver.ical.itip_incoming import Known
from mailserver.ical.itip_messages import Method
from mailserver.ical.itip_words import words
from tests.unit.ical.itip_samples import ANNA, BEN, BOTH, NOW, WEEKLY, calendar, event, second

HEAD = b"Content-Type: text/calendar; method=REQUEST; charset=utf-8\r\n\r\n"
LIMIT = 100_000
VALUES = ["", "00010101T000000", "99991231T235959Z", "20260310", "20260317T100000", "x", "20261399T999999Z", "١" * 8]
LINES = st.lists(
    st.tuples(
        st.sampled_from(["DTSTART", "DTEND", "RECURRENCE-ID", "EXDATE", "RDATE", "RRULE", "SEQUENCE", "DURATION"]),
        st.sampled_from(["", ";TZID=Europe/Berlin", ";VALUE=DATE", ";TZID=Nowhere", ";TZID=W. Europe Standard Time"]),
        st.sampled_from(VALUES),
    ),
    max_size=6,
)


def test_nearly_all_mail_is_ruled_out_at_a_glance() -> None:
    assert not may_hold_one(b"Subject: hello\r\n\r\nthe calendar says\r\n")
    assert may_hold_one(b"Content-Type: TEXT/Calendar\r\n\r\n")


def test_a_mail_of_many_broken_calendars_is_given_up() -> None:
    part = b"--b\r\nContent-Type: text/calendar\r\n\r\nno\r\n"
    whole = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * (MAX_PARTS + 1)
    good = b"--b\r\n" + HEAD + calendar(event(*BOTH)) + b"\r\n--b--\r\n"
    assert find(whole + good, LIMIT) is None
    assert find(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part + good, LIMIT) is not None


def test_a_calendar_beyond_the_limit_is_left_alone() -> None:
    assert find(HEAD + calendar(event(*BOTH, more=f"COMMENT:{'x' * LIMIT}\n")), LIMIT) is None


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_octets_are_answered(octets: bytes) -> None:
    find(HEAD + octets, LIMIT)
    find(HEAD + calendar(event(*BOTH))[:60] + octets + calendar(event(*BOTH))[60:], LIMIT)


@settings(max_examples=200, deadline=None)
@given(LINES, LINES)
def test_any_times_are_answered(one: list[tuple[str, str, str]], other: list[tuple[str, str, str]]) -> None:
    """Messages and words come out, or nothing; no time that a client invents raises anything."""
    lines = ["".join(f"{name}{params}:{value}\n" for name, params, value in each) for each in (one, other)]
    was = itip_tree.parse(calendar(event(*BOTH, more=WEEKLY + lines[0])))
    becomes = itip_tree.parse(calendar(event(*BOTH, more=WEEKLY), second(*BOTH, more=lines[1])))
    own = frozenset({BEN})
    for before, after in ((was, becomes), (becomes, was), (was, None), (None, becomes)):
        for each in itip_organizer.messages(before, after, frozenset({ANNA}), NOW):
            words(each.method, each.calendar, each.sender)
            itip_incoming.request(was, each.calendar, own, is_complete=False)
            itip_incoming.cancel(becomes, each.calendar)
        for each in itip_attendee.messages(before, after, own, NOW):
            assert each.method is Method.REPLY
            itip_incoming.reply(was, each.calendar, {BEN}, Known())
    itip_attendee.forbidden_change(was, becomes, own)
