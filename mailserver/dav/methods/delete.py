"""DELETE of an object, or of a whole calendar or address book. RFC 4918 §9.6."""

from mailserver.dav import conditions
from mailserver.dav.errors import NotFound
from mailserver.dav.gather import require_own
from mailserver.dav.request import DavRequest
from mailserver.dav.resources import CollectionRef, InboxItem, MemberRef
from mailserver.dav.response import Answer, Response
from mailserver.dav.row import Row
from mailserver.dav.wire.headers import Depth
from mailserver.errors import BadRequest

DONE = Response(204)


async def delete(request: DavRequest) -> Answer:
    viewer, ref, services = request.viewer.user_id, request.resource, request.services
    if isinstance(ref, MemberRef):
        when, options = await conditions.of_member(request), conditions.schedule(request)
        await services.members.remove(viewer, ref.family, ref.slug, ref.href, when, schedule=options)
        return DONE
    if isinstance(ref, InboxItem) and services.scheduling is not None:
        require_own(request.viewer, ref)
        await services.scheduling.inbox.remove(viewer, ref.href, await conditions.of_member(request))
        return DONE
    if not isinstance(ref, CollectionRef):
        raise NotFound
    if request.depth not in {None, Depth.INFINITY}:
        raise BadRequest("A collection is removed with all that is in it: Depth is infinity")
    exists = await services.collections.find(viewer, ref.family, ref.slug) is not None
    when = await conditions.of_folder(request, exists=exists)
    await services.collections.remove(viewer, ref.family, ref.slug, when)
    return DONE


ROWS = {"DELETE": Row(delete, (MemberRef, CollectionRef, InboxItem))}
