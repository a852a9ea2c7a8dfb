"""COPY of a whole calendar or address book to a new name in the same home. RFC 4918 §9.8.3.

The copy is the viewer's own, also of what another user shares with him, and ordinary, also of what the server fills.
It has the values and notes that the viewer sees; shares, locks and invitations stay with the original.
"""

from mailserver.config.tree import DavConfig
from mailserver.errors import OverQuota, TooManyMembers
from mailserver.groupware import access, homes
from mailserver.groupware.access import Seen
from mailserver.groupware.wanted import NewCollection
from mailserver.store import collections, dead_properties, member_copies
from mailserver.store.collections import ALL_COMPONENTS, Collection, Family
from mailserver.store.database import Rx, Tx

MAX_COPIED = 20_000  # members: less than a second of the writer


def copy(
    tx: Tx, viewer: int, family: Family, slug: str, new_slug: str, config: DavConfig, *, with_members: bool
) -> Seen:
    """As Collections.copy."""
    seen = access.require(tx, viewer, family, slug)
    if with_members:
        _require_room(tx, viewer, seen.collection, config)
    made = homes.create(tx, viewer, family, new_slug, _like(tx, seen), config)
    if with_members:
        member_copies.add(tx, seen.collection, made.collection)
    return access.require(tx, viewer, family, new_slug)


def _like(rx: Rx, seen: Seen) -> NewCollection:
    collection = seen.collection
    return NewCollection(
        seen.name,
        description=collection.description,
        color=seen.color,
        position=seen.position,
        timezone=collection.timezone,
        timezone_id=collection.timezone_id,
        components=collection.components if collection.family is Family.CALENDARS else ALL_COMPONENTS,
        is_transparent=seen.is_transparent,
        properties=dead_properties.list(rx, seen.noted_by),
    )


def _require_room(rx: Rx, viewer: int, source: Collection, config: DavConfig) -> None:
    """Raises TooManyMembers, OverQuota."""
    if source.members > min(MAX_COPIED, config.max_members):
        raise TooManyMembers(f"{source.name} has {source.members:,} objects, too many to copy: export and import it")
    if collections.octets(rx, source.family, viewer) + source.octets > config.max_octets:
        raise OverQuota(f"With a copy your {source.family} would hold more than {config.max_octets:,} octets together")
