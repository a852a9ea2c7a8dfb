"""Responses of cards, with what a report asks for of each. RFC 6352 §8.6, §8.7."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from mailserver.dav import asked as asking
from mailserver.dav import propstats
from mailserver.dav.asked import Asked
from mailserver.dav.gather import Gathering
from mailserver.dav.member_responses import MemberResponses
from mailserver.dav.methods.propfind import dead_of_members
from mailserver.dav.reports import address_data
from mailserver.dav.reports.address_data import Wanted
from mailserver.dav.request import DavRequest
from mailserver.dav.subjects import subject_of
from mailserver.dav.xml_reader import Element
from mailserver.errors import NoSuchCollection
from mailserver.store.collections import Collection
from mailserver.store.database import Rx
from mailserver.store.members import Member
from mailserver.store.store import Store


@dataclass(frozen=True, slots=True)
class Answers:
    store: Store
    collection: Collection
    responses: MemberResponses
    data: Wanted

    @property
    def folder(self) -> str:
        """The book's own path."""
        return self.responses.folder

    async def of(self, cards: Sequence[tuple[Member, bytes]]) -> AsyncIterator[bytes]:
        """Their responses in pieces."""
        if self.responses.needs_data and self.data.is_costly:
            yield await self.store.in_thread(self._words, cards)
            return
        async for piece in self.responses.pieces(cards):
            yield piece

    def _words(self, cards: Sequence[tuple[Member, bytes]]) -> bytes:
        return b"".join(self.responses.response(member, data) for member, data in cards)


async def begin(request: DavRequest, root: Element, data: Wanted) -> Answers:
    """Raises NotFound, NoSuchCollection, BadXml."""
    return await request.services.store.read(_begin, request, asking.of_report(root), data)


def _begin(rx: Rx, request: DavRequest, asked: Asked, data: Wanted) -> Answers:
    now_ms = int(request.services.store.clock.now().timestamp() * 1000)
    needs = propstats.needs(asked, (subject_of(request.resource),))
    folder = Gathering(rx, request.viewer, request.services.config, now_ms, needs).of(request.resource, dead=False)
    if folder.seen is None:
        raise NoSuchCollection
    collection = folder.seen.collection
    words = address_data.words(data)
    responses = MemberResponses(
        asked,
        folder,
        minimal=request.prefer.minimal,
        dead=dead_of_members(rx, collection, asked, tuple(words)),
        data=words,
    )
    return Answers(request.services.store, collection, responses, data)
