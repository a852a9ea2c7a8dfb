"""Filters of calendar-query on one object. RFC 4791 §9.7 to §9.9."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from mailserver.ical.filters import (
    Collation,
    ComponentFilter,
    ParameterFilter,
    PropertyFilter,
    TextMatch,
    TimeRange,
    passes,
)
from mailserver.ical.lines import Component, parse
from mailserver.ical.reach import EVER, NEVER

OBJECT = """BEGIN:VCALENDAR
VERSION:2.0
BEGIN:VEVENT
UID:1
DTSTART;TZID=Europe/Berlin:20260105T100000
DURATION:PT1H
RRULE:FREQ=WEEKLY;COUNT=4
SUMMARY:Käse\\, Brot
CATEGORIES:WORK,Home
ATTENDEE;PARTSTAT=NEEDS-ACTION;CN="Ann":mailto:ann@x
ATTENDEE;PARTSTAT=ACCEPTED:mailto:ben@x
DTSTAMP:20260101T120000Z
BEGIN:VALARM
TRIGGER:-PT30M
REPEAT:2
DURATION:PT5M
END:VALARM
BEGIN:VALARM
TRIGGER;VALUE=DATE-TIME:20260104T080000Z
END:VALARM
BEGIN:VALARM
TRIGGER;RELATED=END:PT0S
END:VALARM
END:VEVENT
BEGIN:VEVENT
UID:1
RECURRENCE-ID;TZID=Europe/Berlin:20260112T100000
DTSTART;TZID=Europe/Berlin:20260113T150000
DURATION:PT1H
SUMMARY:Moved
END:VEVENT
END:VCALENDAR
"""


def at(start: str, end: str) -> TimeRange:
    return TimeRange(
        *(
            int(datetime.strptime(text, "%m%dT%H%M").replace(year=2026, tzinfo=UTC).timestamp()) * 1000
            for text in (start, end)
        )
    )


def events(*properties: PropertyFilter, **options: object) -> ComponentFilter:
    inner = ComponentFilter("VEVENT", properties=properties, **options)  # type: ignore[arg-type]
    return ComponentFilter("VCALENDAR", components=(inner,))


def alarm(window: TimeRange) -> ComponentFilter:
    return events(components=(ComponentFilter("VALARM", time_range=window),))


def text(
    name: str, value: str, *, negated: bool = False, collation: Collation = Collation.ASCII_CASEMAP
) -> ComponentFilter:
    return events(PropertyFilter(name, match=TextMatch(value, collation, negated)))


ANN = ParameterFilter("CN", match=TextMatch("ann"))
CASES = [
    ("the calendar itself", ComponentFilter("VCALENDAR"), True),
    ("another component", ComponentFilter("VEVENT"), False),
    ("a component that is there", events(), True),
    ("one that is not", ComponentFilter("VCALENDAR", components=(ComponentFilter("VTODO"),)), False),
    ("is-not-defined", ComponentFilter("VCALENDAR", components=(ComponentFilter("VTODO", is_not_defined=True),)), True),
    ("is-not-defined of one there",
     ComponentFilter("VCALENDAR", components=(ComponentFilter("VEVENT", is_not_defined=True),)), False),
    ("in the range", events(time_range=at("0105T0900", "0105T0930")), True),
    ("the instance that was moved away", events(time_range=at("0112T0000", "0113T0000")), False),
    ("where it was moved", events(time_range=at("0113T1400", "0113T1401")), True),
    ("after the last", events(time_range=at("0127T0000", "0201T0000")), False),
    ("open at the end", events(time_range=TimeRange(at("0126T0000", "0126T0001").start, EVER)), True),
    ("open at the start", events(time_range=TimeRange(NEVER, at("0105T0000", "0105T0001").start)), False),
    ("time of one and property of another component",
     events(PropertyFilter("SUMMARY", match=TextMatch("moved")), time_range=at("0105T0000", "0106T0000")), False),
    ("both of the same",
     events(PropertyFilter("SUMMARY", match=TextMatch("moved")), time_range=at("0113T0000", "0114T0000")), True),
    ("text without case", text("SUMMARY", "BROT"), True),
    ("i;ascii-casemap leaves other letters", text("SUMMARY", "KÄSE"), False),
    ("i;unicode-casemap does not", text("SUMMARY", "KÄSE", collation=Collation.UNICODE_CASEMAP), True),
    ("i;octet", text("SUMMARY", "brot", collation=Collation.OCTET), False),
    ("escapes are undone", text("SUMMARY", "e, b"), True),
    ("a text that is not there", text("SUMMARY", "wine"), False),
    ("negated", text("SUMMARY", "wine", negated=True), True),
    ("negated without the property", text("LOCATION", "wine", negated=True), False),
    ("a property that is there", events(PropertyFilter("CATEGORIES")), True),
    ("a property that is not", events(PropertyFilter("LOCATION")), False),
    ("a property that shall not be there",
     events(PropertyFilter("CATEGORIES", is_not_defined=True)), True),  # the override
    ("a parameter", events(PropertyFilter("ATTENDEE", parameters=(ANN,))), True),
    ("a parameter of another line",
     events(PropertyFilter("ATTENDEE", match=TextMatch("ben@x"), parameters=(ANN,))), False),
    ("a parameter that shall not be there", events(PropertyFilter("ATTENDEE", match=TextMatch("ben@x"),
     parameters=(ParameterFilter("CN", is_not_defined=True),))), True),
    ("any value of a parameter", events(PropertyFilter("ATTENDEE", parameters=(ParameterFilter("CN"),))), True),
    ("a property's time", events(PropertyFilter("DTSTAMP", time_range=at("0101T1200", "0101T1201"))), True),
    ("a property's other time", events(PropertyFilter("DTSTAMP", time_range=at("0101T1201", "0101T1202"))), False),
    ("a property without a time", events(PropertyFilter("SUMMARY", time_range=at("0101T1201", "0101T1202"))), False),
    ("an alarm before the start", alarm(at("0105T0830", "0105T0831")), True),
    ("its last repetition", alarm(at("0105T0840", "0105T0841")), True),
    ("after its last repetition", alarm(at("0105T0841", "0105T0959")), False),
    ("an alarm of a later instance", alarm(at("0119T0830", "0119T0831")), True),
    ("of the instance that was moved away", alarm(at("0112T0830", "0112T0831")), False),
    ("at a time of its own", alarm(at("0104T0800", "0104T0801")), True),
    ("after the end", alarm(at("0105T1000", "0105T1001")), True),
    ("any of",
     ComponentFilter("VCALENDAR", components=(ComponentFilter("VTODO"), ComponentFilter("VEVENT")), any_of=True), True),
    ("all of", ComponentFilter("VCALENDAR", components=(ComponentFilter("VTODO"), ComponentFilter("VEVENT"))), False),
    ("a property of the calendar", ComponentFilter("VCALENDAR", properties=(PropertyFilter("METHOD"),)), False),
]  # fmt: skip


@pytest.fixture(scope="module")
def root() -> Component:
    return parse(OBJECT.encode())


@pytest.mark.parametrize(("reason", "wanted", "expected"), CASES, ids=[case[0] for case in CASES])
def test_filters(root: Component, reason: str, wanted: ComponentFilter, expected: bool) -> None:
    assert passes(root, wanted, UTC) is expected


DUE = (
    b"BEGIN:VCALENDAR\nBEGIN:VTODO\nUID:1\nDUE:20260701T120000Z\nBEGIN:VALARM\n%b\nEND:VALARM\n"
    b"END:VTODO\nEND:VCALENDAR\n"
)


@pytest.mark.parametrize(
    ("trigger", "window", "rings"),
    [
        (b"TRIGGER;RELATED=END:-PT1H", at("0701T1100", "0701T1101"), True),
        (b"TRIGGER:-PT1H", at("0701T1100", "0701T1101"), True),
        (b"TRIGGER:-PT1H", at("0701T1200", "0701T1201"), False),
        (b"TRIGGER:20260701T080000Z", at("0701T0800", "0701T0801"), True),  # without VALUE=DATE-TIME
        (b"TRIGGER:-PT1H\nREPEAT:1000\nDURATION:P1D", at("0705T1100", "0705T1101"), True),
        (b"TRIGGER:-PT1H\nREPEAT:1000\nDURATION:P1D", at("0705T1101", "0705T1102"), False),
        (b"TRIGGER:-PT1H\nREPEAT:3\nDURATION:P1D", at("0705T1100", "0705T1101"), False),
    ],
)
def test_alarms_of_a_task_that_is_only_due(trigger: bytes, window: TimeRange, rings: bool) -> None:
    inner = ComponentFilter("VTODO", components=(ComponentFilter("VALARM", time_range=window),))
    assert passes(parse(DUE % trigger), ComponentFilter("VCALENDAR", components=(inner,)), UTC) is rings


def test_a_floating_time_is_where_the_reader_is() -> None:
    noon = parse(b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nDTSTART:20260701T120000\nEND:VEVENT\nEND:VCALENDAR\n")
    wanted = events(time_range=at("0701T1000", "0701T1001"))
    assert passes(noon, wanted, ZoneInfo("Europe/Berlin"))
    assert not passes(noon, wanted, UTC)


def test_an_object_nobody_can_read_passes_no_time_range() -> None:
    bad = parse(b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nDTSTART:x\nEND:VEVENT\nEND:VCALENDAR\n")
    assert not passes(bad, events(time_range=TimeRange(NEVER, EVER)), UTC)
    assert passes(bad, events(), UTC)
