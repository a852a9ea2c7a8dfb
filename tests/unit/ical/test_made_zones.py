"""Time zones that objects only name. RFC 5545 §3.6.5, RFC 7809."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.ical import split, write
from mailserver.ical.join import Joined
from mailserver.ical.lines import parse
from mailserver.ical.made_zones import vtimezone
from mailserver.ical.zones import own_zone

NAMES = ["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Argentina/Buenos_Aires"]


@given(
    st.sampled_from(NAMES),
    st.datetimes(datetime(1991, 1, 1), datetime(2049, 1, 1), timezones=st.just(UTC)),
)
@settings(max_examples=100, deadline=None)
def test_it_says_what_the_iana_data_says(name: str, at: datetime) -> None:
    made = vtimezone(name)
    assert made is not None
    zone = own_zone(parse(write.calendar([made])).components[0])
    assert zone is not None
    at = at.replace(microsecond=0)
    assert at.astimezone(zone).replace(tzinfo=None) == at.astimezone(ZoneInfo(name)).replace(tzinfo=None)


@pytest.mark.parametrize("name", ["W. Europe Standard Time", "/mozilla.org/20070129_1/Europe/Berlin", "UTC"])
def test_it_has_the_name_it_was_asked_for(name: str) -> None:
    made = vtimezone(name)
    assert made is not None
    assert parse(write.calendar([made])).components[0].value("TZID") == name


def test_nothing_is_made_of_a_name_that_says_nothing() -> None:
    assert vtimezone("Atlantis/Main") is None


def test_a_file_has_each_zone_that_its_objects_name_once() -> None:
    event = (
        b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:%b\r\nDTSTART;TZID=Europe/Berlin:20260101T100000\r\n"
        b"DTEND;TZID=Atlantis/Main:20260101T110000\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    file = Joined("x")
    text = b"".join(file.add(event % uid) for uid in (b"1", b"2"))
    assert text.count(b"BEGIN:VTIMEZONE") == 1
    assert text.count(b"BEGIN:VEVENT") == 2
    assert [piece.zones != () for piece in split.split(file.begin + text + file.end)] == [True, True]
