"""Calendars and address books as they are made, changed, renamed and removed inside a transaction."""

import re
from collections.abc import Mapping

from mailserver.config.tree import DavConfig
from mailserver.errors import BadValue, CollectionExists, DefaultNeeded, NotPermitted, TooManyCollections
from mailserver.groupware import access, conditions, locks, names, properties
from mailserver.groupware.access import Privilege, Seen
from mailserver.groupware.conditions import Conditions
from mailserver.groupware.feeds import sources
from mailserver.groupware.wanted import KEEP, OWN_TO_SHAREES, CollectionChanges, NewCollection
from mailserver.store import collections, shares
from mailserver.store.collections import Draft, Family, Kind
from mailserver.store.database import Rx, Tx, Value

_TZID = re.compile(r"^TZID(?:;[^:\r\n]*)?:([^\r\n]+)", re.MULTILINE | re.IGNORECASE)
MAX_POSITION = 2**31 - 1


def create(tx: Tx, viewer: int, family: Family, slug: str, new: NewCollection, config: DavConfig) -> Seen:
    """As Collections.create."""
    names.require_slug(family, slug)
    if not collections.is_free(tx, family, viewer, slug):
        raise CollectionExists
    _require_place(tx, viewer, family, config)
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


def _require_place(rx: Rx, user_id: int, family: Family, config: DavConfig) -> None:
    """For one more of his own; what others share with him takes no place of them. Raises LimitReached."""
    if collections.count(rx, family, user_id) >= config.max_collections:
        raise TooManyCollections(f"A user has at most {config.max_collections} {WORDS[family]}")


def change(
    tx: Tx,
    viewer: int,
    family: Family,
    slug: str,
    changes: CollectionChanges,
    when: Conditions = conditions.NONE,
) -> Seen:
    """As Collections.change."""
    seen = access.require(tx, viewer, family, slug, Privilege.WRITE_PROPERTIES)
    conditions.require_unlocked(when, locks.on(tx, seen.collection, None))
    wanted = {name: value for name in _LIVE if (value := getattr(changes, name)) is not KEEP}
    _require_values(*(wanted.get(name) for name in ("name", "description", "color", "position", "timezone")))
    if seen.share is not None:
        _change_share(tx, seen, wanted)
    else:
        _change_own(tx, seen, wanted)
    properties.apply(tx, seen.noted_by, changes.properties)
    return access.require(tx, viewer, family, slug)


def _change_share(tx: Tx, seen: Seen, wanted: Mapping[str, Value]) -> None:
    foreign = sorted(wanted.keys() - OWN_TO_SHAREES)
    if foreign:
        raise NotPermitted(f"Only {seen.collection.owner} changes the {' and '.join(foreign)} of {seen.name}")
    if seen.share is not None:
        shares.set_columns(tx, seen.share.id, wanted)


def _change_own(tx: Tx, seen: Seen, wanted: Mapping[str, Value]) -> None:
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
    if is_pointed:
        sources.point(tx, now, source if isinstance(source, str) else None)


def _timezone_columns(columns: dict[str, Value]) -> dict[str, Value]:
    """The text and the name of the zone belong together: who sets one sets both, who takes it away has the owner's."""
    text, name = columns.pop("timezone", None), columns.pop("timezone_id", None)
    return {"vtimezone": text, "timezone": name or zone_name(text if isinstance(text, str) else None)}


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


def default(rx: Rx, viewer: int, family: Family) -> Seen | None:
    """As Collections.default."""
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


_LIVE = ("name", "description", "color", "position", "timezone", "timezone_id", "is_transparent", "source")
WORDS = {Family.CALENDARS: "calendars", Family.ADDRESSBOOKS: "address books"}
