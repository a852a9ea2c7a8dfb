"""CARDDAV:filter as a value. RFC 6352 §10.5."""

from mailserver.dav.errors import BadXml, DavRefusal
from mailserver.dav.names import carddav
from mailserver.dav.xml_reader import Element
from mailserver.vcard.collations import DEFAULT_COLLATION, Collation, How
from mailserver.vcard.filters import Filter, ParameterFilter, PropertyFilter, TextMatch

MAX_CONDITIONS = 200  # prop-filters, param-filters and text-matches of one query: every card is held against each
MAX_TEXT = 1000  # characters to look for

_NOT_DEFINED, _TEXT = carddav("is-not-defined"), carddav("text-match")


class UnsupportedCollation(DavRefusal):
    http, text = 403, f"Texts are compared by {', '.join(Collation)}"
    precondition = carddav("supported-collation")


class UnsupportedFilter(DavRefusal):
    http, text = 403, "This filter can not be answered"
    precondition = carddav("supported-filter")


def parse(element: Element) -> Filter:
    """Raises BadXml, UnsupportedCollation, UnsupportedFilter."""
    properties = list(element.all(carddav("prop-filter")))
    conditions = sum(1 + len(each.children) for each in properties)
    if conditions > MAX_CONDITIONS:
        raise UnsupportedFilter(f"A filter has at most {MAX_CONDITIONS} conditions")
    return Filter(tuple(map(_property, properties)), _needs_all(element))


def _property(element: Element) -> PropertyFilter:
    group, _, name = _name(element).rpartition(".")
    return PropertyFilter(
        name,
        group or None,
        element.find(_NOT_DEFINED) is not None,
        _needs_all(element),
        tuple(map(_text, element.all(_TEXT))),
        tuple(map(_parameter, element.all(carddav("param-filter")))),
    )


def _parameter(element: Element) -> ParameterFilter:
    match = element.find(_TEXT)
    return ParameterFilter(
        _name(element), element.find(_NOT_DEFINED) is not None, _text(match) if match is not None else None
    )


def _text(element: Element) -> TextMatch:
    if len(element.whole_text) > MAX_TEXT:
        raise UnsupportedFilter(f"A text to look for has at most {MAX_TEXT} characters")
    return TextMatch(
        element.whole_text,
        _collation(element.attribute("collation", "default")),
        _how(element.attribute("match-type", How.CONTAINS)),
        _chosen(element, "negate-condition", {"yes": True, "no": False}, "no"),
    )


def _collation(name: str) -> Collation:
    """RFC 6352 §8.3: "default" is the server's choice."""
    if name == "default":
        return DEFAULT_COLLATION
    if name not in set(Collation):
        raise UnsupportedCollation
    return Collation(name)


def _how(name: str) -> How:
    if name not in set(How):
        raise UnsupportedFilter(f"match-type is {', '.join(How)}")
    return How(name)


def _needs_all(element: Element) -> bool:
    return _chosen(element, "test", {"allof": True, "anyof": False}, "anyof")


def _chosen(element: Element, attribute: str, choices: dict[str, bool], default: str) -> bool:
    value = element.attribute(attribute, default)
    if value not in choices:
        raise BadXml(f"{attribute} is {' or '.join(choices)}")
    return choices[value]


def _name(element: Element) -> str:
    name = element.attribute("name").strip().upper()
    if not name:
        raise BadXml(f"{element.name.local} has a name")
    return name
