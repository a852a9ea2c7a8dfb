"""CARDDAV:addressbook-multiget: the cards of these hrefs. RFC 6352 §8.7."""

from collections.abc import AsyncIterator, Sequence

from mailserver.dav import multistatus, resources, xml_writer
from mailserver.dav.errors import BadXml
from mailserver.dav.names import carddav
from mailserver.dav.reports import address_data
from mailserver.dav.reports.addressbook_answers import Answers, begin
from mailserver.dav.reports.hrefs import hrefs_of
from mailserver.dav.reports.row import ReportRow
from mailserver.dav.request import DavRequest
from mailserver.dav.resources import MemberRef
from mailserver.dav.response import Answer
from mailserver.dav.subjects import Subject
from mailserver.dav.xml_reader import Element
from mailserver.store import members
from mailserver.store.members import PIECE

NOT_FOUND = 404


async def addressbook_multiget(request: DavRequest, root: Element) -> Answer:
    hrefs = await hrefs_of(request, root)
    if not hrefs:
        raise BadXml("addressbook-multiget has a DAV:href at least")
    answers = await begin(request, root, address_data.wanted(root))
    return await multistatus.answer(_pieces(request, answers, hrefs), minimal=request.prefer.minimal)


async def _pieces(request: DavRequest, answers: Answers, hrefs: Sequence[str]) -> AsyncIterator[bytes]:
    for start in range(0, len(hrefs), PIECE):
        asked = {href: answers.responses.name(href) or _name(request, href) for href in hrefs[start : start + PIECE]}
        names = [name for name in asked.values() if name is not None]
        cards = await request.services.store.read(members.list_with_data, answers.collection, names)
        there = {member.href for member, _ in cards}
        async for piece in answers.of(cards):
            yield piece
        yield b"".join(xml_writer.status_response(href, NOT_FOUND) for href, name in asked.items() if name not in there)


def _name(request: DavRequest, href: str) -> str | None:
    """The member's segment; None for an href that leads to nothing in this book."""
    resource = resources.find(href, request.headers.get("host", ""))
    if isinstance(resource, MemberRef) and resource.collection == request.resource:
        return resource.href
    return None


ROWS = {carddav("addressbook-multiget"): ReportRow(addressbook_multiget, frozenset({Subject.ADDRESSBOOK}))}
