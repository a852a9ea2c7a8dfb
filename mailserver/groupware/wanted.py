"""What a client wants a calendar or address book to be: all of it or nothing."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

from mailserver.groupware.feeds.sources import USUAL
from mailserver.groupware.properties import DeadChanges
from mailserver.store.collections import ALL_COMPONENTS, Kind


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
    every: timedelta = USUAL  # how often that is fetched
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
