"""Calendars and address books: collections of a user, and those that others share with him.

Two families of the same kind: the verbs are the same, SQL names come from `Family`. A change of a collection or of
what is in it takes the next change number of its owner; `modseq` is the last of them, ctag the same as text.
"""

import builtins
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from mailserver.errors import CollectionExists
from mailserver.store import change_numbers
from mailserver.store.database import Row, Rx, Tx, Value
from mailserver.store.events import CollectionChanged


class Family(StrEnum):
    """The values are the tables of the collections and the first segments of their paths."""

    CALENDARS = "calendars"
    ADDRESSBOOKS = "addressbooks"

    @property
    def members(self) -> str:
        """Table of the members."""
        return _TABLES[self].members

    @property
    def parent(self) -> str:
        """Column of a member's collection."""
        return _TABLES[self].parent

    @property
    def data(self) -> str:
        """Column of a member's octets."""
        return _TABLES[self].data


@dataclass(frozen=True, slots=True)
class _Tables:
    members: str
    parent: str
    data: str
    own: str  # columns that only this family has: timezone text, timezone name, components, is_transparent


_TABLES = {
    Family.CALENDARS: _Tables(
        "calendar_events",
        "calendar_id",
        "icalendar_data",
        "c.vtimezone, coalesce(c.timezone, u.timezone, 'UTC'), c.components, c.is_transparent",
    ),
    Family.ADDRESSBOOKS: _Tables("contacts", "addressbook_id", "vcard_data", "NULL, NULL, 'VCARD', 0"),
}


class Kind(StrEnum):
    ORDINARY = "ordinary"
    SUBSCRIPTION = "subscription"  # an outside feed; only the server writes
    BIRTHDAYS = "birthdays"  # made from contacts; only the server writes
    COLLECTED = "collected"  # the book of correspondents
    DIRECTORY = "directory"  # the accounts of this server; only the server writes


ALL_COMPONENTS = ("VEVENT", "VTODO", "VJOURNAL")  # what a calendar takes that was made without a choice


@dataclass(frozen=True, slots=True)
class Collection:
    id: int
    family: Family
    user_id: int  # the owner
    owner: str  # address
    slug: str  # in the owner's home
    kind: Kind
    name: str
    description: str | None
    color: str | None  # as the client wrote it: #RRGGBB or #RRGGBBAA
    position: int | None
    timezone: str | None  # iCalendar text with a VTIMEZONE, as sent
    timezone_id: str | None  # the zone's name, else that of its owner's profile, else UTC; None for address books
    components: tuple[str, ...]  # it takes these; ("VCARD",) for address books
    is_transparent: bool  # counts in no free-busy answer
    is_default: bool
    modseq: int  # last change number that touched it or a member
    floor: int  # removals before this number are forgotten
    members: int
    octets: int  # of all members
    changed_ms: int  # epoch


@dataclass(frozen=True, slots=True)
class Draft:
    """What a new collection begins with."""

    slug: str
    name: str
    kind: Kind = Kind.ORDINARY
    description: str | None = None
    color: str | None = None
    position: int | None = None
    timezone: str | None = None
    timezone_id: str | None = None
    components: tuple[str, ...] = ALL_COMPONENTS
    is_transparent: bool = False
    is_default: bool = False


def find(rx: Rx, family: Family, user_id: int, slug: str) -> Collection | None:
    """One of the user's own."""
    row = rx.one(f"{_select(family)} WHERE c.user_id = ? AND c.slug = ? AND {_HERE}", user_id, slug)
    return _collection(family, row) if row else None


def find_by_id(rx: Rx, family: Family, collection_id: int) -> Collection | None:
    """Whoever asks has looked for the right to it."""
    row = rx.one(f"{_select(family)} WHERE c.id = ? AND {_HERE}", collection_id)
    return _collection(family, row) if row else None


def list(rx: Rx, family: Family, user_id: int) -> builtins.list[Collection]:
    """The user's own, the default first."""
    rows = rx.all(
        f"{_select(family)} WHERE c.user_id = ? AND {_HERE} ORDER BY c.is_default DESC, c.position IS NULL, c.position,"
        " c.id",
        user_id,
    )
    return [_collection(family, row) for row in rows]


