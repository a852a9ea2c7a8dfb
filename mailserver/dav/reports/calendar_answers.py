"""Responses of calendar objects, with what a report asks for of each. RFC 4791 §7.8, §7.9."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from mailserver.dav import asked as asking
from mailserver.dav import errors, propstats
from mailserver.dav.asked import Asked
from mailserver.dav.gather import Gathering
from mailserver.dav.member_responses import MemberResponses
from mailserver.dav.methods.propfind import dead_of_members
from mailserver.dav.names import caldav
from mailserver.dav.reports import calendar_data
from mailserver.dav.request import DavRequest
from mailserver.dav.subjects import subject_of
from mailserver.dav.xml_reader import Element
from mailserver.errors import InvalidCalendarData, NoSuchCollection, TooManyInstances
from mailserver.groupware.access import Seen
from mailserver.groupware.calendars.accept import zone_of_collection
from mailserver.ical.shape import Shape
from mailserver.ical.zones import named_zone, zone_of
from mailserver.store.database import Rx
from mailserver.store.members import Member
from mailserver.store.store import Store


@dataclass(frozen=True, slots=True)
class Answers:
    store: Store
    seen: Seen
    zone: tzinfo  # of times without one
    responses: MemberResponses
    shape: Shape

    @property
    def folder(self) -> str:
        """The calendar's own path."""
        return self.responses.folder

    async def of(self, found: Sequence[tuple[Member, bytes | None]]) -> AsyncIterator[bytes]:
        """Their responses in pieces."""
        if self.responses.needs_data and not self.shape.is_whole:
            yield await self.store.in_thread(self._shaped, found)
            return
        async for piece in self.responses.pieces(found):
            yield piece

    def _shaped(self, found: Sequence[tuple[Member, bytes | None]]) -> bytes:
        return b"".join(self._one(member, data) for member, data in found)

    def _one(self, member: Member, data: bytes | None) -> bytes:
        """One that can not be expanded has a response of its own, and the others have theirs."""
        try:
            return self.responses.response(member, data)
        except (InvalidCalendarData, TooManyInstances) as refusal:
            return errors.status_response(self.responses.path(member.href), refusal)


async def begin(request: DavRequest, root: Element) -> Answers:
    """Raises NotFound, NoSuchCollection, BadXml, InvalidFilter, UnsupportedData, InvalidCalendarData."""
    shape = calendar_data.wanted(root)
    if root.find(caldav("timezone")) is not None:  # a stranger's VTIMEZONE may have thousands of changes
        zone = await request.services.store.in_thread(_zone, root)
    else:
        zone = _zone(root)
    return await request.services.store.read(_begin, request, asking.of_report(root), shape, zone)


def _begin(rx: Rx, request: DavRequest, asked: Asked, shape: Shape, zone: tzinfo | None) -> Answers:
    now_ms = int(request.services.store.clock.now().timestamp() * 1000)
    needs = propstats.needs(asked, (subject_of(request.resource),))
    folder = Gathering(rx, request.viewer, request.services.config, now_ms, needs).of(request.resource, dead=False)
    if folder.seen is None:
        raise NoSuchCollection
    collection = folder.seen.collection
    floating = zone or zone_of_collection(collection)
    words = calendar_data.words(shape, floating)
    responses = MemberResponses(
        asked,
        folder,
        minimal=request.prefer.minimal,
        dead=dead_of_members(rx, collection, asked, tuple(words)),
        data=words,
    )
    return Answers(request.services.store, folder.seen, floating, responses, shape)


def _zone(root: Element) -> tzinfo | None:
    """CALDAV:timezone (RFC 4791 §9.8) or timezone-id (RFC 7809 §4.1). Raises InvalidCalendarData."""
    text, name = root.find(caldav("timezone")), root.find(caldav("timezone-id"))
    if text is not None:
        found = zone_of(text.whole_text.strip())
    elif name is not None:
        found = named_zone(name.text)
    else:
        return None
    if found is None:
        raise InvalidCalendarData("The time zone of the query is not known")
    return found
