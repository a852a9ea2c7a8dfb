"""What goes out of a calendar to strangers, and what makes an object of a feed another one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.ical import feed
from mailserver.ical.lines import parse

HEAD, END = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n", "END:VCALENDAR\r\n"


def event(*lines: str) -> str:
    return "\r\n".join(("BEGIN:VEVENT", "UID:u@secret.example", "DTSTAMP:20260101T000000Z", *lines, "END:VEVENT", ""))


def whole(*components: str) -> bytes:
    return f"{HEAD}{''.join(components)}{END}".encode()


ALARM = "BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT5M\r\nDESCRIPTION:say\r\n END:VALARM\r\nEND:VALARM"


@pytest.mark.parametrize(
    ("alarm", "why"),
    [
        (ALARM, "a folded line that looks like the end is none"),
        (ALARM.lower(), "names have no case"),
        (ALARM.replace("\r\n", "\n"), "bare line feeds"),
        (f"{ALARM}\r\n{ALARM}", "two of them"),
        (ALARM.replace("BEGIN:", "BEGIN : "), "spaces, as the reader of files takes them"),
    ],
)
def test_alarms_go_and_nothing_else(alarm: str, why: str) -> None:
    data = whole(event("DTSTART:20260302T100000Z", alarm, "SUMMARY:BEGIN:VALARM is text"))
    assert feed.without_alarms(data) == whole(event("DTSTART:20260302T100000Z", "SUMMARY:BEGIN:VALARM is text")), why


def test_alarms_without_an_end_take_no_longer_than_others() -> None:
    data = b"BEGIN:VALARM\r\n" * 200_000
    assert feed.without_alarms(data) == data


@pytest.mark.parametrize(
    ("line", "private"),
    [
        ("CLASS:PUBLIC", False),
        ("class:public", False),
        ("CLASS:PRIVATE", True),
        ("CLASS:CONFIDENTIAL", True),
        ("CLASS;X-A=b:X-UNKNOWN", True),
        ("CLA\r\n SS:PRIVATE", True),
        ("X-CLASS:PRIVATE", False),
        ("SUMMARY:CLASS:PRIVATE", False),
    ],
)
def test_what_is_not_for_everybody(line: str, private: bool) -> None:
    assert feed.is_private(whole(event(line))) is private


def test_busy_times_keep_all_that_says_when_and_nothing_else() -> None:
    master = event(
        "DTSTART;TZID=Europe/Oslo:20260302T100000",
        "DTEND;TZID=Europe/Oslo:20260302T110000",
        "RRULE:FREQ=DAILY;COUNT=5",
        "EXDATE;TZID=Europe/Oslo:20260303T100000",
        "SUMMARY:Doctor",
        "DESCRIPTION:x",
        "LOCATION:y",
        "ORGANIZER:mailto:o@example.net",
        "ATTENDEE:mailto:a@example.net",
        "CATEGORIES:z",
        "URL:https://example.net/",
        "X-ANY:w",
        ALARM,
    )
    moved = event(
        "RECURRENCE-ID;TZID=Europe/Oslo:20260304T100000", "DTSTART:20260304T120000Z", "STATUS:CANCELLED", "SUMMARY:q"
    )
    zone = "BEGIN:VTIMEZONE\r\nTZID:Europe/Oslo\r\nEND:VTIMEZONE\r\n"
    made = parse(feed.busy(whole(zone, master, moved, event().replace("VEVENT", "VTODO")), "other"))
    assert [each.name for each in made.components] == ["VTIMEZONE", "VEVENT", "VEVENT"]
    first, second = made.named("VEVENT")
    assert [line.name for line in first.lines] == [
        "UID", "DTSTAMP", "DTSTART", "DTEND", "RRULE", "EXDATE", "SUMMARY",
    ]  # fmt: skip
    assert (first.value("UID"), first.value("SUMMARY"), second.value("STATUS")) == ("other", "Busy", "CANCELLED")


@pytest.mark.parametrize("line", ["TRANSP:TRANSPARENT", "transp:transparent", "STATUS:CANCELLED"])
def test_what_takes_no_time_is_not_shown(line: str) -> None:
    assert feed.busy(whole(event("DTSTART:20260302T100000Z", line)), "other") == b""


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("DTSTAMP:1", "DTSTAMP:2", True),
        ("LAST-MODIFIED:1", "LAST-MODIFIED:2", True),
        ("CREATED;X-A=b:1", "CREATED:2", True),
        ("DTSTAMP:1\r\n 2", "DTSTAMP:3", True),
        ("SUMMARY:1", "SUMMARY:2", False),
        ("X-DTSTAMP:1", "X-DTSTAMP:2", False),
        ("DESCRIPTION:a\r\n DTSTAMP:1", "DESCRIPTION:a\r\n DTSTAMP:2", False),
    ],
)
def test_stamps_mean_nothing(old: str, new: str, same: bool) -> None:
    assert (feed.meaning(whole(event(old))) == feed.meaning(whole(event(new)))) is same


@pytest.mark.parametrize(
    ("data", "is_whole"),
    [
        (whole(), True),
        (b"\xef\xbb\xbf" + whole().lower() + b"\n\n", True),
        (whole()[:-4], False),
        (b"", False),
        (b"<html>END:VCALENDAR", False),
    ],
)
def test_what_is_a_whole_calendar(data: bytes, is_whole: bool) -> None:
    assert feed.is_whole(data) is is_whole


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="\ufffe\uffff")))
def test_any_name_of_a_calendar_can_be_told(name: str) -> None:
    made = parse(feed.begin(name, "Europe/Oslo") + b"END:VCALENDAR\r\n")
    assert made.value("METHOD") == "PUBLISH"