def list_of_kind(rx: Rx, family: Family, kind: Kind) -> builtins.list[Collection]:
    """Of all users, also deleted ones, the oldest first."""
    rows = rx.all(f"{_select(family)} WHERE c.kind = ? ORDER BY c.id", kind)
    return [_collection(family, row) for row in rows]


def default(rx: Rx, family: Family, user_id: int) -> Collection | None:
    row = rx.one(f"{_select(family)} WHERE c.user_id = ? AND c.is_default = 1 AND {_HERE}", user_id)
    return _collection(family, row) if row else None


def octets(rx: Rx, family: Family, user_id: int) -> int:
    """All that the user's own hold."""
    row = rx.one(f"SELECT coalesce(sum(octets), 0) FROM {family} WHERE user_id = ?", user_id)
    return int(row[0]) if row else 0


def count(rx: Rx, family: Family, user_id: int) -> int:
    row = rx.one(f"SELECT count(*) FROM {family} WHERE user_id = ?", user_id)
    return int(row[0]) if row else 0


def is_free(rx: Rx, family: Family, user_id: int, slug: str) -> bool:
    """Neither a collection of the user's nor one shared with him has this slug in his home."""
    return (
        rx.one(
            f"""SELECT 1 FROM {family} WHERE user_id = ?1 AND slug = ?2
                UNION ALL SELECT 1 FROM dav_shares WHERE user_id = ?1 AND family = '{family}' AND slug = ?2""",
            user_id,
            slug,
        )
        is None
    )


def add(tx: Tx, family: Family, user_id: int, draft: Draft) -> Collection:
    """Raises CollectionExists. Bounds and names are the caller's to judge."""
    if not is_free(tx, family, user_id, draft.slug):
        raise CollectionExists
    return _add(tx, family, user_id, draft, change_numbers.take(tx, user_id))


def _add(tx: Tx, family: Family, user_id: int, draft: Draft, modseq: int) -> Collection:
    columns: dict[str, Value] = {
        "user_id": user_id,
        "slug": draft.slug,
        "kind": draft.kind,
        "name": draft.name,
        "description": draft.description,
        "color": draft.color,
        "position": draft.position,
        "modseq": modseq,
        "ctag": str(modseq),
        "changed_ms": tx.now_ms,
        "created_at": tx.now,
        "updated_at": tx.now,
    }
    if family is Family.CALENDARS:
        columns |= {
            "vtimezone": draft.timezone,
            "timezone": draft.timezone_id,
            "components": ",".join(draft.components),
            "is_transparent": int(draft.is_transparent),
        }
    collection_id = tx.insert(
        f"""INSERT INTO {family} (uid, {", ".join(columns)})
            VALUES (lower(hex(randomblob(16))), {", ".join("?" * len(columns))})""",
        *columns.values(),
    )
    if draft.is_default:
        make_default(tx, family, user_id, collection_id)
    tx.tell(CollectionChanged(user_id, family, collection_id, modseq))
    return _again(tx, family, collection_id)


_DEFAULTS = (  # migration 024 has the same for those who were there before it
    (Family.CALENDARS, Draft("calendar", "Calendar", is_default=True)),
    (Family.CALENDARS, Draft("tasks", "Tasks", components=("VTODO",))),
    (Family.ADDRESSBOOKS, Draft("contacts", "Contacts", is_default=True)),
)


def add_defaults(tx: Tx, user_id: int) -> None:
    """What every new user finds: a calendar, a list of tasks, an address book. They take no number: he begins so."""
    for family, draft in _DEFAULTS:
        _add(tx, family, user_id, draft, change_numbers.current(tx, user_id))


SETTABLE: Mapping[Family, frozenset[str]] = {
    Family.CALENDARS: frozenset(
        {"slug", "name", "description", "color", "position", "vtimezone", "timezone", "components", "is_transparent"}
    ),
    Family.ADDRESSBOOKS: frozenset({"slug", "name", "description", "color", "position"}),
}


