"""CS:share: how Apple's clients share a calendar. caldav-sharing (CalendarServer) §4.3.

Who is given one has it at once: nobody has to accept, so an invitation is a share and its end is the end of it.
"""

from dataclasses import dataclass

from mailserver.dav import resources
from mailserver.dav.errors import BadXml
from mailserver.dav.names import calendarserver, dav
from mailserver.dav.request import DavRequest
from mailserver.dav.resources import CollectionRef, Principal
from mailserver.dav.response import Answer, Response
from mailserver.dav.xml_reader import Element
from mailserver.errors import NoSuchUser

SHARE = calendarserver("share")
MAX_STEPS = 200  # of one request
_MAILTO = "mailto:"


@dataclass(frozen=True, slots=True)
class Step:
    address: str
    may_write: bool | None  # None: no longer shared


async def share(request: DavRequest, ref: CollectionRef, root: Element) -> Answer:
    """Raises BadXml, NoSuchCollection, NotPermitted, NoSuchUser, LimitReached: what came before stays done."""
    services, viewer = request.services, request.viewer.user_id
    for step in steps(root, request.headers.get("host", "")):
        if step.may_write is None:
            await services.sharing.unshare(viewer, ref.family, ref.slug, step.address)
        else:
            await services.sharing.share(viewer, ref.family, ref.slug, step.address, may_write=step.may_write)
    return Response(200)


def steps(root: Element, host: str) -> list[Step]:
    """In their order. Raises BadXml, NoSuchUser."""
    if root.name != SHARE:
        raise BadXml("The body of POST is CS:share, or an object to be stored")
    if len(root.children) > MAX_STEPS:
        raise BadXml(f"At most {MAX_STEPS} users are invited at once")
    return [_step(child, host) for child in root.children if child.name.local in {"set", "remove"}]


def _step(element: Element, host: str) -> Step:
    href = element.find(dav("href"))
    if href is None:
        raise BadXml("An invitation has a DAV:href")
    address = _address(href.text, host)
    if element.name == calendarserver("remove"):
        return Step(address, None)
    writes = element.find(calendarserver("read-write")) is not None
    if not writes and element.find(calendarserver("read")) is None:
        raise BadXml("An invitation has CS:read or CS:read-write")
    return Step(address, writes)


def _address(uri: str, host: str) -> str:
    """Raises NoSuchUser."""
    if uri.lower().startswith(_MAILTO):
        return uri[len(_MAILTO) :]
    principal = resources.find(uri, host)
    if not isinstance(principal, Principal):
        raise NoSuchUser("Calendars and address books are shared with users of this server")
    return principal.user
