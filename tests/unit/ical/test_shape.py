"""What of an object is answered: parts, instances, overrides, periods. RFC 4791 §9.6."""

from datetime import UTC, datetime, timedelta

import icalendar
import pytest

from mailserver.errors import TooManyInstances
from mailserver.ical import busy
from mailserver.ical.busy import Busy, Kind
from mailserver.ical.filters import TimeRange
from mailserver.ical.reach import EVER, NEVER
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


def test_instances_are_as_long_as_they_are_where_they_happen() -> None:
    """In UTC nobody knows that the night was an hour longer, or which of them came from a PERIOD."""
    night = calendar("DTSTART;TZID=Europe/Berlin:20261024T120000\nDURATION:P1D\nRRULE:FREQ=DAILY;COUNT=2", zone=ZONE)
    october = Shape(expand=TimeRange(days(1, 2).start, days(365, 366).start))
    assert b"DURATION:PT90000S\r\nDTSTART:20261024T100000Z" in shaped(night, october, UTC)
    assert b"DURATION:P1D\r\nDTSTART:20261025T110000Z" in shaped(night, october, UTC)
    added = calendar("DTSTART:20260101T100000Z\nDURATION:PT1H\nRDATE;VALUE=PERIOD:20260103T100000Z/PT2H")
    assert b"DURATION:PT7200S\r\nDTSTART:20260103T100000Z" in shaped(added, october, UTC)
    floating = calendar("DTSTART:20260101T100000\nDTEND:20260101T110000\nRDATE;VALUE=PERIOD:20260103T100000/PT2H")
    assert b"DTSTART:20260103T100000\r\nDTEND:20260103T120000" in shaped(floating, october, UTC)


def test_years_have_four_digits_and_there_is_none_after_9999() -> None:
    ever = Shape(expand=TimeRange(NEVER, EVER))
    assert b"DTSTART;VALUE=DATE:00330403\r\nDTEND;VALUE=DATE:00330404" in shaped(
        calendar("DTSTART;VALUE=DATE:00330403\nDTEND;VALUE=DATE:00330404"), ever, UTC
    )
    for start, end in (("99970101T000000Z", "99990601T000000Z"), ("99970101T000000", "99990601T000000")):
        data = calendar(f"DTSTART:{start}\nDTEND:{end}\nRRULE:FREQ=DAILY;COUNT=360")
        assert b"DTEND:99991231T235959" in shaped(data, ever, UTC)


@pytest.mark.parametrize("window", [days(1, 40), days(20, 21)])
def test_what_is_expanded_is_read_by_others(window: TimeRange) -> None:
    made = icalendar.Calendar.from_ical(shaped(SERIES, Shape(expand=window), UTC))
    instances = made.walk("VEVENT")
    assert instances
    assert not made.walk("VTIMEZONE")
    for each in instances:
        assert not {"RRULE", "RDATE", "EXDATE"} & set(each)
        assert each["DTSTART"].dt.tzinfo is not None
        assert "TZID" not in each["DTSTART"].params
        assert each["RECURRENCE-ID"].dt.utcoffset() == timedelta()


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
    ("away, as Outlook says it", calendar("DTSTART:20260101T100000Z\nDURATION:PT2H\nX-MICROSOFT-CDO-BUSYSTATUS:OOF"),
     [span(10, 12, Kind.UNAVAILABLE)]),
    ("declined", calendar("DTSTART:20260101T100000Z\nDURATION:PT2H\nATTENDEE;PARTSTAT=DECLINED:MAILTO:Ann@x"), []),
    ("declined by another",
     calendar("DTSTART:20260101T100000Z\nDURATION:PT2H\nATTENDEE;PARTSTAT=DECLINED:mailto:bob@x"), [span(10, 12)]),
    ("accepted perhaps", calendar("DTSTART:20260101T100000Z\nDURATION:PT2H\nATTENDEE;PARTSTAT=TENTATIVE:mailto:ann@x"),
     [span(10, 12, Kind.TENTATIVE)]),
    ("one instance declined", calendar("DTSTART:20251231T100000Z\nDURATION:PT2H\nRRULE:FREQ=DAILY",
     "RECURRENCE-ID:20260101T100000Z\nDTSTART:20260101T100000Z\nDURATION:PT2H\n"
     "ATTENDEE;PARTSTAT=DECLINED:mailto:ann@x"), []),
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
    assert busy.of_object(data, days(1, 2), UTC, {"ann@x"}) == expected


@pytest.mark.parametrize("rule", ["FREQ=SECONDLY", "FREQ=SECONDLY;BYSECOND=3;COUNT=1000000000"])
def test_what_nobody_can_count_is_not_called_free(rule: str) -> None:
    data = calendar(f"DTSTART:20200101T000000Z\nDURATION:PT1S\nRRULE:{rule}")
    assert busy.merged(busy.of_object(data, days(1, 2), UTC))[-1].end == span(0, 24).end
    free = calendar(f"DTSTART:20200101T000000Z\nDURATION:PT1S\nTRANSP:TRANSPARENT\nRRULE:{rule}")
    assert busy.of_object(free, days(1, 2), UTC) == []


def test_what_touches_is_one_and_kinds_stay_apart() -> None:
    found = [span(3, 4), span(1, 2), span(2, 3), span(1, 9, Kind.TENTATIVE), span(6, 7)]
    assert busy.merged(found) == [span(1, 4), span(1, 9, Kind.TENTATIVE), span(6, 7)]