def set_columns(tx: Tx, collection: Collection, columns: Mapping[str, Value]) -> Collection:
    """Columns of SETTABLE; also with none of them it is a change."""
    if not SETTABLE[collection.family].issuperset(columns):
        raise LookupError(f"not columns of {collection.family} to be set: {sorted(columns)}")
    tx.run(
        f"UPDATE {collection.family} SET {''.join(f'{name} = ?, ' for name in columns)}updated_at = ? WHERE id = ?",
        *columns.values(),
        tx.now,
        collection.id,
    )
    touch(tx, collection, change_numbers.take(tx, collection.user_id))
    return _again(tx, collection.family, collection.id)


def make_default(tx: Tx, family: Family, user_id: int, collection_id: int) -> None:
    tx.run(f"UPDATE {family} SET is_default = 0, updated_at = ? WHERE user_id = ? AND is_default = 1", tx.now, user_id)
    tx.run(
        f"UPDATE {family} SET is_default = 1, updated_at = ? WHERE user_id = ? AND id = ?",
        tx.now,
        user_id,
        collection_id,
    )


def touch(tx: Tx, collection: Collection, modseq: int, *, members: int = 0, octets: int = 0) -> None:
    """Write down a change under a number that was taken; `members` and `octets` are differences."""
    tx.run(
        f"""UPDATE {collection.family} SET modseq = ?1, ctag = ?1, member_count = member_count + ?, octets = octets + ?,
            changed_ms = ?, updated_at = ? WHERE id = ?""",
        modseq,
        members,
        octets,
        tx.now_ms,
        tx.now,
        collection.id,
    )
    tx.tell(CollectionChanged(collection.user_id, collection.family, collection.id, modseq))


def announce(tx: Tx, collection: Collection, user_id: int) -> None:
    """That the user's home shows it in another way, or no longer."""
    tx.tell(CollectionChanged(user_id, collection.family, collection.id, collection.modseq))


def remove(tx: Tx, collection: Collection) -> None:
    """With its members and everything about them. Its id is never given again, so no token of it is valid again."""
    modseq = change_numbers.take(tx, collection.user_id)
    tx.run(f"DELETE FROM {collection.family} WHERE id = ?", collection.id)
    tx.tell(CollectionChanged(collection.user_id, collection.family, collection.id, modseq))


def _again(tx: Tx, family: Family, collection_id: int) -> Collection:
    """As it is now."""
    collection = find_by_id(tx, family, collection_id)
    if collection is None:
        raise LookupError(f"{family} {collection_id} is gone within its transaction")
    return collection


_HERE = "u.deleted_at IS NULL AND d.deleted_at IS NULL"


def _select(family: Family) -> str:
    return f"""SELECT c.id, c.user_id, u.username || '@' || d.name, c.slug, c.kind, c.name, c.description, c.color,
        c.position, c.is_default IS TRUE, c.modseq, c.floor, c.member_count, c.octets, c.changed_ms,
        {_TABLES[family].own}
        FROM {family} c JOIN users u ON u.id = c.user_id JOIN domains d ON d.id = u.domain_id"""


def _collection(family: Family, row: Row) -> Collection:
    (collection_id, user_id, owner, slug, kind, name, description, color, position, is_default, modseq, floor, members,
     octets, changed_ms, timezone, timezone_id, components, is_transparent) = row  # fmt: skip
    return Collection(
        id=collection_id,
        family=family,
        user_id=user_id,
        owner=owner,
        slug=slug,
        kind=Kind(kind),
        name=name,
        description=description,
        color=color,
        position=position,
        timezone=timezone,
        timezone_id=timezone_id,
        components=tuple(components.split(",")) if components else ALL_COMPONENTS,
        is_transparent=bool(is_transparent),
        is_default=bool(is_default),
        modseq=modseq,
        floor=floor,
        members=members,
        octets=octets,
        changed_ms=changed_ms,
    )
