"""CARDDAV:addressbook-query: the cards that pass a filter. RFC 6352 §8.6.

Depth makes no difference: whoever asks an address book means what is in it.
"""

import re
from collections.abc import AsyncIterator

from mailserver.dav import multistatus, xml_writer
from mailserver.dav.errors import BadXml
from mailserver.dav.names import carddav, dav
from mailserver.dav.reports import address_data, addressbook_filter
from mailserver.dav.reports.addressbook_answers import Answers, begin
from mailserver.dav.reports.row import ReportRow
from mailserver.dav.request import DavRequest
from mailserver.dav.resources import CollectionRef
from mailserver.dav.response import Answer
from mailserver.dav.subjects import Subject
from mailserver.dav.xml_reader import Element
from mailserver.errors import NoSuchCollection
from mailserver.groupware.contacts.queries import Queries
from mailserver.vcard.filters import Filter

_NUMBER = re.compile(r"[0-9]{1,9}")


async def addressbook_query(request: DavRequest, root: Element) -> Answer:
    if not isinstance(request.resource, CollectionRef):
        raise NoSuchCollection
    element = root.find(carddav("filter"))
    wanted = addressbook_filter.parse(element) if element is not None else Filter()
    limit, data = _limit(root), address_data.wanted(root)
    answers = await begin(request, root, data)
    return await multistatus.answer(
        _pieces(request, request.resource.slug, answers, wanted, limit), minimal=request.prefer.minimal
    )


async def _pieces(
    request: DavRequest, slug: str, answers: Answers, wanted: Filter, limit: int | None
) -> AsyncIterator[bytes]:
    queries, found = Queries(request.services.store), 0
    seen, hrefs = await queries.begin(request.viewer.user_id, slug, wanted)
    async for cards in queries.passing(seen, hrefs, wanted):
        room = None if limit is None else limit - found
        found += len(cards)
        async for piece in answers.of(cards[:room]):
            yield piece
        if limit is not None and found > limit:
            # §8.6.2: the book itself is reported as cut.
            cut = xml_writer.element(dav("number-of-matches-within-limits"))
            yield xml_writer.status_response(answers.folder, 507, cut, f"Only {limit} cards were asked for")
            return


def _limit(root: Element) -> int | None:
    """Raises BadXml."""
    limit = root.find(carddav("limit"))
    results = limit.find(carddav("nresults")) if limit is not None else None
    if results is None:
        return None
    if _NUMBER.fullmatch(results.text) is None or int(results.text) == 0:
        raise BadXml("nresults is a number above 0")
    return int(results.text)


ROWS = {carddav("addressbook-query"): ReportRow(addressbook_query, frozenset({Subject.ADDRESSBOOK}))}
