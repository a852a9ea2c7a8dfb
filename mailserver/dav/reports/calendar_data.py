"""CALDAV:calendar-data: what of each object a report asks for, and its words in the answer. RFC 4791 §9.6."""

from collections.abc import Mapping
from datetime import tzinfo

from mailserver.dav import xml_writer
from mailserver.dav.errors import DavRefusal, InvalidFilter
from mailserver.dav.member_responses import Data
from mailserver.dav.names import Name, caldav, dav
from mailserver.dav.reports.calendar_filter import closed_range
from mailserver.dav.xml_reader import Element
from mailserver.ical.shape import Part, Shape, shaped
from mailserver.store.members import Member

NAME = caldav("calendar-data")
WHOLE = Shape()
MAX_PARTS = 500  # comp and prop elements of one request
_TYPES = {"", "text/calendar"}
_VERSIONS = {"", "2.0"}


class UnsupportedData(DavRefusal):
    """RFC 4791 §7.8 supported-calendar-data."""

    http, text = 403, "Calendar objects are text/calendar, version 2.0"
    precondition = caldav("supported-calendar-data")


def wanted(report: Element) -> Shape:
    """Raises InvalidFilter, UnsupportedData."""
    prop = report.find(dav("prop"))
    element = prop.find(NAME) if prop is not None else None
    if element is None:
        return WHOLE
    if element.attribute("content-type") not in _TYPES or element.attribute("version") not in _VERSIONS:
        raise UnsupportedData
    part = element.find(caldav("comp"))
    ranges = {
        name: closed_range(found) if (found := element.find(caldav(name))) is not None else None
        for name in ("expand", "limit-recurrence-set", "limit-freebusy-set")
    }
    if ranges["expand"] is not None and ranges["limit-recurrence-set"] is not None:
        raise InvalidFilter("expand and limit-recurrence-set do not go together")
    return Shape(
        _part(part, MAX_PARTS) if part is not None else None,
        ranges["expand"],
        ranges["limit-recurrence-set"],
        ranges["limit-freebusy-set"],
    )


def words(shape: Shape, floating: tzinfo) -> Mapping[Name, Data]:
    """How the property is worded: octet for octet where all of it is wanted."""
    if shape.is_whole:
        return {NAME: _whole}

    def word(_: Member, data: bytes) -> bytes:
        return xml_writer.escape_octets(shaped(data, shape, floating))

    return {NAME: word}


def _whole(_: Member, data: bytes) -> bytes:
    return xml_writer.escape_octets(data)


def _part(element: Element, left: int) -> Part:
    """An empty comp is the whole component, as in the example of RFC 4791 §7.8.1."""
    properties = list(element.all(caldav("prop")))
    components = list(element.all(caldav("comp")))
    if len(properties) + len(components) > left:
        raise InvalidFilter(f"calendar-data names at most {MAX_PARTS} components and properties")
    name = element.attribute("name").strip().upper()
    if not name or not all(each.attribute("name").strip() for each in properties):
        raise InvalidFilter("comp and prop have a name")
    is_empty = not element.children
    every_property = is_empty or element.find(caldav("allprop")) is not None
    every_component = is_empty or element.find(caldav("allcomp")) is not None
    return Part(
        name,
        None
        if every_property
        else tuple((each.attribute("name").strip().upper(), each.attribute("novalue") == "yes") for each in properties),
        None
        if every_component
        else tuple(_part(each, left - len(properties) - len(components)) for each in components),
    )
