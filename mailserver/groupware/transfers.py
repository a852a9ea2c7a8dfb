"""COPY and MOVE of a member as they run inside a transaction: both sides' rules, or nothing. RFC 4918 §9.8, §9.9."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mailserver.errors import Locked, MemberExists, NoSuchMember, NotPermitted, NoUidConflict
from mailserver.groupware import access, conditions, locks, names
from mailserver.groupware.access import Privilege, Seen
from mailserver.groupware.conditions import Conditions
from mailserver.groupware.scheduled import Change, ScheduleOptions
from mailserver.groupware.storing import Prepared, Rules, Stored, require_room, require_uid, settle, store
from mailserver.store import dav_locks, dead_properties, members
from mailserver.store.collections import Collection, Family
from mailserver.store.database import Rx, Tx
from mailserver.store.dead_properties import Owner
from mailserver.store.members import Member

Ends = tuple[str, str]  # slug and href


@dataclass(frozen=True, slots=True)
class Transfer:
    viewer: int
    family: Family
    source: Ends
    target: Ends
    overwrite: bool
    when: Conditions
    target_when: Conditions
    options: ScheduleOptions


def look(rx: Rx, viewer: int, family: Family, source: Ends, target_slug: str) -> tuple[bytes, Collection]:
    """The octets and where they are to go, for Accept."""
    found = members.get_with_data(rx, access.require(rx, viewer, family, source[0]).collection, source[1])
    if found is None:
        raise NoSuchMember
    return found[1], access.require(rx, viewer, family, target_slug).collection


def copy(tx: Tx, transfer: Transfer, prepared: Prepared, rules: Rules) -> Stored:
    """As Members.copy."""
    from_, member = _source(tx, transfer, Privilege.READ)
    conditions.require_match(transfer.when, member)
    prepared = _current(tx, from_.collection, member, prepared)
    to, replaced = _target(tx, transfer)
    accepted = prepared.accepted_for(to.collection, rules)
    require_room(tx, to.collection, member.size, None, rules.config)
    _require_uid_but(tx, to, transfer.target[1], accepted.uid, replaced)
    _remove_replaced(tx, transfer, to, replaced, rules)
    href = transfer.target[1]
    settled = settle(tx, transfer.viewer, to, href, None, prepared.data, accepted, transfer.options, rules)
    made = store(tx, to.collection, href, None, settled)
    place = dead_properties.MEMBER[transfer.family]
    if dead_properties.copy(tx, Owner(place, member.id), Owner(place, made.id)):
        dead_properties.require_room_in(tx, transfer.family, to.collection.id)
    return Stored(to.collection, made, replaced is None, settled.data == prepared.data)


def move(tx: Tx, transfer: Transfer, prepared: Prepared, rules: Rules) -> Stored:
    """As Members.move."""
    from_, member = _source(tx, transfer, Privilege.UNBIND)
    conditions.judge(transfer.when, member, locks.of_binding(tx, from_.collection, member.href))
    prepared = _current(tx, from_.collection, member, prepared)
    to, replaced = _target(tx, transfer)
    if member.schedule_tag is not None and to.collection.user_id != from_.collection.user_id:
        raise NotPermitted("An event with guests stays with its owner: answers would not find it elsewhere")
    href = transfer.target[1]
    if to.collection.id != from_.collection.id:
        accepted = prepared.accepted_for(to.collection, rules)
        require_room(tx, to.collection, member.size, None, rules.config)
        _require_uid_but(tx, to, href, accepted.uid, replaced)
    _remove_replaced(tx, transfer, to, replaced, rules)
    dav_locks.remove_at(tx, from_.collection, member.href)
    moved = members.move(tx, from_.collection, member, to.collection, href)
    if to.collection.id != from_.collection.id:
        accepted.apply(tx, moved.id)
        if dead_properties.list(tx, Owner(dead_properties.MEMBER[transfer.family], moved.id)):
            dead_properties.require_room_in(tx, transfer.family, to.collection.id)
    return Stored(to.collection, moved, replaced is None, data_is_as_sent=True)


def _source(tx: Tx, transfer: Transfer, privilege: Privilege) -> tuple[Seen, Member]:
    seen = access.require(tx, transfer.viewer, transfer.family, transfer.source[0], privilege)
    member = members.find(tx, seen.collection, transfer.source[1])
    if member is None:
        raise NoSuchMember
    return seen, member


def _target(tx: Tx, transfer: Transfer) -> tuple[Seen, Member | None]:
    """What is there now. Raises MemberExists where it may not be replaced."""
    slug, href = transfer.target
    names.require_href(href)
    seen = access.require(tx, transfer.viewer, transfer.family, slug, Privilege.BIND)
    member = members.find(tx, seen.collection, href)
    with _about(slug):
        conditions.judge(transfer.target_when, member, locks.of_binding(tx, seen.collection, href))
    if member is None:
        return seen, None
    access.require_privilege(seen, Privilege.UNBIND)
    if not transfer.overwrite:
        raise MemberExists
    return seen, member


def _remove_replaced(tx: Tx, transfer: Transfer, to: Seen, replaced: Member | None, rules: Rules) -> None:
    """As DELETE does, RFC 4918 §9.8.4: who was invited to what was there is told."""
    if replaced is None:
        return
    if replaced.schedule_tag is not None and not transfer.options.silent:
        before = (replaced, members.data(tx, transfer.family, replaced.id))
        change = Change(transfer.viewer, to, replaced.href, before, None, None, transfer.options)
        rules.scheduling.removed(tx, change)
    members.remove(tx, to.collection, replaced)


def _require_uid_but(rx: Rx, to: Seen, href: str, uid: str, replaced: Member | None) -> None:
    """What is replaced goes first, and its UID with it."""
    if replaced is None or replaced.uid != uid:
        with _about(to.slug):
            require_uid(rx, to.collection, href, uid, None)


@contextmanager
def _about(slug: str) -> Iterator[None]:
    """The request is about the source: what the target's objects and locks forbid is to be looked for there."""
    try:
        yield
    except (Locked, NoUidConflict) as fault:
        fault.slug = slug
        raise


def _current(rx: Rx, collection: Collection, member: Member, prepared: Prepared) -> Prepared:
    """Somebody may have changed the source since it was read."""
    if member.etag == prepared.etag:
        return prepared
    return Prepared(members.data(rx, collection.family, member.id), member.etag, prepared.collection, None)
