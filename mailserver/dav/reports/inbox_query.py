"""CALDAV:calendar-query of a scheduling inbox: messages that pass a filter. RFC 6638 §2.2, RFC 4791 §7.8."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, tzinfo

from mailserver.dav import multistatus
from mailserver.dav.errors import NotFound
from mailserver.dav.member_responses import MemberResponses
from mailserver.dav.reports import inbox_multiget
from mailserver.dav.request import DavRequest
from mailserver.dav.response import Answer
from mailserver.dav.xml_reader import Element
from mailserver.errors import InvalidCalendarData
from mailserver.groupware.scheduling.inbox import Inbox as Messages
from mailserver.ical.filters import ComponentFilter, passes
from mailserver.ical.lines import parse
from mailserver.store.members import Member

PIECE = 50  # messages judged in one go


async def inbox_query(request: DavRequest, root: Element, wanted: ComponentFilter) -> Answer:
    """Floating times are read as UTC: an inbox has no time zone."""
    if request.services.scheduling is None:
        raise NotFound
    responses = await request.services.store.read(inbox_multiget.begin, request, root)
    pieces = _pieces(request, request.services.scheduling.inbox, responses, wanted)
    return await multistatus.answer(pieces, minimal=request.prefer.minimal)


async def _pieces(
    request: DavRequest, messages: Messages, responses: MemberResponses, wanted: ComponentFilter
) -> AsyncIterator[bytes]:
    user_id, store = request.viewer.user_id, request.services.store
    names = [member.href for member in (await messages.list(user_id)).items]
    for start in range(0, len(names), PIECE):
        found = list((await messages.multiget(user_id, names[start : start + PIECE])).values())
        passing = await store.in_thread(_passing, found, wanted, UTC)
        needs_data = responses.needs_data
        yield b"".join(responses.response(member, data if needs_data else None) for member, data in passing)


def _passing(
    found: Sequence[tuple[Member, bytes]], wanted: ComponentFilter, zone: tzinfo
) -> list[tuple[Member, bytes]]:
    return [each for each in found if _passes(each[1], wanted, zone)]


def _passes(data: bytes, wanted: ComponentFilter, zone: tzinfo) -> bool:
    try:
        return passes(parse(data), wanted, zone)
    except InvalidCalendarData:  # it is listed and fetched all the same
        return False
