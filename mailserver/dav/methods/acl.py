"""ACL: who else has a collection, to read or to read and write. RFC 3744 §8.1."""

from functools import partial

from mailserver.dav import access_lists, conditions, resources, xml_body
from mailserver.dav.access_lists import ProtectedAce, TooManyAces, UnknownPrincipal
from mailserver.dav.errors import BadXml, NotFound
from mailserver.dav.gather import require_own
from mailserver.dav.request import DavRequest
from mailserver.dav.resources import CollectionRef
from mailserver.dav.response import Answer, Response
from mailserver.dav.row import Row
from mailserver.errors import BadValue, LimitReached, NoSuchCollection, NoSuchUser
from mailserver.groupware import access
from mailserver.groupware.access import Privilege


async def acl(request: DavRequest) -> Answer:
    """The whole list, in place of the one there was; all or nothing."""
    ref, services, viewer = request.resource, request.services, request.viewer.user_id
    if not isinstance(ref, CollectionRef):
        raise NotFound
    require_own(request.viewer, ref)
    root = await xml_body.element(request)
    if root is None:
        raise BadXml("The body of ACL is DAV:acl")
    seen = await services.collections.find(viewer, ref.family, ref.slug)
    if seen is None:
        raise NoSuchCollection
    access.require_privilege(seen, Privilege.SHARE)
    find = partial(resources.find, host=conditions.host(request))
    wanted = access_lists.shares(root, seen.collection.owner, find)
    await conditions.of_folder(request, exists=True)
    try:
        await services.sharing.replace(viewer, ref.family, ref.slug, wanted)
    except NoSuchUser:
        raise UnknownPrincipal from None
    except LimitReached as fault:
        raise TooManyAces(fault.text) from None
    except BadValue:
        raise ProtectedAce from None
    return Response(200)


ROWS = {"ACL": Row(acl, (CollectionRef,))}
