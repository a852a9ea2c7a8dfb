"""PUT, and POST of a new member without a name: an object is stored byte for byte. RFC 4791 §5.3.2, RFC 5995."""

from uuid import UUID

from mailserver.dav import conditions, invitations, member_headers, resources, xml_body
from mailserver.dav.errors import BadXml, DavRefusal, NotFound
from mailserver.dav.methods import outbox
from mailserver.dav.names import caldav, carddav
from mailserver.dav.request import DavRequest
from mailserver.dav.resources import CollectionRef, MemberRef, Outbox
from mailserver.dav.response import Answer, Response
from mailserver.dav.row import Row
from mailserver.dav.wire import headers
from mailserver.errors import BadRequest, NoSuchCollection, ObjectTooLarge
from mailserver.groupware.conditions import Conditions
from mailserver.groupware.storing import Stored
from mailserver.store.collections import Family

NAME_OCTETS = 16
TYPES = {
    Family.CALENDARS: frozenset({"", "text/calendar"}),
    Family.ADDRESSBOOKS: frozenset({"", "text/vcard", "text/x-vcard", "text/directory"}),
}
ENDINGS = {Family.CALENDARS: ".ics", Family.ADDRESSBOOKS: ".vcf"}
XML_TYPES = frozenset({"application/xml", "text/xml"})
CHARSETS = frozenset({"utf-8", "utf8", "us-ascii"})


class NoParent(DavRefusal):
    """RFC 4918 §9.7.1."""

    http, text = 409, "There is no such calendar or address book: make it first"


class NotCalendarData(DavRefusal):
    http, text = 415, "A calendar takes text/calendar in UTF-8"
    precondition = caldav("supported-calendar-data")


class NotAddressData(DavRefusal):
    http, text = 415, "An address book takes text/vcard in UTF-8"
    precondition = carddav("supported-address-data")


async def put(request: DavRequest) -> Answer:
    ref = request.resource
    if not isinstance(ref, MemberRef):
        raise NotFound
    when = await conditions.of_member(request)
    stored, data = await _store(request, ref, when)
    return await _answer(request, ref, stored, data, 201 if stored.created else 204)


async def post(request: DavRequest) -> Answer:
    folder = request.resource
    if isinstance(folder, Outbox):
        return await outbox.ask(request)
    if not isinstance(folder, CollectionRef):
        raise NotFound
    if headers.media_type(request.headers.get("content-type")) in XML_TYPES:
        return await _share(request, folder)
    name = UUID(bytes=request.services.random(NAME_OCTETS), version=4)
    ref = MemberRef(folder.family, folder.user, folder.slug, f"{name}{ENDINGS[folder.family]}")
    stored, data = await _store(request, ref, conditions.submitted(request))
    location = ("Location", resources.href(ref))
    answer = await _answer(request, ref, stored, data, 201)
    return Response(answer.status, answer.body, answer.content_type, (*answer.headers, location))


async def _share(request: DavRequest, folder: CollectionRef) -> Answer:
    """What Apple's clients post to a collection."""
    root = await xml_body.element(request)
    if root is None:
        raise BadXml("The body of POST is CS:share, or an object to be stored")
    return await invitations.share(request, folder, root)


async def _store(request: DavRequest, ref: MemberRef, when: Conditions) -> tuple[Stored, bytes]:
    if "content-range" in request.headers:
        raise BadRequest("An object is sent whole, without Content-Range")  # RFC 9110 §14.5
    _require_type(request, ref.family)
    services = request.services
    data = await request.body.read(services.config.max_object_octets, ObjectTooLarge)
    options = conditions.schedule(request)
    try:
        stored = await services.members.put(
            request.viewer.user_id, ref.family, ref.slug, ref.href, data, when, schedule=options
        )
    except NoSuchCollection:
        raise NoParent from None
    return stored, data


async def _answer(request: DavRequest, ref: MemberRef, stored: Stored, data: bytes, status: int) -> Response:
    """Without an ETag where something else was stored than was sent, so that the client reads it. RFC 4791 §5.3.4."""
    if request.prefer.representation:
        member, data = await request.services.members.get(request.viewer.user_id, ref.family, ref.slug, ref.href)
        applied = ("Preference-Applied", "return=representation"), ("Content-Location", resources.href(ref))
        kind = member_headers.content_type(ref, member)
        return Response(201 if status == 201 else 200, data, kind, (*member_headers.of_content(ref, member), *applied))
    tags = member_headers.tags(stored.member)
    return Response(status, headers=tags if stored.data_is_as_sent else tags[1:])


def _require_type(request: DavRequest, family: Family) -> None:
    """Clients that name no type are believed; what the octets are is looked at anyway."""
    value = request.headers.get("content-type")
    if headers.media_type(value) not in TYPES[family] or headers.charset(value) not in CHARSETS:
        raise NotCalendarData if family is Family.CALENDARS else NotAddressData


ROWS = {"PUT": Row(put, (MemberRef,)), "POST": Row(post, (CollectionRef, Outbox))}
