"""CALDAV:calendar-multiget of a scheduling inbox: Apple's clients fetch their messages so. RFC 6638 §2.2."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC

from mailserver.dav import asked as asking
from mailserver.dav import multistatus, propstats, resources, xml_writer
from mailserver.dav.errors import BadXml, NotFound
from mailserver.dav.gather import Gathering
from mailserver.dav.member_responses import MemberResponses
from mailserver.dav.reports import calendar_data
from mailserver.dav.reports.hrefs import hrefs_of
from mailserver.dav.request import DavRequest
from mailserver.dav.resources import INBOX, CollectionRef, Inbox, InboxItem
from mailserver.dav.response import Answer
from mailserver.dav.subjects import Subject
from mailserver.dav.xml_reader import Element
from mailserver.groupware.scheduling.inbox import Inbox as Messages
from mailserver.store.collections import Family
from mailserver.store.database import Rx

MAX_HREFS = 1_000  # as many messages as there may be
NOT_FOUND = 404


async def inbox_multiget(request: DavRequest, root: Element) -> Answer:
    hrefs = await hrefs_of(request, root)
    if not 0 < len(hrefs) <= MAX_HREFS:
        raise BadXml(f"calendar-multiget of an inbox has 1 to {MAX_HREFS} DAV:href")
    if request.services.scheduling is None:
        raise NotFound
    responses = await request.services.store.read(begin, request, root)
    pieces = _pieces(request, request.services.scheduling.inbox, responses, hrefs)
    return await multistatus.answer(pieces, minimal=request.prefer.minimal)


def begin(rx: Rx, request: DavRequest, root: Element) -> MemberResponses:
    asked, now_ms = asking.of_report(root), int(request.services.store.clock.now().timestamp() * 1000)
    needs = propstats.needs(asked, (Subject.INBOX,))
    facts = Gathering(rx, request.viewer, request.services.config, now_ms, needs).of(request.resource, dead=False)
    folder = replace(facts, resource=CollectionRef(Family.CALENDARS, request.viewer.address, INBOX))
    words = calendar_data.words(calendar_data.wanted(root), UTC)
    return MemberResponses(asked, folder, minimal=request.prefer.minimal, data=words)


async def _pieces(
    request: DavRequest, messages: Messages, responses: MemberResponses, hrefs: list[str]
) -> AsyncIterator[bytes]:
    names = {href: _name(request, href) for href in hrefs}
    found = await messages.multiget(request.viewer.user_id, [name for name in names.values() if name is not None])
    for href, name in names.items():
        if name is None or name not in found:
            yield xml_writer.status_response(href, NOT_FOUND)
        else:
            member, data = found[name]
            yield responses.response(member, data if responses.needs_data else None)


def _name(request: DavRequest, href: str) -> str | None:
    """The message's segment; None for an href that leads out of this inbox."""
    resource = resources.find(href, request.headers.get("host", ""))
    if isinstance(resource, InboxItem) and Inbox(resource.user) == request.resource:
        return resource.href
    return None
