"""PROPPATCH: properties set and removed, all of them or none. RFC 4918 §9.2, RFC 8144 §2.2."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from mailserver.dav import conditions, multistatus, resources, xml_body, xml_writer
from mailserver.dav.errors import BadXml, DavRefusal, NotFound
from mailserver.dav.gather import require_own
from mailserver.dav.names import XML_LANG, caldav, dav
from mailserver.dav.properties.table import PROPERTIES
from mailserver.dav.request import DavRequest
from mailserver.dav.resources import CollectionRef, Home, Inbox, MemberRef, Principal, Resource
from mailserver.dav.response import Answer, Response
from mailserver.dav.row import Row
from mailserver.dav.setting import Protected, Setting
from mailserver.dav.subjects import subject_of
from mailserver.dav.xml_reader import Element
from mailserver.errors import NoSuchCollection
from mailserver.groupware.wanted import OWN_TO_SHAREES, CollectionChanges
from mailserver.store.collections import Family

KEPT = (CollectionRef, MemberRef, Home, Inbox, Principal)  # resources that keep properties
DEFAULT = caldav("schedule-default-calendar-URL")


class NotYours(DavRefusal):
    """Of what another user shares, everybody has his own name, colour, order and transparency, and no more."""

    http, text = 403, "Only the owner of the collection changes this property"
    precondition = dav("need-privileges")


class NoDefault(DavRefusal):
    """RFC 6638 §9.2."""

    http, text = 403, "The default calendar is a calendar of your own"
    precondition = caldav("valid-schedule-default-calendar-URL")


async def proppatch(request: DavRequest) -> Answer:
    root = await xml_body.element(request)
    if root is None or root.name != dav("propertyupdate"):
        raise BadXml("The body of PROPPATCH is DAV:propertyupdate")
    if isinstance(request.resource, Principal) and request.resource.user != request.viewer.address:
        raise NotFound
    require_own(request.viewer, request.resource)
    setting = _setting(request.resource, root)
    default = await _default(request, setting, root)
    await _judge(request, setting)
    if not setting.refused:
        await _change(request, setting)
        if default is not None:
            services, viewer = request.services, request.viewer.user_id
            await services.collections.make_default(viewer, default.family, default.slug)
    return _answer(request, setting)


def _answer(request: DavRequest, setting: Setting) -> Response:
    if setting.refused:
        return multistatus.whole([xml_writer.response(resources.href(request.resource), setting.propstats())])
    if request.prefer.minimal:
        return Response(200, headers=multistatus.headers(minimal=True))
    names = b"".join(xml_writer.element(name) for name in dict.fromkeys(setting.names))
    return multistatus.whole([xml_writer.response(resources.href(request.resource), xml_writer.propstat(200, names))])


def _setting(resource: Resource, root: Element) -> Setting:
    """Everything in document order: what comes later counts. Raises BadXml."""
    setting, subject = Setting(), subject_of(resource)
    for step in root.children:
        prop = step.find(dav("prop"))
        if prop is None:
            continue
        if step.name == dav("set"):
            setting.set(subject, _with_language(prop, step, root))
        elif step.name == dav("remove"):
            setting.remove(subject, prop.children)
    if not setting.names:
        raise BadXml("PROPPATCH sets or removes at least one property")
    return setting


def _with_language(prop: Element, *around: Element) -> Iterator[Element]:
    """xml:lang in scope belongs to the property's value, RFC 4918 §4.3."""
    scope = (each.attributes[XML_LANG] for each in (prop, *around) if XML_LANG in each.attributes)
    language = next(scope, None)
    for element in prop.children:
        if language is None or XML_LANG in element.attributes:
            yield element
        else:
            yield replace(element, attributes={**element.attributes, XML_LANG: language})


async def _judge(request: DavRequest, setting: Setting) -> None:
    """What a sharee can not change is refused by name. Raises NoSuchCollection."""
    ref = request.resource
    if not isinstance(ref, CollectionRef):
        return
    seen = await request.services.collections.find(request.viewer.user_id, ref.family, ref.slug)
    if seen is None:
        raise NoSuchCollection
    if seen.share is None:
        return
    for name in setting.names:
        row = PROPERTIES[subject_of(ref)].get(name)
        if row is not None and row.live is not None and row.live.field not in OWN_TO_SHAREES:
            setting.refused[name] = NotYours()


async def _default(request: DavRequest, setting: Setting, root: Element) -> CollectionRef | None:
    """The calendar that invitations shall go to, where a client sets that on its inbox. RFC 6638 §9.2"""
    if not isinstance(request.resource, Inbox) or not isinstance(setting.refused.get(DEFAULT), Protected):
        return None
    wanted = [each for step in root.all(dav("set")) for prop in step.all(dav("prop")) for each in prop.all(DEFAULT)]
    href = wanted[-1].find(dav("href")) if wanted else None
    ref = resources.find(href.text, conditions.host(request)) if href is not None else None
    if isinstance(ref, CollectionRef) and ref.family is Family.CALENDARS and ref.user == request.viewer.address:
        seen = await request.services.collections.find(request.viewer.user_id, ref.family, ref.slug)
        if seen is not None and seen.share is None:
            del setting.refused[DEFAULT]
            return ref
    setting.refused[DEFAULT] = NoDefault()
    return None


async def _change(request: DavRequest, setting: Setting) -> None:
    services, viewer = request.services, request.viewer.user_id
    match request.resource:
        case CollectionRef(family, _, slug):
            live: dict[str, Any] = setting.live
            changes = CollectionChanges(properties=setting.dead, **live)
            when = await conditions.of_folder(request, exists=True)
            await services.collections.change(viewer, family, slug, changes, when)
        case MemberRef(family, _, slug, href):
            when = await conditions.of_member(request)
            await services.properties.set_member(viewer, family, slug, href, setting.dead, when)
        case Home(family, _):
            await services.properties.set_home(viewer, family, setting.dead)
        case Inbox():
            await services.properties.set_home(viewer, Family.CALENDARS, setting.dead)
        case Principal():
            await services.properties.set_principal(viewer, setting.dead)


ROWS = {"PROPPATCH": Row(proppatch, KEPT)}
