"""MKCALENDAR, MKCOL and extended MKCOL: a calendar or address book with its properties, or nothing.

RFC 4791 §5.3.1, RFC 5689 §3. A home holds one kind of collection only: plain MKCOL makes one of that kind.
"""

from collections.abc import Iterator

from mailserver.dav import conditions, xml_body, xml_writer
from mailserver.dav.errors import BadXml, DavRefusal
from mailserver.dav.methods.put import NoParent
from mailserver.dav.names import Name, caldav, calendarserver, carddav, dav
from mailserver.dav.properties import parse
from mailserver.dav.properties.property import Live
from mailserver.dav.request import DavRequest
from mailserver.dav.resources import CollectionRef, Home, Inbox, MemberRef, Outbox, Principals, Root, href
from mailserver.dav.response import XML, Answer, Response
from mailserver.dav.row import Row
from mailserver.dav.setting import Setting
from mailserver.dav.subjects import subject_of
from mailserver.dav.wire import headers
from mailserver.dav.xml_reader import Element
from mailserver.errors import CollectionExists, NotPermitted, UnsupportedMediaType
from mailserver.groupware.wanted import NewCollection
from mailserver.store.collections import Family

KINDS = {Family.CALENDARS: caldav("calendar"), Family.ADDRESSBOOKS: carddav("addressbook")}
XML_TYPES = frozenset({"", "application/xml", "text/xml"})
BODIES = {"MKCALENDAR": caldav("mkcalendar"), "MKCOL": dav("mkcol")}
ANSWERS = {"MKCALENDAR": caldav("mkcalendar-response"), "MKCOL": dav("mkcol-response")}
REFUSED = 424  # the whole, because of the properties that the body names
CREATED = Response(201, headers=(("Cache-Control", "no-store"),))


class WrongPlace(DavRefusal):
    http, text = 403, "Calendars are made in the calendar home, address books in the address book home"
    precondition = caldav("calendar-collection-location-ok")


class WrongKind(DavRefusal):
    """RFC 5689 §3.3."""

    http, text = 403, "Collections of this type can not be made here"
    precondition = dav("valid-resourcetype")


async def make(request: DavRequest) -> Answer:
    ref = request.resource
    if isinstance(ref, MemberRef):
        raise await _in_a_collection(request, ref)
    if not isinstance(ref, CollectionRef):
        raise CollectionExists
    if request.method == "MKCALENDAR" and ref.family is not Family.CALENDARS:
        raise WrongPlace
    services, viewer = request.services, request.viewer.user_id
    body = await _body(request)
    exists = await services.collections.find(viewer, ref.family, ref.slug) is not None
    await conditions.of_folder(request, exists=exists)
    if exists:
        raise CollectionExists
    setting = _setting(request, ref, body)
    if setting.refused:
        inner = xml_writer.document(ANSWERS[request.method], setting.propstats())
        return Response(REFUSED, inner, XML)
    new = NewCollection(properties=setting.dead, **{k: v for k, v in setting.live.items() if k != KIND_FIELD})
    await services.collections.create(viewer, ref.family, ref.slug, new)
    return Response(201, headers=(*CREATED.headers, ("Location", href(ref))))


async def _in_a_collection(request: DavRequest, ref: MemberRef) -> DavRefusal | NotPermitted:
    """409 without a parent, 403 in one. RFC 4918 §9.3.1."""
    found = await request.services.collections.find(request.viewer.user_id, ref.family, ref.slug)
    return NoParent() if found is None else WrongPlace("There are no collections in a calendar or address book")


async def _body(request: DavRequest) -> Element | None:
    """Raises UnsupportedMediaType, BadXml."""
    if not request.body.is_empty and headers.media_type(request.headers.get("content-type")) not in XML_TYPES:
        raise UnsupportedMediaType(f"The body of {request.method} is XML")  # RFC 4918 §9.3.1
    body = await xml_body.element(request)
    if body is not None and body.name != BODIES[request.method]:
        raise BadXml(f"The body of {request.method} is {BODIES[request.method].local}")
    return body


KIND_FIELD = "resourcetype"
SUBSCRIBED = calendarserver("subscribed")


def _setting(request: DavRequest, ref: CollectionRef, body: Element | None) -> Setting:
    def kind(element: Element) -> object:
        asked = {child.name for child in element.children}
        if ref.family is Family.CALENDARS and SUBSCRIBED in asked:  # macOS; what is made is a calendar all the same
            asked = asked - {SUBSCRIBED} | {KINDS[ref.family]}
        if asked != {dav("collection"), KINDS[ref.family]}:
            raise WrongKind
        return True

    more: dict[Name, Live] = {dav("resourcetype"): Live(KIND_FIELD, kind)}
    if ref.family is Family.CALENDARS:
        more[caldav("supported-calendar-component-set")] = Live("components", parse.components)
    setting = Setting()
    for instruction in body.all(dav("set")) if body is not None else ():
        prop = instruction.find(dav("prop"))
        setting.set(subject_of(ref), prop.children if prop is not None else (), more)
    if "source" not in setting.live and any(each.find(SUBSCRIBED) for each in _kinds(body)):
        setting.refused[dav("resourcetype")] = WrongKind("A subscribed calendar needs a source")
    return setting


def _kinds(body: Element | None) -> Iterator[Element]:
    for instruction in body.all(dav("set")) if body is not None else ():
        prop = instruction.find(dav("prop"))
        yield from prop.all(dav("resourcetype")) if prop is not None else ()


_ON = (CollectionRef, MemberRef, Home, Inbox, Outbox, Principals, Root)
_ROW = Row(make, _ON)
ROWS = {"MKCOL": _ROW, "MKCALENDAR": _ROW}
