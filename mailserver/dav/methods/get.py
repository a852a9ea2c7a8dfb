"""GET and HEAD: an object as it was stored; of a collection a few words for who looks with a browser."""

from collections.abc import Awaitable, Callable

from mailserver.dav import member_headers
from mailserver.dav.errors import NotFound
from mailserver.dav.gather import require_own
from mailserver.dav.methods import suggest
from mailserver.dav.request import DavRequest
from mailserver.dav.resources import (
    INBOX,
    CollectionRef,
    Home,
    Homes,
    Inbox,
    InboxItem,
    MemberRef,
    Outbox,
    Principal,
    Principals,
    Root,
    href,
)
from mailserver.dav.response import Answer, Response, text
from mailserver.dav.row import Row
from mailserver.errors import PreconditionFailed
from mailserver.store.collections import Family
from mailserver.store.members import Member

FOLDERS = (Root, Principals, Principal, Homes, Home, Inbox, Outbox)
PRIVATE = ("Cache-Control", "private, no-cache")


async def get(request: DavRequest) -> Answer:
    if suggest.is_wanted(request):
        return await suggest.suggest(request)
    kind = type(request.resource)
    return await _READ[kind](request) if kind in _READ else _folder(request)


async def _member(request: DavRequest) -> Answer:
    ref = request.resource
    if not isinstance(ref, MemberRef):
        raise NotFound
    member, data = await request.services.members.get(request.viewer.user_id, ref.family, ref.slug, ref.href)
    headers = member_headers.of_content(ref, member)
    if _is_known(request, member):
        return Response(304, headers=headers)
    return Response(200, data, member_headers.content_type(ref, member), headers)


async def _inbox_item(request: DavRequest) -> Answer:
    ref, scheduling = request.resource, request.services.scheduling
    if not isinstance(ref, InboxItem) or scheduling is None:
        raise NotFound
    require_own(request.viewer, ref)
    member, data = await scheduling.inbox.get(request.viewer.user_id, ref.href)
    path = MemberRef(Family.CALENDARS, ref.user, INBOX, ref.href)
    headers = member_headers.of_content(path, member)
    if _is_known(request, member):
        return Response(304, headers=headers)
    return Response(200, data, member_headers.content_type(path, member), headers)


def _is_known(request: DavRequest, member: Member) -> bool:
    """In the order of RFC 9110 §13.2.2. Raises PreconditionFailed."""
    wanted, known = request.if_match, request.if_none_match
    if wanted is not None:
        if not wanted.matches(member.etag):
            raise PreconditionFailed("If-Match: the object was changed since you read it")
    elif member_headers.is_unmodified_since(request.headers, "if-unmodified-since", member) is False:
        raise PreconditionFailed("If-Unmodified-Since: the object was changed since then")
    if known is not None:
        return known.names(member.etag)
    return member_headers.is_unmodified_since(request.headers, "if-modified-since", member) is True


async def _collection(request: DavRequest) -> Answer:
    ref = request.resource
    if not isinstance(ref, CollectionRef):
        raise NotFound
    seen, etags = await request.services.members.etags(request.viewer.user_id, ref.family, ref.slug)
    return _words(request, f"{seen.name}: {len(etags)} objects.")


def _folder(request: DavRequest) -> Answer:
    if isinstance(request.resource, Principal) and request.resource.user != request.viewer.address:
        raise NotFound
    return _words(request, f"{request.viewer.address} is logged in.")


def _words(request: DavRequest, first: str) -> Response:
    lines = first, f"Calendars and contacts are read with a program for them; its address is {href(Root())} here."
    return text(200, "\n".join(lines), (PRIVATE, member_headers.SANDBOX))


_READ: dict[type, Callable[[DavRequest], Awaitable[Answer]]] = {
    MemberRef: _member,
    CollectionRef: _collection,
    InboxItem: _inbox_item,
}

_ROW = Row(get, (*_READ, *FOLDERS))
ROWS = {"GET": _ROW, "HEAD": _ROW}
