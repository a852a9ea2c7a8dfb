"""CALDAV:free-busy-query: when somebody is busy, and nothing else of his calendars. RFC 4791 §7.10."""

from mailserver.dav.errors import BadXml, InvalidFilter
from mailserver.dav.names import caldav
from mailserver.dav.reports import calendar_filter
from mailserver.dav.reports.row import ReportRow
from mailserver.dav.request import DavRequest
from mailserver.dav.resources import CollectionRef, Home
from mailserver.dav.response import Answer, Response
from mailserver.dav.subjects import Subject
from mailserver.dav.xml_reader import Element
from mailserver.errors import NoSuchCollection
from mailserver.groupware.calendars import free_busy
from mailserver.ical import busy
from mailserver.store.collections import Family

MAX_RANGE_MS = 3 * 366 * 86_400_000  # three years
CONTENT_TYPE = "text/calendar; charset=utf-8"


async def free_busy_query(request: DavRequest, root: Element) -> Answer:
    """Of a calendar, or of all that count for their owner."""
    element = root.find(caldav("time-range"))
    if element is None:
        raise BadXml("free-busy-query has a time-range")
    window = calendar_filter.closed_range(element)
    if window.end - window.start > MAX_RANGE_MS:
        raise InvalidFilter("free-busy-query is about three years at most")
    store, viewer = request.services.store, request.viewer
    match request.resource:
        case CollectionRef(Family.CALENDARS, user, slug) if user == viewer.address:
            found = await free_busy.of_calendar(store, viewer.user_id, slug, window)
        case Home(Family.CALENDARS, user) if user == viewer.address:
            found = await free_busy.of_user(store, viewer.user_id, window)
        case _:
            raise NoSuchCollection
    body = await store.in_thread(busy.calendar, found, window, store.clock.now())
    return Response(200, body, CONTENT_TYPE)


ROWS = {
    caldav("free-busy-query"): ReportRow(free_busy_query, frozenset({Subject.CALENDAR, Subject.CALENDAR_HOME})),
}
