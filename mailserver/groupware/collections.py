"""Calendars and address books of a home: made, changed, renamed and removed, each in one transaction."""

import builtins
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

from mailserver.config.tree import DavConfig
from mailserver.errors import BadValue, CollectionExists, DefaultNeeded, LimitReached, NotPermitted
from mailserver.groupware import access, conditions, locks, names, properties
from mailserver.groupware.access import Privilege, Seen
from mailserver.groupware.conditions import Conditions
from mailserver.groupware.feeds import sources
from mailserver.groupware.properties import DeadChanges
from mailserver.store import collections, shares
from mailserver.store.collections import ALL_COMPONENTS, Collection, Draft, Family, Kind
from mailserver.store.database import Rx, Tx, Value
from mailserver.store.store import Store

_TZID = re.compile(r"^TZID(?:;[^:\r\n]*)?:([^\r\n]+)", re.MULTILINE | re.IGNORECASE)
MAX_POSITION = 2**31 - 1


class Keep(Enum):
    """The value of what is not to be changed."""

    KEEP = "keep"


KEEP = Keep.KEEP


@dataclass(frozen=True, slots=True)
class NewCollection:
    """MKCALENDAR and extended MKCOL: live values and dead properties, all or nothing."""

    name: str | None = None  # None: the slug
    kind: Kind = Kind.ORDINARY
    description: str | None = None
    color: str | None = None
    position: int | None = None
    timezone: str | None = None  # iCalendar text with one VTIMEZONE, checked by the caller
    timezone_id: str | None = None  # the zone's name, RFC 7809; without it that of `timezone`
    components: tuple[str, ...] = ALL_COMPONENTS  # upper case; of no meaning for address books
    is_transparent: bool = False
    source: str | None = None  # address of the outside feed that it shows: makes it a subscription, and transparent
    every: timedelta = sources.USUAL  # how often that is fetched
    properties: DeadChanges = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CollectionChanges:
    """PROPPATCH: what is not KEEP is set; None takes the value away. All or nothing."""

    name: str | Keep | None = KEEP  # None: the slug; of a sharee: as the owner has it
    description: str | Keep | None = KEEP
    color: str | Keep | None = KEEP
    position: int | Keep | None = KEEP
    timezone: str | Keep | None = KEEP
    timezone_id: str | Keep | None = KEEP
    is_transparent: bool | Keep | None = KEEP
    source: str | Keep | None = KEEP  # of a subscription
    properties: DeadChanges = field(default_factory=dict)


OWN_TO_SHAREES = frozenset({"name", "color", "position", "is_transparent"})

Retime = Callable[[Tx, Collection], None]
"""A calendar has another time zone: what is derived from floating times is to be derived anew (RFC 4791 §5.2.2)."""


class Collections:
    def __init__(self, store: Store, config: DavConfig | None = None, retime: Retime | None = None) -> None:
        self._store = store
        self._config = config or DavConfig()
        self._retime = retime or _nothing

    def configure(self, config: DavConfig) -> None:
        self._config = config

    async def list(self, viewer: int, family: Family) -> builtins.list[Seen]:
        """The viewer's home: his own, the default first, then what others share with him."""
        return await self._store.read(access.list, viewer, family)

    async def find(self, viewer: int, family: Family, slug: str) -> Seen | None:
        return await self._store.read(access.find, viewer, family, slug)

    async def default(self, viewer: int, family: Family) -> Seen | None:
        return await self._store.read(_default, viewer, family)

    async def create(self, viewer: int, family: Family, slug: str, new: NewCollection) -> Seen:
        """Raises CollectionExists, BadValue, LimitReached, TooManyProperties, NotPermitted (a feed, by the server's
        configuration)."""
        return await self._store.write(create, viewer, family, slug, new, self._config)

    async def change(
        self,
        viewer: int,
        family: Family,
        slug: str,
        changes: CollectionChanges,
        when: Conditions = conditions.NONE,
    ) -> Seen:
        """A sharee's name, color, position, is_transparent and dead properties are his own and go before the owner's.

        Raises NoSuchCollection, NotPermitted (other values, by a sharee), BadValue, TooManyProperties, Locked.
        """
        return await self._store.write(change, viewer, family, slug, changes, when, self._retime)

    async def make_default(self, viewer: int, family: Family, slug: str) -> None:
        """Where invitations and new contacts go. Raises NoSuchCollection, NotPermitted."""
        await self._store.write(make_default, viewer, family, slug)

    async def move(
        self, viewer: int, family: Family, slug: str, new_slug: str, when: Conditions = conditions.NONE
    ) -> Seen:
        """Under another slug in the same home. Raises NoSuchCollection, CollectionExists, BadValue, Locked."""
        return await self._store.write(move, viewer, family, slug, new_slug, when)

    async def remove(self, viewer: int, family: Family, slug: str, when: Conditions = conditions.NONE) -> None:
        """With all that is in it, for everybody; a sharee leaves the share, and nothing else changes.

        Raises NoSuchCollection, DefaultNeeded, Locked.
        """
        await self._store.write(remove, viewer, family, slug, when)


