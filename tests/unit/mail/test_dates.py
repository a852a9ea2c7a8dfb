"""Date fields in, RFC 5322 out."""

import calendar
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail.dates import format_date, parse


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> int:
    return calendar.timegm((year, month, day, hour, minute, second))


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        # RFC 5322 appendix A
        (b"Fri, 21 Nov 1997 09:55:06 -0600", (at(1997, 11, 21, 15, 55, 6), -360)),
        (b"21 Nov 97 09:55:06 GMT", (at(1997, 11, 21, 9, 55, 6), 0)),
        (b"Thu,\r\n   13\r\n     Feb\r\n       1969\r\n   23:32\r\n            -0330 (Newfoundland Time)",
         (at(1969, 2, 14, 3, 2), -210)),
        (b"Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", (at(1997, 11, 21, 15, 55, 6), -360)),
        # obsolete and wrong, but read
        (b"1 Jan 49 00:00 UT", (at(2049, 1, 1), 0)),
        (b"1 Jan 50 00:00 UT", (at(1950, 1, 1), 0)),
        (b"1 Jan 101 00:00 UT", (at(2001, 1, 1), 0)),
        (b"Mon, 1 Jan 2024 12:00:00 EST", (at(2024, 1, 1, 17), -300)),
        (b"Mon, 1 Jan 2024 12:00:00 pdt", (at(2024, 1, 1, 19), -420)),
        (b"Mon, 1 Jan 2024 12:00:00 K", (at(2024, 1, 1, 12), 0)),
        (b"Mon, 1 Jan 2024 12:00:00 XYZ", (at(2024, 1, 1, 12), 0)),
        (b"Mon, 1 Jan 2024 12:00:00", (at(2024, 1, 1, 12), 0)),
        (b"Mon, 1 Jan 2024 12:00:00 +05:30", (at(2024, 1, 1, 6, 30), 330)),
        (b"Mon 1 January 2024 12:00:00 +0000", (at(2024, 1, 1, 12), 0)),
        (b"Monday, 01-Jan-2024 12:00:00 GMT", (at(2024, 1, 1, 12), 0)),
        (b"Mon, 1 Jan 2024 12:00:00.123 +0000", (at(2024, 1, 1, 12), 0)),
        (b"Sat, 31 Dec 2016 23:59:60 +0000", (at(2017, 1, 1), 0)),
        (b"Mon, 1 Jan 2024 12:00:00 +9959", (at(2024, 1, 1, 12), 0)),
        (b"Wrong, 1 Jan 2024 12:00:00 -0000", (at(2024, 1, 1, 12), 0)),
        # no dates
        (b"", None),
        (b"yesterday", None),
        (b"2024-01-01 12:00:00", None),
        (b"31 Feb 2024 12:00:00 +0000", None),
        (b"1 Foo 2024 12:00:00 +0000", None),
        (b"0 Jan 2024 12:00:00 +0000", None),
        (b"1 Jan 0000 12:00:00 +0000", None),
        (b"1 Jan 2024 24:00:00 +0000", None),
        (b"1 Jan 2024 12:60:00 +0000", None),
        (b"1 Jan 2024 12:00:61 +0000", None),
        (b"1 Jan 20240 12:00:00 +0000", None),
        ("١ Jan 2024 12:00:00 +0000".encode(), None),
    ],
)  # fmt: skip
def test_reads_dates(field: bytes, expected: tuple[int, int] | None) -> None:
    assert parse(field) == expected


@pytest.mark.parametrize(
    ("epoch", "zone", "date"),
    [
        (0, 0, "Thu, 01 Jan 1970 00:00:00 +0000"),
        (at(1996, 7, 17, 9, 44, 25), -420, "Wed, 17 Jul 1996 02:44:25 -0700"),
        (-1, 330, "Thu, 01 Jan 1970 05:29:59 +0530"),
        (10**15, 0, "Fri, 31 Dec 9999 23:59:59 +0000"),
        (-(10**15), 0, "Mon, 01 Jan 0001 00:00:00 +0000"),
    ],
)
def test_writes_dates(epoch: int, zone: int, date: str) -> None:
    assert format_date(epoch, zone) == date


@given(st.integers(at(1900, 1, 2), at(9999, 12, 30)), st.integers(-23 * 60, 23 * 60))
def test_reads_what_it_writes_as_the_standard_library_does(epoch: int, zone: int) -> None:
    written = format_date(epoch, zone)
    assert parse(written.encode()) == (epoch, zone)
    assert int(parsedate_to_datetime(written).timestamp()) == epoch
