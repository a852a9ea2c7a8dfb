"""Dead properties: what clients note on resources and the server only keeps. RFC 4918 §4.1."""

from dataclasses import dataclass
from enum import StrEnum

from mailserver.errors import TooManyProperties
from mailserver.store.collections import Family
from mailserver.store.database import Rx, Tx

MAX_COUNT = 100  # of one resource
MAX_OCTETS = 262_144  # of one resource: names and values
MAX_OCTETS_IN_COLLECTION = 4 * 1024 * 1024  # of all members of a collection: a PROPFIND has them in memory


class Place(StrEnum):
    """What kind of resource; a member's and a collection's go with it by triggers."""

    PRINCIPAL = "principal"
    CALENDAR_HOME = "calendar-home"
    ADDRESSBOOK_HOME = "addressbook-home"
    CALENDAR = "calendar"
    ADDRESSBOOK = "addressbook"
    EVENT = "event"
    CONTACT = "contact"
    SHARE = "share"


HOME = {Family.CALENDARS: Place.CALENDAR_HOME, Family.ADDRESSBOOKS: Place.ADDRESSBOOK_HOME}
COLLECTION = {Family.CALENDARS: Place.CALENDAR, Family.ADDRESSBOOKS: Place.ADDRESSBOOK}
MEMBER = {Family.CALENDARS: Place.EVENT, Family.ADDRESSBOOKS: Place.CONTACT}


@dataclass(frozen=True, slots=True)
class Owner:
    """Which resource: the id of its row; of a principal or a home that of its user."""

    place: Place
    id: int


def list(rx: Rx, owner: Owner) -> dict[str, bytes]:
    """{namespace}local → inner XML, by name."""
    rows = rx.all(
        "SELECT name, value FROM dav_properties WHERE kind = ? AND resource_id = ? ORDER BY name",
        owner.place,
        owner.id,
    )
    return {name: bytes(value) for name, value in rows}


def list_of_collection(rx: Rx, family: Family, collection_id: int) -> dict[str, dict[str, bytes]]:
    """Of every member that has any: href → properties."""
    # CROSS: begin with the members, not with everybody's properties.
    rows = rx.all(
        f"""SELECT m.href, p.name, p.value FROM {family.members} m
            CROSS JOIN dav_properties p ON p.kind = '{MEMBER[family]}' AND p.resource_id = m.id
            WHERE m.{family.parent} = ? ORDER BY m.href, p.name""",
        collection_id,
    )
    found: dict[str, dict[str, bytes]] = {}
    for href, name, value in rows:
        found.setdefault(href, {})[name] = bytes(value)
    return found


def set(tx: Tx, owner: Owner, name: str, value: bytes) -> None:
    tx.run(
        """INSERT INTO dav_properties (kind, resource_id, name, value) VALUES (?, ?, ?, ?)
           ON CONFLICT DO UPDATE SET value = excluded.value""",
        owner.place,
        owner.id,
        name,
        value,
    )


def remove(tx: Tx, owner: Owner, name: str) -> None:
    """Also where there is none: RFC 4918 §14.23 asks for no error."""
    tx.run("DELETE FROM dav_properties WHERE kind = ? AND resource_id = ? AND name = ?", owner.place, owner.id, name)


def copy(tx: Tx, source: Owner, target: Owner) -> int:
    """How many. RFC 4918 §9.8.2; the target has none yet."""
    return tx.run(
        """INSERT INTO dav_properties (kind, resource_id, name, value)
           SELECT ?, ?, name, value FROM dav_properties WHERE kind = ? AND resource_id = ?""",
        target.place,
        target.id,
        source.place,
        source.id,
    )


def require_room(rx: Rx, owner: Owner) -> None:
    """For what was set. Raises TooManyProperties."""
    row = rx.one(
        """SELECT count(*), coalesce(sum(octet_length(name) + octet_length(value)), 0) FROM dav_properties
           WHERE kind = ? AND resource_id = ?""",
        owner.place,
        owner.id,
    )
    if row is not None and (row[0] > MAX_COUNT or row[1] > MAX_OCTETS):
        raise TooManyProperties(f"A resource keeps at most {MAX_COUNT} properties of {MAX_OCTETS:,} octets together")


def require_room_in(rx: Rx, family: Family, collection_id: int) -> None:
    """For what was set on a member. Raises TooManyProperties."""
    row = rx.one(
        f"""SELECT coalesce(sum(octet_length(p.name) + octet_length(p.value)), 0) FROM {family.members} m
            CROSS JOIN dav_properties p ON p.kind = '{MEMBER[family]}' AND p.resource_id = m.id
            WHERE m.{family.parent} = ?""",
        collection_id,
    )
    if row is not None and row[0] > MAX_OCTETS_IN_COLLECTION:
        raise TooManyProperties(f"All objects of a collection keep {MAX_OCTETS_IN_COLLECTION:,} octets of properties")
