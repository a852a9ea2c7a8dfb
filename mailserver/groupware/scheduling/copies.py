"""The copies of one event that users of this server have: found, and written without inviting anybody anew."""

from collections.abc import Callable
from dataclasses import dataclass

from mailserver.config.tree import DavConfig
from mailserver.groupware import storing
from mailserver.groupware.accepted import Accept
from mailserver.groupware.scheduled import Settled
from mailserver.ical import itip_tree
from mailserver.ical.itip_parties import components
from mailserver.ical.itip_tree import Part
from mailserver.ical.itip_views import organizer_address
from mailserver.store import collections, members, scheduling_copies
from mailserver.store.collections import Collection, Family, Kind
from mailserver.store.database import Rx, Tx
from mailserver.store.members import Member

NAME_OCTETS = 16  # of the href of what the server stores


@dataclass(frozen=True, slots=True)
class Copy:
    collection: Collection
    member: Member
    calendar: Part


class Copies:
    def __init__(self, accept: Accept, random: Callable[[int], bytes], config: DavConfig) -> None:
        self._accept = accept
        self._random = random
        self.configure(config)

    def configure(self, config: DavConfig) -> None:
        self.config = config

    def find(self, rx: Rx, user_id: int, uid: str, organizer: str) -> Copy | None:
        """Of the event of this organizer; another one of the same UID is another event."""
        for collection, member in scheduling_copies.list_by_uid(rx, user_id, uid):
            calendar = itip_tree.parse(members.data(rx, Family.CALENDARS, member.id))
            if organizer_address(calendar) == organizer:
                return Copy(collection, member, calendar)
        return None

    def is_taken(self, rx: Rx, user_id: int, uid: str) -> bool:
        return bool(scheduling_copies.list_by_uid(rx, user_id, uid))

    def target(self, rx: Rx, user_id: int, component: str) -> Collection | None:
        """The default calendar, or the first of his that takes such a thing."""
        own = [each for each in collections.list(rx, Family.CALENDARS, user_id) if each.kind is Kind.ORDINARY]
        return next((each for each in own if component in each.components), None)

    def write(self, tx: Tx, found: Copy | None, collection: Collection, calendar: Part, tag: str | None) -> Member:
        """Raises what Accept does, TooManyMembers, OverQuota."""
        data = calendar.render()
        before = None if found is None else found.member
        accepted = self._accept(data, collection)
        storing.require_room(tx, collection, len(data), before, self.config)
        href = self.new_name() if before is None else before.href
        return storing.store(tx, collection, href, before, Settled(data, accepted, tag))

    def new_name(self) -> str:
        return f"{self._random(NAME_OCTETS).hex()}.ics"

    def new_tag(self, calendar: Part) -> str:
        """Of a schedule-tag, RFC 6638 §3.2.10."""
        return members.etag_of(calendar.render())


def component_of(calendar: Part) -> str:
    return components(calendar)[0].name
