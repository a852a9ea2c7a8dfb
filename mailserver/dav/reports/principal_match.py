"""DAV:principal-match and DAV:acl-principal-prop-set: who has to do with a resource. RFC 3744 §9.2, §9.3."""

from mailserver.dav import asked as asking
from mailserver.dav import multistatus, propstats, xml_writer
from mailserver.dav.asked import Asked
from mailserver.dav.errors import BadXml, NotFound
from mailserver.dav.gather import Gathering
from mailserver.dav.names import dav
from mailserver.dav.properties.property import Need
from mailserver.dav.reports.row import ReportRow
from mailserver.dav.request import DavRequest
from mailserver.dav.resources import Principal, Principals, Resource, href
from mailserver.dav.response import Answer
from mailserver.dav.subjects import ALL, COLLECTIONS, MEMBERS, Subject
from mailserver.dav.xml_reader import Element
from mailserver.groupware.access import Privilege
from mailserver.store.database import Rx

FOLDERS = ALL - MEMBERS


async def principal_match(request: DavRequest, root: Element) -> Answer:
    """DAV:self below the users: the viewer himself. DAV:principal-property: what here is the viewer's."""
    asked = asking.of_report(root)
    if root.find(dav("self")) is not None:
        own = isinstance(request.resource, Principals) or request.resource == Principal(request.viewer.address)
        matching: list[Resource] = [Principal(request.viewer.address)] if own else []
    elif root.find(dav("principal-property")) is not None:
        matching = await request.services.store.read(_owned, request)
    else:
        raise BadXml("principal-match has DAV:self or DAV:principal-property")
    return multistatus.whole(await request.services.store.read(_responses, request, asked, matching))


def _owned(rx: Rx, request: DavRequest) -> list[Resource]:
    """Resources below this one; whatever property of ours names a user, it is the owner."""
    found = _gathering(rx, request, Need.NONE).below(request.resource)
    mine = request.viewer.user_id
    return [facts.resource for facts in found if facts.seen is None or facts.seen.collection.user_id == mine]


async def acl_principals(request: DavRequest, root: Element) -> Answer:
    """Properties of every user that the resource's ACL names; for its owner. RFC 3744 §9.2"""
    asked = asking.of_report(root)
    named = await request.services.store.read(_named, request)
    return multistatus.whole(await request.services.store.read(_responses, request, asked, named))


def _named(rx: Rx, request: DavRequest) -> list[Resource]:
    facts = _gathering(rx, request, Need.SHARES).of(request.resource)
    if facts.seen is None or Privilege.SHARE not in facts.seen.privileges:
        return []
    return [Principal(facts.seen.collection.owner), *(Principal(share.address) for share in facts.shares)]


def _responses(rx: Rx, request: DavRequest, asked: Asked, matching: list[Resource]) -> list[bytes]:
    gathering = _gathering(rx, request, Need.NONE)
    return [_response(gathering, asked, each) for each in matching]


def _response(gathering: Gathering, asked: Asked, resource: Resource) -> bytes:
    try:
        facts = gathering.of(resource)
    except NotFound:  # a user whom this one may not find otherwise
        return xml_writer.status_response(href(resource), 403)
    return propstats.response(asked, facts, minimal=False)


def _gathering(rx: Rx, request: DavRequest, needs: Need) -> Gathering:
    now_ms = int(request.services.store.clock.now().timestamp() * 1000)
    return Gathering(rx, request.viewer, request.services.config, now_ms, needs)


ROWS = {
    dav("principal-match"): ReportRow(principal_match, FOLDERS),
    dav("acl-principal-prop-set"): ReportRow(acl_principals, COLLECTIONS | frozenset({Subject.CALENDAR_HOME})),
}
