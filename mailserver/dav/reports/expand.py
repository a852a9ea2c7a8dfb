"""DAV:expand-property: properties, and those of the resources their hrefs lead to. RFC 3253 §3.8."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mailserver.dav import multistatus, propstats, resources, xml_writer
from mailserver.dav.asked import MAX_ASKED, Asked, Mode
from mailserver.dav.errors import BadXml, DavRefusal
from mailserver.dav.gather import Gathering
from mailserver.dav.names import DAV, Name, dav
from mailserver.dav.properties.property import Need
from mailserver.dav.properties.table import PROPERTIES
from mailserver.dav.reports.row import ReportRow
from mailserver.dav.request import DavRequest
from mailserver.dav.resources import Resource
from mailserver.dav.response import Answer
from mailserver.dav.subjects import ALL
from mailserver.dav.xml_reader import Element, read
from mailserver.errors import NoSuchCollection, NoSuchMember
from mailserver.store.database import Rx

MAX_RESOURCES = 500  # of one answer
MAX_LEVELS = 4  # properties in properties
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")  # every name of every property we have


@dataclass(frozen=True, slots=True)
class _Wanted:
    name: Name
    inside: tuple["_Wanted", ...]  # of what its hrefs lead to; () for the property as it is


async def expand_property(request: DavRequest, root: Element) -> Answer:
    if sum(1 for _ in _named(root)) > MAX_ASKED:
        raise BadXml(f"At most {MAX_ASKED} properties are asked for at once")
    wanted = _wanted(root, MAX_LEVELS)
    return multistatus.whole([await request.services.store.read(_expanded, request, wanted)])


def _wanted(parent: Element, levels: int) -> tuple[_Wanted, ...]:
    """Raises BadXml."""
    properties = list(parent.all(dav("property")))
    if properties and not levels:
        raise BadXml(f"Properties are expanded at most {MAX_LEVELS} deep")
    return tuple(dict.fromkeys(_Wanted(_name(each), _wanted(each, levels - 1)) for each in properties))


def _named(parent: Element) -> Iterator[Element]:
    for each in parent.all(dav("property")):
        yield each
        yield from _named(each)


def _name(element: Element) -> Name:
    """It is written as a tag of the answer. Raises BadXml for what can not be one."""
    local = element.attribute("name")
    if _NAME.fullmatch(local) is None:
        raise BadXml("DAV:property has the name of a property")
    return Name(element.attribute("namespace", DAV), local)


def _expanded(rx: Rx, request: DavRequest, wanted: tuple[_Wanted, ...]) -> bytes:
    now_ms = int(request.services.store.clock.now().timestamp() * 1000)
    gathering = Gathering(rx, request.viewer, request.services.config, now_ms, Need.SHARES)
    return _Expansion(gathering, request.headers.get("host", "")).response(request.resource, wanted)


class _Expansion:
    """One answer, with the count of resources in it."""

    def __init__(self, gathering: Gathering, host: str) -> None:
        self._gathering = gathering
        self._host = host
        self._count = 0

    def response(self, resource: Resource, wanted: tuple[_Wanted, ...]) -> bytes:
        """Raises NotFound, NoSuchCollection, NoSuchMember."""
        self._count += 1
        facts = self._gathering.of(resource)
        asked = Asked(Mode.NAMED, tuple(each.name for each in wanted if not each.inside))
        plain = propstats.of(asked, facts, minimal=False) if asked.names else b""
        found, missing = list[bytes](), list[bytes]()
        for each in (each for each in wanted if each.inside):
            row = PROPERTIES[facts.subject].get(each.name)
            value = row.value(facts) if row is not None else None
            if value is None:
                missing.append(xml_writer.element(each.name))
            else:
                found.append(xml_writer.element(each.name, self._inside(value, each.inside)))
        nested = propstats.joined(b"".join(found), b"".join(missing)) if found or missing else b""
        return xml_writer.response(resources.href(resource), plain + nested)

    def _inside(self, value: bytes, wanted: tuple[_Wanted, ...]) -> bytes:
        """A DAV:response in place of each href that leads to something of ours; the others stay."""
        parts = read(xml_writer.document(dav("prop"), value)).children
        return b"".join(self._instead(part.text, wanted) for part in parts if part.name == dav("href"))

    def _instead(self, href: str, wanted: tuple[_Wanted, ...]) -> bytes:
        resource = resources.find(href, self._host)
        if resource is None or self._count >= MAX_RESOURCES:
            return xml_writer.href(href)
        try:
            return self.response(resource, wanted)
        except (DavRefusal, NoSuchCollection, NoSuchMember):
            return xml_writer.status_response(href, 404)


ROWS = {dav("expand-property"): ReportRow(expand_property, ALL)}
