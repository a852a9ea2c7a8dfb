"""Objects of a calendar that pass a filter. RFC 4791 §7.8.

The index of occurrences and the columns decide most of it; what they can not decide is read in pieces and judged in a
thread by what is written in it. Judgements are kept: clients ask the same again until something changes.
"""

import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from mailserver.errors import InvalidCalendarData
from mailserver.groupware import access
from mailserver.groupware.access import Seen
from mailserver.groupware.calendars.accept import zone_of_collection
from mailserver.ical.check import KINDS
from mailserver.ical.filters import ComponentFilter, PropertyFilter, TimeRange, passes
from mailserver.ical.lines import parse
from mailserver.ical.reach import EVER
from mailserver.ical.times import seconds_of
from mailserver.ical.zones import key_of
from mailserver.store import members, occurrences
from mailserver.store.collections import Collection, Family
from mailserver.store.database import Rx
from mailserver.store.members import PIECE, Member
from mailserver.store.store import Store

QUERY_PIECE = 50  # objects judged in one go: some 20 ms in a thread
MAX_KEPT = 50_000  # judgements

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - wall clock

# by etag, which is of the octets alone: so it holds for every store and every user; used on the loop only
_judgements: OrderedDict[tuple[str, bytes], bool] = OrderedDict()

Found = tuple[Member, bytes | None]


@dataclass(frozen=True, slots=True)
class Plan:
    seen: Seen
    wanted: ComponentFilter
    zone: tzinfo  # of times without one
    kind: str | None  # the only component that passes
    sure: tuple[int, ...]  # members that pass if they are of that kind
    unsure: tuple[int, ...]  # members that have to be looked at


class Queries:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def plan(self, viewer: int, slug: str, wanted: ComponentFilter, zone: tzinfo | None) -> Plan:
        """`zone`: of the query; None: the calendar's. Raises NoSuchCollection, NotPermitted."""
        return await self._store.read(_plan, viewer, slug, wanted, zone)

    async def passing(self, plan: Plan, *, with_data: bool) -> AsyncIterator[list[Found]]:
        """Pieces of those that pass. Who is removed meanwhile is left out."""
        collection = plan.seen.collection
        for start in range(0, len(plan.sure), PIECE):
            piece = plan.sure[start : start + PIECE]
            yield await self._store.read(_read, collection, piece, plan.kind, with_data)
        for start in range(0, len(plan.unsure), QUERY_PIECE):
            piece = plan.unsure[start : start + QUERY_PIECE]
            cards = await self._store.read(members.list_by_id_with_data, collection, piece)
            passed = await self._judged(plan, cards)
            yield [(member, data if with_data else None) for member, data in cards if member.id in passed]

    async def _judged(self, plan: Plan, cards: Sequence[tuple[Member, bytes]]) -> set[int]:
        question = _digest(plan)
        keys = {member.id: (member.etag, question) for member, _ in cards}
        known = {member_id: _judgements[key] for member_id, key in keys.items() if key in _judgements}
        new = [(member.id, data) for member, data in cards if member.id not in known]
        judged = await self._store.in_thread(_judge, new, plan.wanted, plan.zone) if new else {}
        for member_id, verdict in judged.items():
            _judgements[keys[member_id]] = verdict
        while len(_judgements) > MAX_KEPT:
            _judgements.popitem(last=False)
        return {member_id for member_id, verdict in (known | judged).items() if verdict}


def _digest(plan: Plan) -> bytes:
    """Of the question: a filter may have a hundred thousand characters, what is kept of it has sixteen octets."""
    return hashlib.blake2b(
        f"{key_of(plan.zone)}\0{plan.wanted!r}".encode(errors="surrogatepass"), digest_size=16
    ).digest()


def _judge(cards: Sequence[tuple[int, bytes]], wanted: ComponentFilter, zone: tzinfo) -> dict[int, bool]:
    return {member_id: _passes(data, wanted, zone) for member_id, data in cards}


def _passes(data: bytes, wanted: ComponentFilter, zone: tzinfo) -> bool:
    try:
        return passes(parse(data), wanted, zone)
    except InvalidCalendarData:  # written by another program: it is listed and fetched, but no filter finds it
        return False


