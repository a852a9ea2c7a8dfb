"""Objects in calendars and address books: read, stored, removed, copied and moved, each in one transaction.

What may take long (reading the octets, deriving from them) comes before the transaction, what must hold (rights,
conditions, UIDs, room) is judged inside it.
"""

import builtins
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mailserver.config.tree import DavConfig
from mailserver.errors import NoSuchMember, NotPermitted, ObjectTooLarge, Refusal
from mailserver.groupware import access, conditions, storing, transfers
from mailserver.groupware.accepted import Accept, Accepted
from mailserver.groupware.access import Seen
from mailserver.groupware.conditions import Conditions
from mailserver.groupware.scheduled import NoScheduling, ScheduleOptions, Scheduling
from mailserver.groupware.storing import Prepared, Rules, Stored
from mailserver.store import members
from mailserver.store.collections import Collection, Family
from mailserver.store.database import Rx
from mailserver.store.members import PIECE, Member
from mailserver.store.store import Store

THREAD_OCTETS = 16_384  # larger ones are accepted in a thread

MAX_KNOWN = 500  # collections whose last PUT is remembered

_USUAL = ScheduleOptions()
Place = tuple[int, Family, str]  # viewer, family, slug


@dataclass(frozen=True, slots=True)
class MemberPath:
    """Where a member is in its viewer's home."""

    family: Family
    slug: str
    href: str


