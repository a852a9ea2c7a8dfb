"""When somebody is busy: the periods of objects, merged. RFC 4791 §7.10, RFC 5545 §3.6.4."""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from itertools import islice

from mailserver.errors import InvalidCalendarData
from mailserver.ical import write
from mailserver.ical.budget import Budget, BudgetSpent
from mailserver.ical.filters import TimeRange
from mailserver.ical.lengths import period_seconds
from mailserver.ical.lines import Component, parse
from mailserver.ical.recurrence import Series
from mailserver.ical.times import Period, moments_of, utc_text
from mailserver.ical.zones import Zones

MAX_PERIODS = 5_000  # of one object
PER_LINE = 4  # periods of one FREEBUSY line, so that lines stay readable


class Kind(StrEnum):
    """FBTYPE, RFC 5545 §3.2.9."""

    BUSY = "BUSY"
    UNAVAILABLE = "BUSY-UNAVAILABLE"
    TENTATIVE = "BUSY-TENTATIVE"


_OF_OUTLOOK = {"OOF": Kind.UNAVAILABLE, "TENTATIVE": Kind.TENTATIVE}  # FREE is said by TRANSP as well


@dataclass(frozen=True, slots=True, order=True)
class Busy:
    """Seconds since the epoch, the end excluded."""

    start: int
    end: int
    kind: Kind = Kind.BUSY


def of_object(data: bytes, window: TimeRange, floating: tzinfo, own: Container[str] = ()) -> list[Busy]:
    """Its periods within the range; none where it can not be read, for nobody is busy with that.

    `own`: addresses of the owner, in lower case: what he declined takes no time.
    """
    try:
        root = parse(data)
        zones = Zones(root)
        found = [*_of_events(root, zones, window, floating, own), *_of_periods(root, zones, floating)]
    except InvalidCalendarData:
        return []
    return [clipped for each in found if (clipped := _clipped(each, window)) is not None]


def merged(found: Iterable[Busy]) -> list[Busy]:
    """Of each kind what overlaps or touches is one; in order."""
    joined: list[Busy] = []
    known = sorted(found)
    for kind in Kind:
        last: Busy | None = None
        for each in (each for each in known if each.kind is kind):
            if last is not None and each.start <= last.end:
                last = Busy(last.start, max(last.end, each.end), kind)
                joined[-1] = last
            else:
                last = each
                joined.append(each)
    return sorted(joined)


def calendar(
    found: Iterable[Busy],
    window: TimeRange,
    stamp: datetime,
    lines: Iterable[bytes] = (),
    method: str | None = None,
) -> bytes:
    """A VCALENDAR with one VFREEBUSY. `lines`: more of it, such as ORGANIZER and ATTENDEE; `stamp`: DTSTAMP."""
    made = [
        write.line("DTSTAMP", f"{stamp.astimezone(UTC):%Y%m%dT%H%M%SZ}"),
        write.line("DTSTART", utc_text(window.start // 1000)),
        write.line("DTEND", utc_text(window.end // 1000)),
        *lines,
    ]
    joined = merged(found)
    for kind in Kind:
        texts = [f"{utc_text(each.start)}/{utc_text(each.end)}" for each in joined if each.kind is kind]
        for at in range(0, len(texts), PER_LINE):
            params = {} if kind is Kind.BUSY else {"FBTYPE": kind.value}
            made.append(write.line("FREEBUSY", ",".join(texts[at : at + PER_LINE]), params))
    return write.calendar([write.component("VFREEBUSY", made)], method=method)


def _of_events(
    root: Component, zones: Zones, window: TimeRange, floating: tzinfo, own: Container[str]
) -> Iterator[Busy]:
    """What more often recurs than anybody can tell is busy from there on: to call it free would be wrong."""
    events = root.named("VEVENT")
    if not events:
        return
    kinds = {id(event): kind_of(event, own) for event in events}
    if not any(kinds.values()):
        return
    series, last, count = Series(events, zones), window.start // 1000, 0
    made = series.occurrences(window.start, window.end, floating, Budget())
    try:
        for count, found in enumerate(islice(made, MAX_PERIODS), 1):  # noqa: B007
            kind = kinds[id(found.component)]
            if found.start is not None and found.end is not None:
                last = found.start.seconds(floating)
                if kind is not None:
                    yield Busy(last, found.end, kind)
    except BudgetSpent:
        count = MAX_PERIODS
    if count == MAX_PERIODS:
        yield Busy(last, window.end // 1000, next(filter(None, kinds.values()), Kind.BUSY))


def kind_of(event: Component, own: Container[str] = ()) -> Kind | None:
    """None: it takes no time. RFC 4791 §7.10; what the owner answered, and what Outlook calls away."""
    status = _word(event.value("STATUS"))
    if _word(event.value("TRANSP")) == "TRANSPARENT" or status == "CANCELLED":
        return None
    answers = {
        _word(line.param("PARTSTAT"))
        for line in event.all("ATTENDEE")
        if line.value.strip().lower().removeprefix("mailto:") in own
    }
    if answers & {"DECLINED", "DELEGATED"}:
        return None
    if status == "TENTATIVE" or "TENTATIVE" in answers:
        return Kind.TENTATIVE
    return _OF_OUTLOOK.get(_word(event.value("X-MICROSOFT-CDO-BUSYSTATUS")), Kind.BUSY)


def _word(text: str | None) -> str:
    return (text or "").strip().upper()


def _of_periods(root: Component, zones: Zones, floating: tzinfo) -> Iterator[Busy]:
    for part in root.named("VFREEBUSY"):
        for line in part.all("FREEBUSY"):
            kind = (line.param("FBTYPE") or Kind.BUSY).upper()
            if kind == "FREE":
                continue
            for period in moments_of(line, zones)[:MAX_PERIODS]:
                if isinstance(period, Period):
                    # an FBTYPE that is not known counts as BUSY, RFC 5545 §3.2.9
                    yield Busy(*period_seconds(period, floating), Kind(kind) if kind in set(Kind) else Kind.BUSY)


def _clipped(busy: Busy, window: TimeRange) -> Busy | None:
    start, end = max(busy.start, window.start // 1000), min(busy.end, window.end // 1000)
    return Busy(start, end, busy.kind) if start < end else None
