"""What a stranger's object may cost: counted in steps and rows, not in seconds. Behaviours of calendars 6."""

from datetime import UTC

import pytest

from mailserver.errors import TooManyInstances
from mailserver.groupware.calendars import index
from mailserver.ical import filters
from mailserver.ical.budget import Budget, BudgetSpent
from mailserver.ical.check import valid_object
from mailserver.ical.filters import ComponentFilter, TimeRange
from mailserver.ical.lines import Component, parse
from mailserver.ical.recurrence import MAX_INSTANCES, Series
from mailserver.ical.zones import MAX_CHANGES, MAX_NAME, MAX_ZONE_LINES, OwnZone, Zones, named_zone

NOW_MS = 1_767_225_600_000  # 2026-01-01
FAR = TimeRange(NOW_MS * 3, NOW_MS * 3 + 86_400_000)
NUMBERS = ",".join(map(str, range(60)))


def calendar(text: str) -> Component:
    return parse(f"BEGIN:VCALENDAR\n{text}END:VCALENDAR\n".encode())


def event(*lines: str) -> Component:
    return calendar("".join(f"{line}\n" for line in ("BEGIN:VEVENT", "UID:1", *lines, "END:VEVENT")))


class Counting(Series):
    """How often an override was looked at."""

    looked_at = 0

    def _override(self, *args: object) -> object:  # type: ignore[override]
        Counting.looked_at += 1
        return super()._override(*args)  # type: ignore[arg-type]


def test_each_of_many_overrides_with_alarms_is_looked_at_a_few_times() -> None:
    count = 400
    text = "BEGIN:VEVENT\nUID:1\nDTSTART:20250101T100000Z\nRRULE:FREQ=DAILY\nEND:VEVENT\n" + "".join(
        f"BEGIN:VEVENT\nUID:1\nRECURRENCE-ID:2026{1 + n // 28 % 12:02}{1 + n % 28:02}T1{n // 336:02}000Z\n"
        f"DTSTART:20260101T110000Z\nBEGIN:VALARM\nTRIGGER:-PT5M\nEND:VALARM\nEND:VEVENT\n"
        for n in range(count)
    )
    alarm = ComponentFilter("VEVENT", components=(ComponentFilter("VALARM", time_range=FAR),))
    root = calendar(text)
    zones = Zones(root)
    it = filters._Object(root, UTC, zones)
    it.series = dict.fromkeys(map(id, root.components), Counting(root.components, zones))
    assert not filters._component(it, root, (), ComponentFilter("VCALENDAR", components=(alarm,)))
    assert count <= Counting.looked_at <= 3 * count


def test_all_questions_about_an_object_have_one_budget() -> None:
    rule = "RRULE:FREQ=SECONDLY;BYSECOND=3;COUNT=1000000000"
    root = event("DTSTART:20250101T100000Z", rule, *["BEGIN:VALARM", "TRIGGER:-PT5M", "END:VALARM"] * 2)
    it = filters._Object(root, UTC, Zones(root))
    for _ in range(2):
        with pytest.raises(BudgetSpent):
            list(it.occurrences(root.components[0], FAR.start, FAR.end))
    assert it.budget.left < 0


@pytest.mark.parametrize("frequency", ["DAILY", "HOURLY", "YEARLY"])
def test_every_second_of_a_day_is_paid_for_before_it_is_made(frequency: str) -> None:
    hours = ",".join(map(str, range(24)))
    rule = f"RRULE:FREQ={frequency};BYHOUR={hours};BYMINUTE={NUMBERS};BYSECOND={NUMBERS}"
    rows, gap = index.rows_of(valid_object(event("DTSTART:20250101T100000Z", *[rule] * 20)), NOW_MS)
    assert rows == []
    assert gap is not None
    with pytest.raises(BudgetSpent):
        list(valid_object(event("DTSTART:20250101T100000Z", rule)).series.reaches(NOW_MS, FAR.end, Budget(800)))


def test_added_dates_and_periods_are_counted_before_they_are_read() -> None:
    with pytest.raises(TooManyInstances, match=f"more than {MAX_INSTANCES} RDATE"):
        valid_object(event("DTSTART:20250101T100000Z", "RDATE:" + ",".join(["20260101T100000Z"] * 1_000_000)))
    periods = ",".join(["20260101T100000Z/PT1H"] * 20_001)
    with pytest.raises(TooManyInstances, match="periods of FREEBUSY"):
        valid_object(calendar(f"BEGIN:VFREEBUSY\nUID:1\nFREEBUSY:{periods}\nEND:VFREEBUSY\n"))


def test_an_object_of_many_overrides_or_periods_has_a_gap_in_place_of_rows() -> None:
    overrides = "".join(
        f"BEGIN:VEVENT\nUID:1\nRECURRENCE-ID:20260101T{n // 3600:02}{n // 60 % 60:02}{n % 60:02}Z\n"
        f"DTSTART:20260101T{n // 3600:02}{n // 60 % 60:02}{n % 60:02}Z\nEND:VEVENT\n"
        for n in range(index.MAX_ROWS + 1)
    )
    rows, gap = index.rows_of(valid_object(calendar(overrides)), NOW_MS)
    assert rows == []
    assert gap is not None
    assert gap.first_at == NOW_MS


def observances(count: int, rule: str) -> str:
    one = "BEGIN:STANDARD\nDTSTART:16010101T020000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\n{}END:STANDARD\n"
    return one.format(f"RRULE:{rule}\n") * count


def test_a_time_zone_has_a_bound_of_its_own() -> None:
    zone = Zones(calendar(f"BEGIN:VTIMEZONE\nTZID:Q\n{observances(200, 'FREQ=DAILY')}END:VTIMEZONE\n")).find("Q")
    assert isinstance(zone, OwnZone)
    assert len(zone._offsets) <= MAX_CHANGES
    lines = "X-A:1\n" * (MAX_ZONE_LINES + 1)
    assert Zones(calendar(f"BEGIN:VTIMEZONE\nTZID:Q\n{lines}END:VTIMEZONE\n")).find("Q") is None
    assert named_zone("/x/" * MAX_NAME + "Europe/Berlin") is None
