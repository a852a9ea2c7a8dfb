"""When the owner of calendars is busy: for free-busy-query, scheduling and free-busy pages."""

from collections.abc import Collection as Addresses
from datetime import tzinfo

from mailserver.groupware import access
from mailserver.groupware.access import Privilege, Seen
from mailserver.groupware.calendars.accept import zone_of_collection
from mailserver.groupware.calendars.queries import planned
from mailserver.ical import busy
from mailserver.ical.busy import Busy
from mailserver.ical.filters import ComponentFilter, TimeRange
from mailserver.store import aliases, members, users
from mailserver.store.collections import Family
from mailserver.store.database import Rx
from mailserver.store.members import PIECE
from mailserver.store.store import Store

KINDS = ("VEVENT", "VFREEBUSY")


async def of_calendar(store: Store, viewer: int, slug: str, window: TimeRange) -> list[Busy]:
    """Of one calendar, whether it counts for its owner or not. Raises NoSuchCollection, NotPermitted."""
    seen = await store.read(access.require, viewer, Family.CALENDARS, slug, Privilege.READ_FREE_BUSY)
    return await _of(store, [seen], window, None)


async def of_user(
    store: Store, user_id: int, window: TimeRange, zone: tzinfo | None = None, own: Addresses[str] = ()
) -> list[Busy]:
    """Of all calendars that are his own and not transparent; `zone`: of times without one, None: each calendar's.

    `own`: his addresses, in lower case, where they are known; what he declined does not count.
    """
    return await _of(store, await store.read(_counting, user_id), window, zone, own)


def _addresses(rx: Rx, user_id: int) -> frozenset[str]:
    """By which the owner is invited."""
    named = [users.get_by_id(rx, user_id).address, *aliases.list_of_user(rx, user_id)]
    return frozenset(each.lower() for each in named)


def _counting(rx: Rx, user_id: int) -> list[Seen]:
    found = access.list(rx, user_id, Family.CALENDARS)
    return [seen for seen in found if not seen.is_shared_in and not seen.is_transparent]


async def _of(
    store: Store, calendars: list[Seen], window: TimeRange, zone: tzinfo | None, own: Addresses[str] = ()
) -> list[Busy]:
    found: list[Busy] = []
    for seen in calendars:
        declining = own or await store.read(_addresses, seen.collection.user_id)
        floating = zone or zone_of_collection(seen.collection)
        ids = await store.read(_candidates, seen, window, floating)
        for start in range(0, len(ids), PIECE):
            cards = await store.read(members.list_by_id_with_data, seen.collection, ids[start : start + PIECE])
            found += await store.in_thread(_busy, [data for _, data in cards], window, floating, declining)
    return await store.in_thread(busy.merged, found)


def _candidates(rx: Rx, seen: Seen, window: TimeRange, floating: tzinfo) -> list[int]:
    ids: set[int] = set()
    for kind in KINDS:
        wanted = ComponentFilter("VCALENDAR", components=(ComponentFilter(kind, time_range=window),))
        plan = planned(rx, seen, wanted, floating)
        ids.update(plan.sure, plan.unsure)
    return sorted(ids)


def _busy(objects: list[bytes], window: TimeRange, floating: tzinfo, own: Addresses[str]) -> list[Busy]:
    return [each for data in objects for each in busy.of_object(data, window, floating, own)]
