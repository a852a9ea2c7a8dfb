"""When a user has time: all his opaque calendars as one list of periods. RFC 5545 §3.6.4, RFC 4791 §7.10.

What says busy is his own part in it: declined and cancelled events do not, tentative ones and those he has not
answered say that he may be.
"""

from collections.abc import Collection as Addresses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import tzinfo
from itertools import islice

from mailserver.errors import Refusal
from mailserver.groupware.calendars.accept import zone_of_collection
from mailserver.groupware.scheduling.calendar_users import CalendarUsers
from mailserver.ical.budget import Budget, BudgetSpent
from mailserver.ical.check import CalendarObject, valid_object
from mailserver.ical.itip_parties import PartStat
from mailserver.ical.itip_tree import Part
from mailserver.ical.lines import Component, parse
from mailserver.store import collections, members, occurrences
from mailserver.store.collections import Collection, Family
from mailserver.store.database import Rx
from mailserver.store.occurrences import DAY_MS

BUSY, TENTATIVE = "BUSY", "BUSY-TENTATIVE"
MAX_OBJECTS = 3_000  # of one question; more say nothing
MAX_TIMES = 2_000  # of one object
MAX_STEPS = 20_000
AHEAD_MS = 400 * DAY_MS  # how far an automatic answer looks
MAX_COMPARED = 200  # instances of the event it is about

_MAILTO = "mailto:"


@dataclass(frozen=True, slots=True)
class Period:
    since: int  # epoch milliseconds
    until: int
    kind: str  # FBTYPE


def periods(rx: Rx, user_id: int, own: Addresses[str], start: int, end: int, except_uid: str = "") -> list[Period]:
    """Merged, in order, cut to start … end (epoch milliseconds). `own`: addresses of the user, in lower case."""
    found: list[Period] = []
    left = MAX_OBJECTS
    for collection in collections.list(rx, Family.CALENDARS, user_id):
        if collection.is_transparent:
            continue
        ids = _met(rx, collection, start, end)[:left]
        left -= len(ids)
        for member_id in ids:
            member = members.find_by_id(rx, Family.CALENDARS, member_id)
            if member is not None and member.uid != except_uid and member.component == "VEVENT":
                data = members.data(rx, Family.CALENDARS, member_id)
                found += _of_object(data, own, zone_of_collection(collection), start, end)
    return merged(found)


def _met(rx: Rx, collection: Collection, start: int, end: int) -> list[int]:
    found = occurrences.find(rx, collection.id, start, end)
    return sorted(found.met | found.unsure | {row.member_id for row in found.floating})


def _of_object(data: bytes, own: Addresses[str], zone: tzinfo, start: int, end: int) -> Iterator[Period]:
    try:
        read = valid_object(parse(data))
    except Refusal:  # what an older version stored and this one can not read
        return
    yield from _times(read, own, zone, start, end, MAX_TIMES)


def _times(
    read: CalendarObject, own: Addresses[str], zone: tzinfo, start: int, end: int, limit: int
) -> Iterator[Period]:
    made = read.series.occurrences(start, end, zone, Budget(MAX_STEPS))
    try:
        for each in islice(made, limit):
            kind = kind_of(each.component, own)
            if kind is not None and each.start is not None:
                yield Period(max(each.reach.since, start), min(each.reach.until, end), kind)
    except BudgetSpent:
        return


def kind_of(component: Component, own: Addresses[str]) -> str | None:
    """FBTYPE; None where it takes no time."""
    status = (component.value("STATUS") or "").strip().upper()
    if status == "CANCELLED" or (component.value("TRANSP") or "").strip().upper() == "TRANSPARENT":
        return None
    answers = [
        (line.param("PARTSTAT") or PartStat.NEEDS_ACTION).upper()
        for line in component.all("ATTENDEE")
        if line.value.strip().lower().removeprefix(_MAILTO) in own
    ]
    if PartStat.DECLINED in answers or PartStat.DELEGATED in answers:
        return None
    is_open = status == "TENTATIVE" or {PartStat.TENTATIVE, PartStat.NEEDS_ACTION}.intersection(answers)
    return TENTATIVE if is_open else BUSY


def merged(found: Iterable[Period]) -> list[Period]:
    """Of each kind those that touch are one; what is busy is not told as tentative again."""
    busy = _joined(each for each in found if each.kind == BUSY)
    return sorted([*busy, *_joined(_without(found, busy))], key=lambda each: (each.since, each.until))


def _joined(found: Iterable[Period]) -> list[Period]:
    joined: list[Period] = []
    for each in sorted(found, key=lambda each: each.since):
        if joined and each.since <= joined[-1].until:
            joined[-1] = Period(joined[-1].since, max(joined[-1].until, each.until), each.kind)
        elif each.until > each.since:
            joined.append(each)
    return joined


def _without(found: Iterable[Period], busy: list[Period]) -> Iterator[Period]:
    for each in found:
        if each.kind == BUSY:
            continue
        since = each.since
        for taken in busy:
            if taken.until <= since or taken.since >= each.until:
                continue
            if taken.since > since:
                yield Period(since, taken.since, each.kind)
            since = max(since, taken.until)
        if since < each.until:
            yield Period(since, each.until, each.kind)


class ByCalendars:
    """As groupware.scheduling.deliveries.Occupied."""

    def __init__(self, users: CalendarUsers) -> None:
        self._users = users

    def is_busy(self, rx: Rx, user_id: int, calendar: Part, now_ms: int) -> bool:
        try:
            read = valid_object(parse(calendar.render()))
        except Refusal:
            return False
        target = collections.default(rx, Family.CALENDARS, user_id)
        if target is None:
            return False
        coming = list(_times(read, (), zone_of_collection(target), now_ms, now_ms + AHEAD_MS, MAX_COMPARED))
        if not coming:
            return False
        own = self._users.addresses(rx, user_id)
        first, last = min(each.since for each in coming), max(each.until for each in coming)
        taken = [each for each in periods(rx, user_id, own, first, last, read.uid) if each.kind == BUSY]
        return any(each.since < other.until and other.since < each.until for each in coming for other in taken)
