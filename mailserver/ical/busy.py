"""When somebody is busy: the periods of objects, merged. RFC 4791 §7.10, RFC 5545 §3.6.4."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from itertools import islice

from mailserver.errors import InvalidCalendarData
from mailserver.ical import write
from mailserver.ical.budget import Budget, BudgetSpent
from mailserver.ical.filters import TimeRange
from mailserver.ical.lengths import period_seconds
from mailserver.ical.lines import Component, parse
from mailserver.ical.recurrence import Series
from mailserver.ical.times import Period, moments_of
from mailserver.ical.zones import Zones

MAX_PERIODS = 5_000  # of one object
PER_LINE = 4  # periods of one FREEBUSY line, so that lines stay readable

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Kind(StrEnum):
    """FBTYPE, RFC 5545 §3.2.9."""

    BUSY = "BUSY"
    UNAVAILABLE = "BUSY-UNAVAILABLE"
    TENTATIVE = "BUSY-TENTATIVE"


@dataclass(frozen=True, slots=True, order=True)
class Busy:
    """Seconds since the epoch, the end excluded."""

    start: int
    end: int
    kind: Kind = Kind.BUSY


def of_object(data: bytes, window: TimeRange, floating: tzinfo, own: Collection[str] = ()) -> list[Busy]:
    """Its periods within the range; none where it can not be read, for nobody is busy with that.

    `own`: addresses of its owner, in lower case; what he declined takes none of his time.
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
    for kind in Kind:
        last: Busy | None = None
        for each in sorted(each for each in found_of(found, kind)):
            if last is not None and each.start <= last.end:
                last = Busy(last.start, max(last.end, each.end), kind)
                joined[-1] = last
            else:
                last = each
                joined.append(each)
    return sorted(joined)


def found_of(found: Iterable[Busy], kind: Kind) -> Iterator[Busy]:
    return (each for each in list(found) if each.kind is kind)


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
        write.line("DTSTART", _utc(window.start // 1000)),
        write.line("DTEND", _utc(window.end // 1000)),
        *lines,
    ]
    for kind in Kind:
        texts = [f"{_utc(each.start)}/{_utc(each.end)}" for each in merged(found) if each.kind is kind]
        for at in range(0, len(texts), PER_LINE):
            params = {} if kind is Kind.BUSY else {"FBTYPE": kind.value}
            made.append(write.line("FREEBUSY", ",".join(texts[at : at + PER_LINE]), params))
    return write.calendar([write.component("VFREEBUSY", made)], method=method)


def _of_events(
    root: Component, zones: Zones, window: TimeRange, floating: tzinfo, own: Collection[str]
) -> Iterator[Busy]:
    events = root.named("VEVENT")
    if not events:
        return
    series = Series(events, zones)
    try:
        for found in islice(series.occurrences(window.start, window.end, floating, Budget()), MAX_PERIODS):
            kind = None if _is_declined(found.component, own) else _kind(found.component)
            if kind is not None and found.start is not None and found.end is not None:
                yield Busy(found.start.seconds(floating), found.end, kind)
    except BudgetSpent:
        return


def _kind(event: Component) -> Kind | None:
    """None: it takes no time. RFC 4791 §7.10."""
    status = (event.value("STATUS") or "").strip().upper()
    if (event.value("TRANSP") or "").strip().upper() == "TRANSPARENT" or status == "CANCELLED":
        return None
    return Kind.TENTATIVE if status == "TENTATIVE" else Kind.BUSY


def _is_declined(event: Component, own: Collection[str]) -> bool:
    return any(
        (line.param("PARTSTAT") or "").upper() in {"DECLINED", "DELEGATED"}
        for line in (event.all("ATTENDEE") if own else ())
        if line.value.strip().lower().removeprefix("mailto:") in own
    )


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


def _utc(seconds: int) -> str:
    return f"{_EPOCH + timedelta(seconds=seconds):%Y%m%dT%H%M%SZ}"