def create(tx: Tx, viewer: int, family: Family, slug: str, new: NewCollection, config: DavConfig) -> Seen:
    """As Collections.create."""
    names.require_slug(family, slug)
    if not collections.is_free(tx, family, viewer, slug):
        raise CollectionExists
    require_place(tx, viewer, family, config)
    draft = Draft(
        slug,
        new.name or slug,
        new.kind if new.source is None else Kind.SUBSCRIPTION,
        new.description,
        new.color,
        new.position,
        new.timezone,
        new.timezone_id or zone_name(new.timezone),
        new.components,
        new.is_transparent or new.source is not None,
    )
    _require_values(draft.name, draft.description, draft.color, draft.position, draft.timezone)
    made = access.owned(collections.add(tx, family, viewer, draft))
    if new.source is not None:
        sources.attach(tx, made.collection, new.source, new.every, config)
    properties.apply(tx, made.noted_by, new.properties)
    return made


def require_place(rx: Rx, user_id: int, family: Family, config: DavConfig) -> None:
    """For one more in this home. Raises LimitReached."""
    there = collections.count(rx, family, user_id) + shares.count_for(rx, family, user_id)
    if there >= config.max_collections:
        raise LimitReached(f"A user has at most {config.max_collections} {_WORDS[family]}, shared ones included")


def change(
    tx: Tx,
    viewer: int,
    family: Family,
    slug: str,
    changes: CollectionChanges,
    when: Conditions = conditions.NONE,
    retime: Retime | None = None,
) -> Seen:
    """As Collections.change."""
    seen = access.require(tx, viewer, family, slug, Privilege.WRITE_PROPERTIES)
    conditions.require_unlocked(when, locks.on(tx, seen.collection, None))
    wanted = {name: value for name in _LIVE if (value := getattr(changes, name)) is not KEEP}
    _require_values(*(wanted.get(name) for name in ("name", "description", "color", "position", "timezone")))
    if seen.share is not None:
        _change_share(tx, seen, wanted)
    else:
        _change_own(tx, seen, wanted, retime or _nothing)
    properties.apply(tx, seen.noted_by, changes.properties)
    return access.require(tx, viewer, family, slug)


def _change_share(tx: Tx, seen: Seen, wanted: Mapping[str, Value]) -> None:
    foreign = sorted(wanted.keys() - OWN_TO_SHAREES)
    if foreign:
        raise NotPermitted(f"Only {seen.collection.owner} changes the {' and '.join(foreign)} of {seen.name}")
    if seen.share is not None:
        shares.set_columns(tx, seen.share.id, wanted)


