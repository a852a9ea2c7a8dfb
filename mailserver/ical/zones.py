"""What a TZID means: the IANA zone it names in one of the spellings clients have, or the rules of its VTIMEZONE.

The IANA data is newer than what an old client wrote down, so a known name wins over the rules. RFC 5545 §3.6.5,
RFC 7809. A local time in a gap is read with the offset before it, one that comes twice is the first: §3.3.5.
"""

import hashlib
import re
from bisect import bisect_right
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mailserver.errors import InvalidCalendarData
from mailserver.ical.budget import Budget, BudgetSpent
from mailserver.ical.lines import Component, parse, unescaped
from mailserver.ical.rule_times import instances
from mailserver.ical.rules import rule_of
from mailserver.ical.windows_zones import WINDOWS_ZONES

MAX_CHANGES = 4_000  # of one VTIMEZONE; two a year from 1601 on, where Outlook's begin, are 1,040
MAX_STEPS = 30_000  # of its rules together: some 15 ms
MAX_OBSERVANCES = 200  # STANDARD and DAYLIGHT of one VTIMEZONE
MAX_ZONE_LINES = 4_000  # of one VTIMEZONE: what stays in memory
MAX_NAME = 200  # characters of a TZID that may name a known zone
MAX_ZONES = 200  # kept in memory
HORIZON = datetime(2120, 1, 1)  # rules of own zones are followed up to here
MAX_OFFSET = timedelta(hours=23, minutes=59, seconds=59)

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,3}")
_OFFSET = re.compile(r"([+-])(\d\d)(\d\d)(\d\d)?")
_UTC_NAMES = frozenset({"UTC", "Z", "GMT", "ETC/UTC", "ZULU"})
_LOCAL = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z?")


class Zones:
    """The zones of one object."""

    __slots__ = ("_found", "_own")

    def __init__(self, root: Component | None = None) -> None:
        own = [zone for zone in root.components if zone.name == "VTIMEZONE"] if root else []
        # TZID is TEXT where it is defined, with backslashes, and a parameter where it is used, without
        self._own = {(zone.text("TZID") or "").strip(): zone for zone in own}
        self._found: dict[str, tzinfo | None] = {}

    def find(self, tzid: str) -> tzinfo | None:
        """None: nothing says what it means; such a time is taken as floating."""
        if tzid not in self._found:
            own = self._own.get(tzid.strip()) or self._own.get(unescaped(tzid).strip())
            self._found[tzid] = named_zone(tzid) or (own_zone(own) if own else None)
        return self._found[tzid]


def named_zone(tzid: str) -> tzinfo | None:
    """An IANA name, also behind a vendor's prefix (/freeassociation.sourceforge.net/Europe/Berlin), or Microsoft's."""
    return _named(tzid) if len(tzid) <= MAX_NAME else None


@lru_cache(MAX_ZONES)
def _named(tzid: str) -> tzinfo | None:
    name = tzid.strip().strip('"')
    if name.upper() in _UTC_NAMES or name == "tzone://Microsoft/Utc":
        return UTC
    pieces = name.strip("/").split("/")
    tails = ["/".join(pieces[-count:]) for count in (3, 2, 1)] if name.startswith("/") else []
    for candidate in (WINDOWS_ZONES.get(name, name), *tails):
        if (zone := _iana(candidate)) is not None:
            return zone
    return None


def zone_of(text: str) -> tzinfo | None:
    """The zone of a calendar: a whole VCALENDAR with one VTIMEZONE (RFC 4791 §5.2.2) or only a name."""
    if "BEGIN:" not in text.upper():
        return named_zone(text)
    root = parse(text.encode())
    zone = next(iter(root.named("VTIMEZONE")), None)
    return Zones(root).find(zone.value("TZID") or "") if zone else None


def key_of(zone: tzinfo) -> str:
    """Equal for zones that are alike, as long as the server runs."""
    if isinstance(zone, OwnZone):
        return zone.key
    return zone.key if isinstance(zone, ZoneInfo) else str(zone)


def _iana(name: str) -> tzinfo | None:
    if not _NAME.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a folder such as "Europe" is an OSError
        return None


def own_zone(zone: Component) -> tzinfo | None:
    """The rules of a VTIMEZONE, followed up to HORIZON; None where they can not be read, or are too many."""
    lines = len(zone.lines) + sum(len(part.lines) for part in zone.components)
    return _own_zone(zone) if lines <= MAX_ZONE_LINES else None


@lru_cache(MAX_ZONES)
def _own_zone(zone: Component) -> tzinfo | None:
    observances = [part for part in zone.components if part.name in {"STANDARD", "DAYLIGHT"}][:MAX_OBSERVANCES]
    budget = Budget(MAX_STEPS)
    try:
        changes = sorted(islice((change for part in observances for change in _changes(part, budget)), MAX_CHANGES))
    except (InvalidCalendarData, ValueError, OverflowError):
        return None
    return OwnZone(zone.value("TZID") or "", changes) if changes else None


Change = tuple[datetime, timedelta, timedelta]  # (local time by the old offset, offset before it, offset after it)


class OwnZone(tzinfo):
    """A zone by a list of changes."""

    def __init__(self, name: str, changes: list[Change]) -> None:
        self._name = name
        self._first = changes[0][1]
        # where the wall clock has left the old offset behind: after a gap, or after the hour that comes twice
        self._marks = [at + max(timedelta(), after - before) for at, before, after in changes]
        self._offsets = [after for _, _, after in changes]
        self._instants = [at - before for at, before, _ in changes]
        self.key = "own " + hashlib.blake2b(repr(changes).encode(), digest_size=16).hexdigest()

    def utcoffset(self, moment: datetime | None, /) -> timedelta:
        if moment is None:
            return self._first
        index = bisect_right(self._marks, moment.replace(tzinfo=None))
        return self._offsets[index - 1] if index else self._first

    def dst(self, _: datetime | None, /) -> timedelta:
        return timedelta()

    def tzname(self, _: datetime | None, /) -> str:
        return self._name

    def fromutc(self, moment: datetime, /) -> datetime:
        index = bisect_right(self._instants, moment.replace(tzinfo=None))
        return moment + (self._offsets[index - 1] if index else self._first)


def _changes(observance: Component, budget: Budget) -> list[Change]:
    start = _local(observance.value("DTSTART") or "")
    before = _offset(observance.value("TZOFFSETFROM") or "")
    after = _offset(observance.value("TZOFFSETTO") or "")
    times = {start}
    for line in observance.all("RDATE"):
        times.update(_local(value.split("/")[0]) for value in line.value.split(",")[:MAX_CHANGES])
    for line in observance.all("RRULE"):
        rule = rule_of(line.value)
        last = rule.until + before if rule.until and rule.until_is_utc else rule.until
        try:
            times.update(islice(instances(rule, start, start, HORIZON, budget, until=last), MAX_CHANGES))
        except BudgetSpent:
            continue
    return [(time, before, after) for time in times]


def _local(value: str) -> datetime:
    match = _LOCAL.fullmatch(value.strip())
    if match is None:
        raise ValueError("not a local time")
    return datetime(*map(int, match.groups()))  # type: ignore[arg-type]


def _offset(value: str) -> timedelta:
    match = _OFFSET.fullmatch(value.strip())
    if match is None:
        raise ValueError("not an offset from UTC")
    sign, hours, minutes, seconds = match.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes), seconds=int(seconds or 0))
    return min(offset, MAX_OFFSET) * (-1 if sign == "-" else 1)
