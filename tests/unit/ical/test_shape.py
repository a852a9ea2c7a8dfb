"""What of an object is answered: parts, instances, overrides, periods. RFC 4791 §9.6."""

from datetime import UTC, datetime

import pytest

from mailserver.errors import TooManyInstances
from mailserver.ical import busy
from mailserver.ical.busy import Busy, Kind
from mailserver.ical.filters import TimeRange
from mailserver.ical.shape import Part, Shape, shaped

ZONE = "BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\nEND:VTIMEZONE\r\n"


def calendar(*components: str, kind: str = "VEVENT", zone: str = "") -> bytes:
    parts = "".join(
        "".join(f"{line}\r\n" for line in (f"BEGIN:{kind}", "UID:1", *text.split("\n"), f"END:{kind}"))
        for text in components
    )
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{zone}{parts}END:VCALENDAR\r\n".encode()


def days(first: int, last: int) -> TimeRange:
    """Of January 2026."""
    begin = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    return TimeRange((begin + (first - 1) * 86_400) * 1000, (begin + (last - 1) * 86_400) * 1000)


SERIES = calendar(
    "DTSTART;TZID=Europe/Berlin:20260105T100000\nDTEND;TZID=Europe/Berlin:20260105T110000\nRRULE:FREQ=DAILY\nSUMMARY:s",
    "RECURRENCE-ID;TZID=Europe/Berlin:20260106T100000\nDTSTART;TZID=Europe/Berlin:20260120T100000\nSUMMARY:o",
    zone=ZONE,
)


def test_instances_are_in_utc_without_rules_and_zones() -> None:
    assert shaped(SERIES, Shape(expand=days(5, 8)), UTC) == calendar(
        "SUMMARY:s\nDTSTART:20260105T090000Z\nDTEND:20260105T100000Z\nRECURRENCE-ID:20260105T090000Z",
        "SUMMARY:s\nDTSTART:20260107T090000Z\nDTEND:20260107T100000Z\nRECURRENCE-ID:20260107T090000Z",
    )
    assert b"SUMMARY:o\r\nDTSTART:20260120T090000Z\r\nRECURRENCE-ID:20260106T090000Z" in shaped(
        SERIES, Shape(expand=days(20, 21)), UTC
    )


def test_days_and_floating_times_stay_what_they_are() -> None:
    data = calendar("DTSTART;VALUE=DATE:20260105\nDTEND;VALUE=DATE:20260107\nRRULE:FREQ=WEEKLY")
    assert shaped(data, Shape(expand=days(12, 13)), UTC) == calendar(
        "DTSTART;VALUE=DATE:20260112\nDTEND;VALUE=DATE:20260114\nRECURRENCE-ID;VALUE=DATE:20260112"
    )
    floating = calendar("DTSTART:20260105T100000\nDURATION:PT1H")
    assert shaped(floating, Shape(expand=days(5, 6)), UTC) == calendar("DURATION:PT1H\nDTSTART:20260105T100000")


def test_overrides_that_change_nothing_in_the_range_are_left_out() -> None:
    assert shaped(SERIES, Shape(limit=days(8, 10)), UTC).count(b"BEGIN:VEVENT") == 1
    assert shaped(SERIES, Shape(limit=days(6, 7)), UTC) == SERIES  # it takes an instance away there
    assert shaped(SERIES, Shape(limit=days(20, 21)), UTC) == SERIES  # it is there


def test_parts() -> None:
    part = Part("VCALENDAR", (("VERSION", False),), (Part("VEVENT", (("SUMMARY", True), ("UID", False)), ()),))
    assert shaped(SERIES, Shape(part), UTC) == (
        b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" + b"BEGIN:VEVENT\r\nUID:1\r\nSUMMARY:\r\nEND:VEVENT\r\n" * 2
        + b"END:VCALENDAR\r\n"
    )  # fmt: skip
    assert shaped(SERIES, Shape(Part("VCALENDAR")), UTC) == SERIES


def test_too_many_instances_are_refused() -> None:
    for rule in ("FREQ=SECONDLY", "FREQ=SECONDLY;BYSECOND=3;COUNT=1000000000"):
        with pytest.raises(TooManyInstances, match="ask for a shorter one"):
            shaped(calendar(f"DTSTART:20250105T100000Z\nRRULE:{rule}"), Shape(expand=days(1, 30)), UTC)


def test_periods_outside_the_range_are_left_out() -> None:
    data = calendar(
        "FREEBUSY:20260105T100000Z/PT1H,20260109T100000Z/PT1H\nFREEBUSY:20260201T100000Z/PT1H", kind="VFREEBUSY"
    )
    assert shaped(data, Shape(busy=days(5, 6)), UTC) == calendar("FREEBUSY:20260105T100000Z/PT1H", kind="VFREEBUSY")


JANUARY = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
HOUR = 3600


def span(begin: int, end: int, kind: Kind = Kind.BUSY) -> Busy:
    """Hours of January 1."""
    return Busy(JANUARY + begin * HOUR, JANUARY + end * HOUR, kind)


BUSY = [
    ("an event", calendar("DTSTART:20260101T100000Z\nDURATION:PT2H"), [span(10, 12)]),
    ("tentative",
     calendar("DTSTART:20260101T100000Z\nDURATION:PT2H\nSTATUS:TENTATIVE"), [span(10, 12, Kind.TENTATIVE)]),
    ("cancelled", calendar("DTSTART:20260101T100000Z\nDURATION:PT2H\nSTATUS:CANCELLED"), []),
    ("transparent", calendar("DTSTART:20260101T100000Z\nDURATION:PT2H\nTRANSP:TRANSPARENT"), []),
    ("without length", calendar("DTSTART:20260101T100000Z"), []),
    ("a cancelled exception", calendar("DTSTART:20251231T100000Z\nDURATION:PT2H\nRRULE:FREQ=DAILY",
     "RECURRENCE-ID:20260101T100000Z\nDTSTART:20260101T100000Z\nDURATION:PT2H\nSTATUS:CANCELLED"), []),
    ("over the edges", calendar("DTSTART:20251201T100000Z\nDURATION:P60D"), [span(0, 24)]),
    ("a task", calendar("DTSTART:20260101T100000Z\nDURATION:PT2H", kind="VTODO"), []),
    ("periods", calendar("FREEBUSY:20260101T100000Z/PT2H\nFREEBUSY;FBTYPE=FREE:20260101T120000Z/PT2H\n"
     "FREEBUSY;FBTYPE=BUSY-UNAVAILABLE:20260101T130000Z/20260101T140000Z\nFREEBUSY;FBTYPE=X:20260101T150000Z/PT1H",
     kind="VFREEBUSY"), [span(10, 12), span(13, 14, Kind.UNAVAILABLE), span(15, 16)]),
    ("damaged", b"nonsense", []),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "data", "expected"), BUSY, ids=[case[0] for case in BUSY])
def test_who_is_busy_when(reason: str, data: bytes, expected: list[Busy]) -> None:
    assert busy.of_object(data, days(1, 2), UTC) == expected


def test_what_touches_is_one_and_kinds_stay_apart() -> None:
    found = [span(3, 4), span(1, 2), span(2, 3), span(1, 9, Kind.TENTATIVE), span(6, 7)]
    assert busy.merged(found) == [span(1, 4), span(1, 9, Kind.TENTATIVE), span(6, 7)]