def _read(rx: Rx, collection: Collection, ids: Sequence[int], kind: str | None, with_data: bool) -> list[Found]:
    if with_data:
        found: list[Found] = list(members.list_by_id_with_data(rx, collection, ids))
    else:
        found = [(member, None) for member in members.list_by_id(rx, collection, ids)]
    return [each for each in found if kind is None or each[0].component == kind]


# --- what need not be looked at -------------------------------------------------------------------------------------


def _plan(rx: Rx, viewer: int, slug: str, wanted: ComponentFilter, zone: tzinfo | None) -> Plan:
    seen = access.require(rx, viewer, Family.CALENDARS, slug)
    return planned(rx, seen, wanted, zone or zone_of_collection(seen.collection))


def planned(rx: Rx, seen: Seen, wanted: ComponentFilter, zone: tzinfo) -> Plan:
    collection = seen.collection
    inner = _only(wanted)
    if inner is None:
        ids = [member_id for member_id, _ in members.list_ids(rx, collection)]
        is_plain = not wanted.properties and not wanted.components
        return _as_plan(seen, wanted, zone, None, ids, [], is_plain=is_plain)
    is_plain = not wanted.properties and not inner.properties and not inner.components
    if inner.time_range is not None and not inner.any_of:
        sure, unsure = _by_time(rx, collection, inner.time_range, zone)
        return _as_plan(seen, wanted, zone, inner.name, sure, unsure, is_plain=is_plain)
    of_kind = members.list_ids(rx, collection, inner.name)
    uid = _uid_filter(inner)
    ids = [member_id for member_id, name in of_kind if uid is None or uid(name)]
    return _as_plan(seen, wanted, zone, inner.name, ids, [], is_plain=is_plain and inner.time_range is None)


def _as_plan(
    seen: Seen,
    wanted: ComponentFilter,
    zone: tzinfo,
    kind: str | None,
    met: Sequence[int],
    unsure: Sequence[int],
    *,
    is_plain: bool,
) -> Plan:
    """What the index found passes only where the filter asks for no more than it knows."""
    if is_plain:
        return Plan(seen, wanted, zone, kind, tuple(met), tuple(unsure))
    return Plan(seen, wanted, zone, kind, (), (*met, *unsure))


def _only(wanted: ComponentFilter) -> ComponentFilter | None:
    """The one comp-filter that every object which passes meets, where it is about a whole object."""
    if len(wanted.components) != 1 or (wanted.any_of and wanted.properties):
        return None
    inner = wanted.components[0]
    return inner if inner.name in KINDS and not inner.is_not_defined else None


def _uid_filter(wanted: ComponentFilter) -> "_Uid | None":
    """All components of an object have one UID, which is a column: most clients that look for one look for it."""
    for each in wanted.properties:
        if each.name == "UID" and each.match and not each.parameters and not each.time_range and not wanted.any_of:
            return _Uid(each)
    return None


@dataclass(frozen=True, slots=True)
class _Uid:
    wanted: PropertyFilter

    def __call__(self, uid: str) -> bool:
        return self.wanted.match is None or self.wanted.match.passes(uid)


def _by_time(rx: Rx, collection: Collection, window: TimeRange, zone: tzinfo) -> tuple[list[int], list[int]]:
    """(those that are in the range, those of which the index does not know)."""
    found = occurrences.find(rx, collection.id, window.start, window.end)
    met, unsure = set(found.met), set(found.unsure)
    for row in found.floating:
        since, until = _instant(row.since, zone), _instant(row.until, zone)
        if until - since != row.until - row.since:  # clocks change meanwhile: an hour of it is longer, a day is not
            unsure.add(row.member_id)
        elif window.start < until and window.end > since:
            met.add(row.member_id)
    return sorted(met), sorted(unsure - met)


def _instant(wall_clock: int, zone: tzinfo) -> int:
    """Milliseconds: of a wall clock that is noted as if it were UTC."""
    if zone is UTC or abs(wall_clock) >= EVER:
        return wall_clock
    seconds, rest = divmod(wall_clock, 1000)
    try:
        return seconds_of(_EPOCH + timedelta(seconds=seconds), zone) * 1000 + rest
    except OverflowError:
        return wall_clock
