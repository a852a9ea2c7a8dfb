"""Three users of one server with a calendar each, and the services that schedule between them."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

from mailserver.config.tree import DavConfig, SchedulingConfig
from mailserver.groupware.accepted import Accept, Accepted
from mailserver.groupware.conditions import NONE, Conditions
from mailserver.groupware.members import Members
from mailserver.groupware.scheduled import ScheduleOptions
from mailserver.groupware.scheduling.calendar_users import CalendarUsers
from mailserver.groupware.scheduling.copies import Copies
from mailserver.groupware.scheduling.deliveries import Deliveries, NeverBusy, Occupied
from mailserver.groupware.scheduling.implicit import ImplicitScheduling
from mailserver.groupware.scheduling.pieces import Pieces
from mailserver.groupware.storing import Stored
from mailserver.ical import itip_tree
from mailserver.ical.itip_parties import attendee, components, partstat
from mailserver.ical.itip_views import whole
from mailserver.store import aliases, collections, domains, members, scheduling_inbox, scheduling_mail, users
from mailserver.store.collections import Collection, Draft, Family
from mailserver.store.database import Rx, Tx
from mailserver.store.members import Member
from mailserver.store.scheduling_mail import Waiting
from mailserver.store.store import Store
from tests.unit.ical.itip_samples import ANNA, BEN

HOSTNAME = "mail.example.org"
DORA = "dora@example.org"
HREF = "one.ics"


def accept(data: bytes, collection: Collection) -> Accepted:
    """What scheduling needs of a calendar object, without the rest."""
    del collection
    calendar = itip_tree.parse(data)
    first = components(calendar)[0]
    is_scheduled = first.first("ORGANIZER") is not None
    return Accepted(first.value("UID"), first.name, {"summary": first.value("SUMMARY")}, is_scheduled=is_scheduled)


@dataclass(frozen=True)
class House:
    store: Store
    members: Members
    deliveries: Deliveries
    scheduling: ImplicitScheduling
    ids: dict[str, int]  # by address
    slugs: dict[str, str]  # of the calendars that new events go to

    async def put(
        self,
        who: str,
        data: bytes,
        href: str = HREF,
        when: Conditions = NONE,
        options: ScheduleOptions | None = None,
        slug: str | None = None,
    ) -> Stored:
        schedule = options or ScheduleOptions()
        return await self.members.put(
            self.ids[who], Family.CALENDARS, slug or self.slugs[who], href, data, when, schedule=schedule
        )

    async def remove(self, who: str, *, reply: bool = True) -> None:
        member = await self.member(who)
        await self.members.remove(
            self.ids[who], Family.CALENDARS, self.slugs[who], member.href, schedule=ScheduleOptions(reply=reply)
        )

    async def copies(self, who: str) -> list[tuple[Member, bytes]]:
        return await self.store.read(_copies, self.ids[who])

    async def member(self, who: str) -> Member:
        return (await self._invited(who))[0]

    async def data(self, who: str) -> bytes:
        return (await self._invited(who))[1]

    async def _invited(self, who: str) -> tuple[Member, bytes]:
        [found] = [each for each in await self.copies(who) if each[0].uid == "one@example.org"]
        return found

    async def answer(self, where: str, who: str, key: str = "") -> str:
        """What the copy of `where` says that `who` answered."""
        seen = whole(itip_tree.parse(await self.data(where))).instances
        return partstat(attendee(seen[key], {who}))

    async def deliver_all(self) -> None:
        """What waits for people here."""
        await Pieces(self.store, self.store.clock, self.scheduling).deliver_all()

    async def inbox(self, who: str) -> list[str]:
        return [each.method for each in await self.store.read(scheduling_inbox.list, self.ids[who])]

    async def mail(self) -> list[Waiting]:
        return await self.store.read(scheduling_mail.list, 0, 100)


def _copies(rx: Rx, user_id: int) -> list[tuple[Member, bytes]]:
    return [
        (member, members.data(rx, Family.CALENDARS, member.id))
        for collection in collections.list(rx, Family.CALENDARS, user_id)
        for member in members.list(rx, collection)
    ]


async def furnish(
    store: Store, occupied: Callable[[CalendarUsers], Occupied] | None = None, accepts: Accept = accept
) -> House:
    counter = itertools.count()
    names = CalendarUsers(HOSTNAME, 10)
    copies = Copies(accepts, lambda octets: next(counter).to_bytes(octets, "big"), DavConfig())
    deliveries = Deliveries(names, copies, occupied(names) if occupied else NeverBusy())
    scheduling = ImplicitScheduling(deliveries, SchedulingConfig())
    members_ = Members(store, {Family.CALENDARS: accepts}, scheduling, DavConfig())
    ids, slugs = await store.write(_people)
    return House(store, members_, deliveries, scheduling, ids, slugs)


def _people(tx: Tx) -> tuple[dict[str, int], dict[str, str]]:
    domains.add(tx, "example.org")
    ids = {address: users.add(tx, address, "$argon2id$unused").id for address in (ANNA, BEN, DORA)}
    aliases.add(tx, "benny@example.org", [BEN])
    aliases.add(tx, "all@example.org", [BEN, DORA])
    return ids, {address: _calendar(tx, user_id).slug for address, user_id in ids.items()}


def _calendar(tx: Tx, user_id: int) -> Collection:
    default = collections.default(tx, Family.CALENDARS, user_id)
    return default or collections.add(tx, Family.CALENDARS, user_id, Draft("calendar", "Calendar", is_default=True))
