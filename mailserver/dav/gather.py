"""Facts of resources, read within one transaction: who may see it, what is there, and what was asked for besides."""

from dataclasses import replace

from mailserver.auth.account import Account
from mailserver.config.tree import DavConfig
from mailserver.dav import people
from mailserver.dav.errors import NotFound
from mailserver.dav.facts import Facts
from mailserver.dav.names import Name
from mailserver.dav.properties.property import Need
from mailserver.dav.resources import (
    Attachment,
    CollectionRef,
    Home,
    Homes,
    Inbox,
    InboxItem,
    MemberRef,
    Outbox,
    Principal,
    Principals,
    Resource,
    Root,
    owner,
)
from mailserver.errors import NoSuchMember
from mailserver.groupware import access, room
from mailserver.groupware.access import Privilege, Seen
from mailserver.groupware.scheduling import inbox
from mailserver.store import collections, dav_locks, dead_properties, feeds, members, scheduling_inbox, shares
from mailserver.store.collections import Family, Kind
from mailserver.store.database import Rx
from mailserver.store.dead_properties import Owner, Place
from mailserver.store.members import Member


class Gathering:
    """One transaction's reading for one viewer. Each method raises NotFound for what he may not know of."""

    def __init__(self, rx: Rx, viewer: Account, config: DavConfig, now_ms: int, needs: Need = Need.NONE) -> None:
        self._rx = rx
        self._viewer = viewer
        self._config = config
        self._now_ms = now_ms
        self._needs = needs

    def of(self, resource: Resource, *, dead: bool = True) -> Facts:
        """Raises also NoSuchCollection, NoSuchMember. `dead`: with the dead properties."""
        require_own(self._viewer, resource)
        facts = self._alone(resource)
        noted = _noted(facts) if dead else None
        if noted is None:
            return facts
        return replace(facts, dead=dead_of(dead_properties.list(self._rx, noted)))

    def below(self, resource: Resource) -> list[Facts]:
        """Members of a folder that is no collection of objects, in a fixed order."""
        user = self._viewer.address
        match resource:
            case Root():
                return [self.of(Principals()), *(self.of(Homes(family)) for family in Family)]
            case Principals():
                return [self.of(Principal(user))]
            case Homes(family):
                return [self.of(Home(family, user))]
            case Home(family, _):
                places: list[Resource] = [Inbox(user), Outbox(user)] if family is Family.CALENDARS else []
                seen = access.list(self._rx, self._viewer.user_id, family)
                return [self._collection(each) for each in seen] + [self.of(each) for each in places]
            case Inbox():
                return [self._message(each) for each in inbox.listed(self._rx, self._viewer.user_id)]
        return []

    def _collection(self, seen: Seen) -> Facts:
        resource = CollectionRef(seen.collection.family, self._viewer.address, seen.slug)
        facts = self._besides(self._bare(resource, seen=seen), seen)
        return replace(facts, dead=dead_of(dead_properties.list(self._rx, seen.noted_by)))

    def _message(self, member: Member) -> Facts:
        return self._bare(InboxItem(self._viewer.address, member.href), member=member)

    def _alone(self, resource: Resource) -> Facts:
        match resource:
            case Principal(user):
                return self._bare(resource, person=people.find(self._rx, self._viewer, user, self._config.principals))
            case CollectionRef(family, _, slug):
                seen = access.require(self._rx, self._viewer.user_id, family, slug)
                return self._besides(self._bare(resource, seen=seen), seen)
            case MemberRef(family, _, slug, href):
                seen = access.require(self._rx, self._viewer.user_id, family, slug)
                member = members.find(self._rx, seen.collection, href)
                if member is None:
                    raise NoSuchMember
                return self._besides(self._bare(resource, seen=seen, member=member), seen)
            case Inbox():
                default = collections.default(self._rx, Family.CALENDARS, self._viewer.user_id)
                tag = scheduling_inbox.tag(self._rx, self._viewer.user_id)
                return self._bare(resource, default=access.owned(default) if default else None, inbox_tag=tag)
            case InboxItem(_, href):
                return self._message(inbox.get(self._rx, self._viewer.user_id, href)[0])
            case Attachment():
                raise NotFound
            case Home(family, _) if Need.QUOTA in self._needs:
                return self._bare(resource, quota=room.of(self._rx, family, self._viewer.user_id, self._config))
        return self._bare(resource)

    def _besides(self, facts: Facts, seen: Seen) -> Facts:
        """What is read only where it is asked for."""
        if Need.SHARES in self._needs and Privilege.SHARE in seen.privileges:
            facts = replace(facts, shares=tuple(shares.list_of(self._rx, seen.collection)))
        if Need.SOURCE in self._needs and seen.collection.kind is Kind.SUBSCRIPTION and not seen.is_shared_in:
            feed = feeds.find(self._rx, seen.collection.id)
            facts = replace(facts, source=feed.url if feed is not None else None)
        if Need.LOCKS in self._needs:
            facts = replace(facts, locks=tuple(dav_locks.list(self._rx, seen.collection, self._now_ms)))
        if Need.QUOTA in self._needs:
            family, owner_id = seen.collection.family, seen.collection.user_id
            facts = replace(facts, quota=room.of(self._rx, family, owner_id, self._config))
        return facts

    def _bare(self, resource: Resource, **known: object) -> Facts:
        return Facts(self._viewer, resource, self._config, self._now_ms, **known)  # type: ignore[arg-type]


def require_own(viewer: Account, resource: Resource) -> None:
    """Homes and what is in them exist for their user only. Raises NotFound."""
    user = None if isinstance(resource, Principal) else owner(resource)
    if user is not None and user != viewer.address:
        raise NotFound


def dead_of(stored: dict[str, bytes]) -> dict[Name, bytes]:
    """By expanded name."""
    return {name_of(text): value for text, value in stored.items()}


def name_of(text: str) -> Name:
    """From {namespace}local, as the store has them."""
    namespace, _, local = text[1:].rpartition("}")
    return Name(namespace, local)


def text_of(name: Name) -> str:
    return f"{{{name.namespace}}}{name.local}"


def _noted(facts: Facts) -> Owner | None:
    """Where dead properties of the resource are; None for what keeps none."""
    match facts.resource:
        case Principal():
            own = facts.person is not None and facts.person.user_id == facts.viewer.user_id
            return Owner(Place.PRINCIPAL, facts.viewer.user_id) if own else None
        case Home(family, _):
            return Owner(dead_properties.HOME[family], facts.viewer.user_id)
        case Inbox():  # what Apple's clients note there (calendar-availability, RFC 7953) is kept with the home
            return Owner(Place.CALENDAR_HOME, facts.viewer.user_id)
        case CollectionRef() if facts.seen is not None:
            return facts.seen.noted_by
        case MemberRef(family, _, _, _) if facts.member is not None:
            return Owner(dead_properties.MEMBER[family], facts.member.id)
    return None
