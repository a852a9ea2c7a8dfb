"""CALDAV:calendar-query: the objects that pass a filter. RFC 4791 §7.8.

Depth makes no difference: whoever asks a calendar means what is in it.
"""

import re
from collections.abc import AsyncIterator

from mailserver.dav import multistatus, xml_writer
from mailserver.dav.errors import BadXml, InvalidFilter
from mailserver.dav.names import caldav, dav
from mailserver.dav.reports import calendar_filter
from mailserver.dav.reports.calendar_answers import Answers, begin
from mailserver.dav.reports.inbox_query import inbox_query
from mailserver.dav.reports.row import ReportRow
from mailserver.dav.request import DavRequest
from mailserver.dav.resources import CollectionRef, Inbox
from mailserver.dav.response import Answer
from mailserver.dav.subjects import Subject
from mailserver.dav.xml_reader import Element
from mailserver.errors import NoSuchCollection
from mailserver.groupware.calendars.queries import Plan, Queries

_NUMBER = re.compile(r"[0-9]{1,9}")


async def calendar_query(request: DavRequest, root: Element) -> Answer:
    element = root.find(caldav("filter"))
    if element is None:
        raise InvalidFilter("calendar-query has a filter")
    if isinstance(request.resource, Inbox):
        return await inbox_query(request, root, calendar_filter.parse(element))
    if not isinstance(request.resource, CollectionRef):
        raise NoSuchCollection
    wanted, limit = calendar_filter.parse(element), _limit(root)
    answers = await begin(request, root)
    queries = Queries(request.services.store)
    plan = await queries.plan(request.viewer.user_id, request.resource.slug, wanted, answers.zone)
    return await multistatus.answer(_pieces(queries, plan, answers, limit), minimal=request.prefer.minimal)


async def _pieces(queries: Queries, plan: Plan, answers: Answers, limit: int | None) -> AsyncIterator[bytes]:
    count = 0
    async for found in queries.passing(plan, with_data=answers.responses.needs_data):
        room = None if limit is None else limit - count
        count += len(found)
        async for piece in answers.of(found[:room]):
            yield piece
        if limit is not None and count > limit:
            cut = xml_writer.element(dav("number-of-matches-within-limits"))
            yield xml_writer.status_response(answers.folder, 507, cut, f"Only {limit} objects were asked for")
            return


def _limit(root: Element) -> int | None:
    """RFC 5323 §5.17 in the clothes of RFC 6352 §10.6. Raises BadXml."""
    limit = root.find(caldav("limit")) or root.find(dav("limit"))
    if limit is None:
        return None
    results = limit.find(caldav("nresults")) or limit.find(dav("nresults"))
    if results is None or _NUMBER.fullmatch(results.text) is None or int(results.text) == 0:
        raise BadXml("nresults is a number above 0")
    return int(results.text)


ROWS = {caldav("calendar-query"): ReportRow(calendar_query, frozenset({Subject.CALENDAR, Subject.INBOX}))}
