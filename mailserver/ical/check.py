"""What may be stored as a calendar object resource. RFC 4791 §4.1, §5.3.2.1.

Refused is what nobody could show: no component, two objects, times and rules that can not be read. Taken is what
programs in use write and others read all the same: no DTSTAMP, PRODID or VTIMEZONE, an end before the start, DTEND
beside DURATION, any property and component with X-.
"""

from dataclasses import dataclass

from mailserver.errors import InvalidCalendarData, TooManyInstances, UnsupportedComponent
from mailserver.ical.lines import Component
from mailserver.ical.recurrence import Series
from mailserver.ical.zones import Zones

MAX_UID = 1_000  # characters
MAX_PERIODS = 20_000  # of FREEBUSY; two a workday for forty years
KINDS = ("VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY", "VAVAILABILITY")  # RFC 5545, RFC 7953

_ONCE = ("UID", "DTSTART", "DTEND", "DUE", "DURATION", "RECURRENCE-ID")


@dataclass(frozen=True, slots=True)
class CalendarObject:
    """What an object resource is about."""

    root: Component
    kind: str  # one of KINDS
    uid: str
    components: tuple[Component, ...]  # of that kind
    series: Series

    @property
    def shown(self) -> Component:
        """The component that stands for all: the master, or the first override."""
        return self.series.master or self.components[0]


def valid_object(root: Component, kinds: tuple[str, ...] = KINDS) -> CalendarObject:
    """`kinds`: the components that are taken. Raises InvalidCalendarData, UnsupportedComponent."""
    if root.line("METHOD"):
        raise InvalidCalendarData("METHOD is for messages between calendars: a stored object has none")
    if (root.value("VERSION") or "2.0").strip() == "1.0":
        raise InvalidCalendarData("VERSION 1.0 is vCalendar, not iCalendar")
    named = [part for part in root.components if part.name != "VTIMEZONE" and not part.name.startswith("X-")]
    found = {part.name for part in named}
    if not found:
        raise InvalidCalendarData("there is no VEVENT, VTODO or VJOURNAL in it")
    if len(found) > 1:
        raise InvalidCalendarData(f"{' and '.join(sorted(name[:40] for name in found))} do not go into one object")
    (kind,) = found
    if kind not in KINDS or (kinds and kind not in kinds):
        raise UnsupportedComponent(f"This calendar takes no {ascii(kind[:40])[1:-1]}")
    return CalendarObject(root, kind, _uid(named), tuple(named), _series(kind, named, Zones(root)))


def _uid(components: list[Component]) -> str:
    uids = set()
    for part in components:
        for name in _ONCE:
            if len(part.all(name)) > 1:
                raise InvalidCalendarData(f"{part.name} has several {name}")
        uid = (part.text("UID") or "").strip()
        if not uid:
            raise InvalidCalendarData(f"{part.name} has no UID")
        uids.add(uid)
    if len(uids) > 1:
        raise InvalidCalendarData(f"it has {len(uids)} UIDs: an object has one")
    (uid,) = uids
    if len(uid) > MAX_UID:
        raise InvalidCalendarData(f"the UID has more than {MAX_UID} characters")
    return uid


def _series(kind: str, components: list[Component], zones: Zones) -> Series:
    masters = [part for part in components if part.line("RECURRENCE-ID") is None]
    if len(masters) > 1:
        raise InvalidCalendarData(f"it has {len(masters)} {kind} without RECURRENCE-ID: an object has one")
    if kind == "VEVENT" and any(part.line("DTSTART") is None for part in masters):
        raise InvalidCalendarData("VEVENT has no DTSTART")
    if sum(line.value.count(",") + 1 for part in components for line in part.all("FREEBUSY")) > MAX_PERIODS:
        raise TooManyInstances(f"more than {MAX_PERIODS} periods of FREEBUSY")
    series = Series(components, zones)
    series.bounds()  # reads every time there is
    return series
