"""COPY and MOVE of an object within one's home, and of a calendar to another name there. RFC 4918 §9.8, §9.9."""

from mailserver.dav import conditions, resources
from mailserver.dav.errors import NotFound
from mailserver.dav.methods.put import NoParent
from mailserver.dav.request import DavRequest
from mailserver.dav.resources import CollectionRef, MemberRef, Resource
from mailserver.dav.response import Answer, Response
from mailserver.dav.row import Row
from mailserver.dav.wire.headers import Depth
from mailserver.errors import BadRequest, MemberExists, NotPermitted
from mailserver.groupware.members import MemberPath

OUTSIDE = "The destination is not a place in your calendars and address books"


async def transfer(request: DavRequest) -> Answer:
    source, target = request.resource, _destination(request)
    if isinstance(source, MemberRef) and isinstance(target, MemberRef):
        return await _member(request, source, target)
    if isinstance(source, CollectionRef) and isinstance(target, CollectionRef):
        return await _collection(request, source, target)
    raise NotPermitted("An object goes to a name in a calendar or address book, and a calendar to a name beside it")


async def _member(request: DavRequest, source: MemberRef, target: MemberRef) -> Answer:
    services, viewer = request.services, request.viewer.user_id
    when = await conditions.of_member(request)
    if await services.collections.find(viewer, target.family, target.slug) is None:
        raise NoParent
    verb = services.members.move if request.method == "MOVE" else services.members.copy
    stored = await verb(
        viewer,
        MemberPath(source.family, source.slug, source.href),
        MemberPath(target.family, target.slug, target.href),
        overwrite=request.overwrite,
        when=when,
        target_when=conditions.submitted(request),
        schedule=conditions.schedule(request),
    )
    if stored.created:
        return Response(201, headers=(("Location", resources.href(target)),))
    return Response(204)


async def _collection(request: DavRequest, source: CollectionRef, target: CollectionRef) -> Answer:
    """MOVE gives it another name in the same home, COPY makes another one there.

    Neither goes over what is there, Overwrite or not: it would remove a calendar because a header was left out.
    """
    services, viewer = request.services, request.viewer.user_id
    if await services.collections.find(viewer, source.family, source.slug) is None:
        raise NotFound
    if source.family is not target.family or source == target:
        raise NotPermitted("A calendar or address book goes to another name in the same home")
    when = await conditions.of_folder(request, exists=True)
    if await services.collections.find(viewer, target.family, target.slug) is not None:
        if request.overwrite:
            raise NotPermitted("A calendar or address book is not replaced by another: remove it first")
        raise MemberExists("There is something of that name")
    if request.method == "MOVE":
        await services.collections.move(viewer, source.family, source.slug, target.slug, when)
    else:
        deep = _is_deep(request)
        await services.collections.copy(viewer, source.family, source.slug, target.slug, with_members=deep)
    return Response(201, headers=(("Location", resources.href(target)),))


def _is_deep(request: DavRequest) -> bool:
    """RFC 4918 §9.8.3. Raises BadRequest."""
    if request.depth is Depth.ONE:
        raise BadRequest("Depth of COPY is 0 or infinity")
    return request.depth is not Depth.ZERO


def _destination(request: DavRequest) -> Resource:
    """Raises BadRequest, OtherHost (502), NotPermitted for what is in nobody's tree or in another user's."""
    value = request.headers.get("destination")
    if value is None:
        raise BadRequest("Destination is missing")
    try:
        target = resources.reference(value, conditions.host(request))
    except NotFound:
        raise NotPermitted(OUTSIDE) from None
    if resources.owner(target) != request.viewer.address:
        raise NotPermitted(OUTSIDE)
    return target


_ROW = Row(transfer, (MemberRef, CollectionRef))
ROWS = {"COPY": _ROW, "MOVE": _ROW}
