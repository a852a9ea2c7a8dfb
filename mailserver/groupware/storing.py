"""PUT and DELETE of one member as they run inside a transaction, whose ever it is."""

from collections.abc import Mapping
from dataclasses import dataclass

from mailserver.config.tree import DavConfig
from mailserver.errors import NoSuchMember, NoUidConflict, OverQuota, TooManyMembers
from mailserver.groupware import access, conditions, locks, names
from mailserver.groupware.accepted import Accept, Accepted
from mailserver.groupware.access import Privilege, Seen
from mailserver.groupware.conditions import Conditions
from mailserver.groupware.scheduled import Change, ScheduleOptions, Scheduling, Settled
from mailserver.store import collections, dav_locks, members
from mailserver.store.collections import Collection, Family
from mailserver.store.database import Rx, Tx
from mailserver.store.members import Member


@dataclass(frozen=True, slots=True)
class Rules:
    accept: Mapping[Family, Accept]
    scheduling: Scheduling
    config: DavConfig


@dataclass(frozen=True, slots=True)
class Prepared:
    """Octets with what was made of them before the transaction, for the collection as it was then."""

    data: bytes
    etag: str
    collection: Collection
    accepted: Accepted | None  # None: the same octets were there already

    def accepted_for(self, collection: Collection, rules: Rules) -> Accepted:
        """Made anew where the collection has become another one. Raises what Accept does."""
        if self.accepted is not None and _kin(self.collection) == _kin(collection):
            return self.accepted
        return rules.accept[collection.family](self.data, collection)


@dataclass(frozen=True, slots=True)
class Stored:
    collection: Collection  # as it was before
    member: Member
    created: bool
    data_is_as_sent: bool  # else scheduling changed it, and the client must fetch it: no ETag (RFC 4791 §5.3.4)
    changed: bool = True  # False: these octets were there already


def look(rx: Rx, viewer: int, family: Family, slug: str, href: str) -> tuple[Seen, str | None]:
    """Where a PUT would go, and the etag there is; refuses early what put would refuse."""
    names.require_href(href)
    seen = access.require(rx, viewer, family, slug)
    member = members.find(rx, seen.collection, href)
    access.require_privilege(seen, _needed(member))
    return seen, member.etag if member is not None else None


def put(
    tx: Tx,
    viewer: int,
    family: Family,
    slug: str,
    href: str,
    prepared: Prepared,
    when: Conditions,
    options: ScheduleOptions,
    rules: Rules,
) -> Stored:
    """As Members.put; the size was looked at."""
    names.require_href(href)
    seen = access.require(tx, viewer, family, slug)
    before = members.find(tx, seen.collection, href)
    access.require_privilege(seen, _needed(before))
    conditions.judge(when, before, _locks(tx, seen.collection, href, before))
    if before is not None and before.etag == prepared.etag:
        return Stored(seen.collection, before, created=False, data_is_as_sent=True, changed=False)
    accepted = prepared.accepted_for(seen.collection, rules)
    require_uid(tx, seen.collection, href, accepted.uid, before)
    require_room(tx, seen.collection, len(prepared.data), before, rules.config)
    settled = settle(tx, viewer, seen, href, before, prepared.data, accepted, options, rules)
    member = store(tx, seen.collection, href, before, settled)
    return Stored(seen.collection, member, before is None, settled.data == prepared.data)


def store(tx: Tx, collection: Collection, href: str, before: Member | None, settled: Settled) -> Member:
    """Write the row and what the family keeps beside it; everything was judged."""
    draft = settled.accepted.draft(settled.data, settled.schedule_tag)
    if before is None:
        member = members.add(tx, collection, href, draft)
    else:
        member = members.replace(tx, collection, before, draft)
    settled.accepted.apply(tx, member.id)
    return member


def remove(
    tx: Tx,
    viewer: int,
    family: Family,
    slug: str,
    href: str,
    when: Conditions,
    options: ScheduleOptions,
    rules: Rules,
) -> None:
    """As Members.remove."""
    seen = access.require(tx, viewer, family, slug, Privilege.UNBIND)
    member = members.find(tx, seen.collection, href)
    conditions.judge(when, member, locks.of_binding(tx, seen.collection, href))
    if member is None:
        raise NoSuchMember
    if member.schedule_tag is not None and not options.silent:
        before = (member, members.data(tx, family, member.id))
        rules.scheduling.removed(tx, Change(viewer, seen, href, before, None, None, options))
    members.remove(tx, seen.collection, member)
    dav_locks.remove_at(tx, seen.collection, href)


def settle(
    tx: Tx,
    viewer: int,
    seen: Seen,
    href: str,
    before: Member | None,
    data: bytes,
    accepted: Accepted,
    options: ScheduleOptions,
    rules: Rules,
) -> Settled:
    """What scheduling makes of it; what invites nobody is stored as it was sent."""
    tag = before.schedule_tag if before is not None else None
    if options.silent or not (accepted.is_scheduled or tag is not None):
        return Settled(data, accepted, tag)
    there = (before, members.data(tx, seen.collection.family, before.id)) if before is not None else None
    return rules.scheduling.stored(tx, Change(viewer, seen, href, there, data, accepted, options))


def require_uid(rx: Rx, collection: Collection, href: str, uid: str, before: Member | None) -> None:
    """One UID, one member; a member keeps its UID. Raises NoUidConflict. RFC 4791 §5.3.2.1, RFC 6352 §6.3.2.1"""
    if before is not None:
        if before.uid != uid:
            raise NoUidConflict(href, "The object here has another UID; what is another object goes to another name")
        return
    other = members.find_by_uid(rx, collection, uid)
    if other is not None and other.href != href:
        raise NoUidConflict(other.href)


def require_room(rx: Rx, collection: Collection, octets: int, before: Member | None, config: DavConfig) -> None:
    """Raises TooManyMembers, OverQuota. What makes an object smaller always has room."""
    if before is None and collection.members >= config.max_members:
        raise TooManyMembers(f"{collection.name} has {collection.members:,} objects, and more are not possible")
    growth = octets - (before.size if before is not None else 0)
    if growth <= 0:
        return
    if collections.octets(rx, collection.family, collection.user_id) + growth > config.max_octets:
        raise OverQuota(f"The {collection.family} of {collection.owner} may hold {config.max_octets:,} octets together")


def _needed(member: Member | None) -> Privilege:
    return Privilege.BIND if member is None else Privilege.WRITE_CONTENT


def _locks(tx: Tx, collection: Collection, href: str, before: Member | None) -> list[dav_locks.Lock]:
    return locks.of_binding(tx, collection, href) if before is None else locks.on(tx, collection, href)


def _kin(collection: Collection) -> tuple[object, ...]:
    """What Accept looks at."""
    return collection.id, collection.timezone, collection.timezone_id, collection.components