def _change_own(tx: Tx, seen: Seen, wanted: Mapping[str, Value], retime: Retime) -> None:
    columns = dict(wanted)
    is_pointed, source = "source" in columns, columns.pop("source", None)
    if "name" in columns:
        columns["name"] = columns["name"] or seen.slug
    if "is_transparent" in columns:
        columns["is_transparent"] = int(bool(columns["is_transparent"]))
    if columns.keys() & {"timezone", "timezone_id"}:
        columns |= _timezone_columns(columns)
    known = collections.SETTABLE[seen.collection.family]
    now = collections.set_columns(tx, seen.collection, {n: v for n, v in columns.items() if n in known})
    if (now.timezone, now.timezone_id) != (seen.collection.timezone, seen.collection.timezone_id):
        retime(tx, now)
    if is_pointed:
        sources.point(tx, now, source if isinstance(source, str) else None)


def _timezone_columns(columns: dict[str, Value]) -> dict[str, Value]:
    """The text and the name of the zone belong together: who sets one sets both."""
    text, name = columns.pop("timezone", None), columns.pop("timezone_id", None)
    return {"vtimezone": text, "timezone": name or zone_name(text if isinstance(text, str) else None) or "UTC"}


def make_default(tx: Tx, viewer: int, family: Family, slug: str) -> None:
    """As Collections.make_default."""
    seen = access.require(tx, viewer, family, slug, Privilege.BIND)
    if seen.share is not None:
        raise NotPermitted("What another user shares can not be the default")
    collections.make_default(tx, family, viewer, seen.collection.id)
    collections.set_columns(tx, seen.collection, {})


def move(tx: Tx, viewer: int, family: Family, slug: str, new_slug: str, when: Conditions = conditions.NONE) -> Seen:
    """As Collections.move."""
    names.require_slug(family, new_slug)
    seen = access.require(tx, viewer, family, slug)
    conditions.require_unlocked(when, locks.on(tx, seen.collection, None))
    if not collections.is_free(tx, family, viewer, new_slug):
        raise CollectionExists
    if seen.share is not None:
        shares.set_columns(tx, seen.share.id, {"slug": new_slug})
    else:
        collections.set_columns(tx, seen.collection, {"slug": new_slug})
    return access.require(tx, viewer, family, new_slug)


def remove(tx: Tx, viewer: int, family: Family, slug: str, when: Conditions = conditions.NONE) -> None:
    """As Collections.remove."""
    seen = access.require(tx, viewer, family, slug)
    if seen.share is not None:
        shares.remove(tx, seen.share.id)
        collections.announce(tx, seen.collection, viewer)
        return
    if seen.collection.is_default:
        raise DefaultNeeded(f"{seen.name} is the default one: make another the default before it is removed")
    conditions.require_unlocked(when, locks.anywhere(tx, seen.collection))
    collections.remove(tx, seen.collection)


def zone_name(timezone: str | None) -> str | None:
    """TZID of the VTIMEZONE in this text."""
    found = _TZID.search(timezone) if timezone else None
    return found[1].strip() if found else None


def _default(rx: Rx, viewer: int, family: Family) -> Seen | None:
    found = collections.default(rx, family, viewer)
    return access.owned(found) if found else None


def _require_values(name: object, description: object, color: object, position: object, timezone: object) -> None:
    """Raises BadValue."""
    for what, text, limit, lines in (
        ("name", name, names.MAX_NAME, False),
        ("description", description, names.MAX_DESCRIPTION, True),
        ("color", color, names.MAX_COLOR, False),
        ("timezone", timezone, names.MAX_TIMEZONE_OCTETS, True),
    ):
        if isinstance(text, str):
            names.require_text(what, text, limit, lines=lines)
    if isinstance(position, int) and not 0 <= position <= MAX_POSITION:
        raise BadValue(f"The position is 0 to {MAX_POSITION}")


def _nothing(tx: Tx, collection: Collection) -> None:
    del tx, collection


_LIVE = ("name", "description", "color", "position", "timezone", "timezone_id", "is_transparent", "source")
_WORDS = {Family.CALENDARS: "calendars", Family.ADDRESSBOOKS: "address books"}