class Members:
    def __init__(
        self,
        store: Store,
        accept: Mapping[Family, Accept],
        scheduling: Scheduling | None = None,
        config: DavConfig | None = None,
    ) -> None:
        self._store = store
        self._rules = Rules(accept, scheduling or NoScheduling(), config or DavConfig())
        self._known: OrderedDict[Place, Collection] = OrderedDict()  # of the last PUTs

    def configure(self, config: DavConfig) -> None:
        self._rules = Rules(self._rules.accept, self._rules.scheduling, config)

    # ---- reading: each raises NoSuchCollection ----

    async def list(self, viewer: int, family: Family, slug: str) -> tuple[Seen, builtins.list[Member]]:
        """All, in the order of their last changes."""
        return await self._store.read(_list, viewer, family, slug)

    async def etags(self, viewer: int, family: Family, slug: str) -> tuple[Seen, builtins.list[tuple[str, str]]]:
        """(href, etag) of each: half the time of `list`, for PROPFINDs that ask for no more."""
        return await self._store.read(_etags, viewer, family, slug)

    async def find(self, viewer: int, family: Family, slug: str, href: str) -> tuple[Seen, Member]:
        """Raises NoSuchMember too."""
        return await self._store.read(_find, viewer, family, slug, href)

    async def get(self, viewer: int, family: Family, slug: str, href: str) -> tuple[Member, bytes]:
        """Raises NoSuchMember too."""
        return await self._store.read(get, viewer, family, slug, href)

    async def multiget(
        self, viewer: int, family: Family, slug: str, hrefs: Sequence[str]
    ) -> dict[str, tuple[Member, bytes]]:
        """By href; those that are not there are left out. Call it with PIECE hrefs at most to keep memory small."""
        found: dict[str, tuple[Member, bytes]] = {}
        for start in range(0, len(hrefs), PIECE) or (0,):
            piece = hrefs[start : start + PIECE]
            found |= await self._store.read(_multiget, viewer, family, slug, piece)
        return found

    # ---- writing: each raises NoSuchCollection, NotPermitted, PreconditionFailed, Locked ----

    async def put(
        self,
        viewer: int,
        family: Family,
        slug: str,
        href: str,
        data: bytes,
        when: Conditions = conditions.NONE,
        *,
        schedule: ScheduleOptions = _USUAL,
    ) -> Stored:
        """The same octets again are no change. What was stored is durable when this returns.

        Raises also what Accept does, NoUidConflict, ObjectTooLarge, TooManyMembers, OverQuota, InsufficientStorage,
        BadValue (href).
        """
        self.require_size(data)
        self._store.require_room()
        place = viewer, family, slug
        prepared = await self._prepared(place, href, data)
        stored = await self._store.write(storing.put, *place, href, prepared, when, schedule, self._rules)
        self._remember(place, stored.collection)
        return stored

    async def _prepared(self, place: "Place", href: str, data: bytes) -> Prepared:
        """Accepted for the collection as it was at the last PUT there, which spares a transaction: storing.put sees
        whether it still is that, and whether this user still may. Whatever is refused is looked at first."""
        etag, known = members.etag_of(data), self._known.get(place)
        if known is not None:
            try:
                return Prepared(data, etag, known, await self.accepted(data, known))
            except Refusal:
                self._known.pop(place, None)
        seen, there = await self._store.read(storing.look, *place, href)
        accepted = None if there == etag else await self.accepted(data, seen.collection)
        return Prepared(data, etag, seen.collection, accepted)

    def _remember(self, place: "Place", collection: Collection) -> None:
        self._known[place] = collection
        self._known.move_to_end(place)
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)

    async def remove(
        self,
        viewer: int,
        family: Family,
        slug: str,
        href: str,
        when: Conditions = conditions.NONE,
        *,
        schedule: ScheduleOptions = _USUAL,
    ) -> None:
        """Raises NoSuchMember too."""
        await self._store.write(storing.remove, viewer, family, slug, href, when, schedule, self._rules)

    async def copy(
        self,
        viewer: int,
        source: MemberPath,
        target: MemberPath,
        *,
        overwrite: bool,
        when: Conditions = conditions.NONE,
        target_when: Conditions = conditions.NONE,
        schedule: ScheduleOptions = _USUAL,
    ) -> Stored:
        """With its dead properties. `when` is about the source, `target_when` about the target and its locks.

        Raises also NoSuchMember, MemberExists (overwrite is False), and what `put` does.
        """
        return await self._transfer(viewer, source, target, overwrite, when, target_when, schedule, move=False)

    async def move(
        self,
        viewer: int,
        source: MemberPath,
        target: MemberPath,
        *,
        overwrite: bool,
        when: Conditions = conditions.NONE,
        target_when: Conditions = conditions.NONE,
        schedule: ScheduleOptions = _USUAL,
    ) -> Stored:
        """As copy; what is noted about it goes along, locks stay behind and end. Nobody is invited anew."""
        return await self._transfer(viewer, source, target, overwrite, when, target_when, schedule, move=True)

    async def _transfer(
        self,
        viewer: int,
        source: MemberPath,
        target: MemberPath,
        overwrite: bool,
        when: Conditions,
        target_when: Conditions,
        schedule: ScheduleOptions,
        *,
        move: bool,
    ) -> Stored:
        if source.family is not target.family:
            raise NotPermitted("Events do not go into address books, nor contacts into calendars")
        if source == target:
            raise NotPermitted("Source and destination are the same")  # RFC 4918 §9.8.5, §9.9.4
        if not move:
            self._store.require_room()
        data, collection = await self._store.read(
            transfers.look, viewer, source.family, (source.slug, source.href), target.slug
        )
        prepared = Prepared(data, members.etag_of(data), collection, await self.accepted(data, collection))
        both = transfers.Transfer(
            viewer,
            source.family,
            (source.slug, source.href),
            (target.slug, target.href),
            overwrite,
            when,
            target_when,
            schedule,
        )
        verb = transfers.move if move else transfers.copy
        return await self._store.write(verb, both, prepared, self._rules)

    # ---- for imports and others that write many in one transaction ----

    async def accepted(self, data: bytes, collection: Collection) -> Accepted:
        """Raises what Accept does."""
        accept = self._rules.accept[collection.family]
        if len(data) > THREAD_OCTETS:
            return await self._store.in_thread(accept, data, collection)
        return accept(data, collection)

    def require_size(self, data: bytes) -> None:
        """Raises ObjectTooLarge."""
        if len(data) > self._rules.config.max_object_octets:
            raise ObjectTooLarge(f"An object has at most {self._rules.config.max_object_octets:,} octets")

    @property
    def rules(self) -> Rules:
        """For `storing.put` in a transaction of one's own."""
        return self._rules


def get(rx: Rx, viewer: int, family: Family, slug: str, href: str) -> tuple[Member, bytes]:
    """As Members.get."""
    found = members.get_with_data(rx, access.require(rx, viewer, family, slug).collection, href)
    if found is None:
        raise NoSuchMember
    return found


def _list(rx: Rx, viewer: int, family: Family, slug: str) -> tuple[Seen, list[Member]]:
    seen = access.require(rx, viewer, family, slug)
    return seen, members.list(rx, seen.collection)


def _etags(rx: Rx, viewer: int, family: Family, slug: str) -> tuple[Seen, list[tuple[str, str]]]:
    seen = access.require(rx, viewer, family, slug)
    return seen, members.list_etags(rx, seen.collection)


def _find(rx: Rx, viewer: int, family: Family, slug: str, href: str) -> tuple[Seen, Member]:
    seen = access.require(rx, viewer, family, slug)
    member = members.find(rx, seen.collection, href)
    if member is None:
        raise NoSuchMember
    return seen, member


def _multiget(rx: Rx, viewer: int, family: Family, slug: str, hrefs: Sequence[str]) -> dict[str, tuple[Member, bytes]]:
    collection = access.require(rx, viewer, family, slug).collection
    return {found[0].href: found for found in members.list_with_data(rx, collection, hrefs)}
