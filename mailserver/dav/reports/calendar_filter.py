"""CALDAV:filter and CALDAV:time-range as values. RFC 4791 §9.7, §9.9."""

import re
from datetime import UTC, datetime

from mailserver.dav.errors import InvalidFilter, UnsupportedCollation, UnsupportedFilter
from mailserver.dav.names import CALDAV, caldav
from mailserver.dav.xml_reader import Element
from mailserver.ical.filters import (
    Collation,
    ComponentFilter,
    ParameterFilter,
    PropertyFilter,
    TextMatch,
    TimeRange,
)
from mailserver.ical.reach import EVER, NEVER

MAX_CONDITIONS = 200  # of one query: every object is held against each
MAX_TEXT = 1_000  # characters to look for

_NOT_DEFINED, _TIME_RANGE, _TEXT = caldav("is-not-defined"), caldav("time-range"), caldav("text-match")
_COMPONENT, _PROPERTY, _PARAMETER = caldav("comp-filter"), caldav("prop-filter"), caldav("param-filter")
_INSIDE = {
    caldav("filter"): {_COMPONENT},
    _COMPONENT: {_NOT_DEFINED, _TIME_RANGE, _COMPONENT, _PROPERTY},
    _PROPERTY: {_NOT_DEFINED, _TIME_RANGE, _TEXT, _PARAMETER},
    _PARAMETER: {_NOT_DEFINED, _TEXT},
}
_MOMENT = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse(element: Element) -> ComponentFilter:
    """Raises InvalidFilter, UnsupportedFilter, UnsupportedCollation."""
    if _conditions(element) > MAX_CONDITIONS:
        raise UnsupportedFilter(f"A filter has at most {MAX_CONDITIONS} conditions")
    _check(element)
    tops = list(element.all(_COMPONENT))
    if len(tops) != 1:
        raise InvalidFilter("A filter has one comp-filter, of VCALENDAR")
    wanted = _component(tops[0])
    if wanted.name != "VCALENDAR" or wanted.time_range is not None:
        raise InvalidFilter("The outermost comp-filter is of VCALENDAR and has no time-range")
    return wanted


def time_range(element: Element) -> TimeRange:
    """Of a filter: one side may be open. Raises InvalidFilter."""
    start, end = element.attribute("start"), element.attribute("end")
    if not start and not end:
        raise InvalidFilter("A time-range has a start, an end or both")
    found = TimeRange(_moment(start) if start else NEVER, _moment(end) if end else EVER)
    if found.start >= found.end:
        raise InvalidFilter("A time-range begins before it ends")
    return found


def closed_range(element: Element) -> TimeRange:
    """Of expand, limit-recurrence-set, free-busy-query: both sides are said. Raises InvalidFilter."""
    if not element.attribute("start") or not element.attribute("end"):
        raise InvalidFilter(f"{element.name.local} has a start and an end")
    return time_range(element)


def _conditions(element: Element) -> int:
    return 1 + sum(_conditions(child) for child in element.children)


def _check(element: Element) -> None:
    """Every element of CalDAV in it is known at its place. Raises UnsupportedFilter."""
    for child in element.children:
        if child.name.namespace == CALDAV and child.name not in _INSIDE.get(element.name, ()):
            raise UnsupportedFilter(f"{child.name.local} in {element.name.local} is not known here")
        _check(child)


def _component(element: Element) -> ComponentFilter:
    window = element.find(_TIME_RANGE)
    return ComponentFilter(
        _name(element),
        _is_not_defined(element),
        time_range(window) if window is not None else None,
        tuple(map(_property, element.all(_PROPERTY))),
        tuple(map(_component, element.all(_COMPONENT))),
        _any_of(element),
    )


def _property(element: Element) -> PropertyFilter:
    window, match = element.find(_TIME_RANGE), element.find(_TEXT)
    return PropertyFilter(
        _name(element),
        _is_not_defined(element),
        time_range(window) if window is not None else None,
        _text(match) if match is not None else None,
        tuple(map(_parameter, element.all(_PARAMETER))),
        _any_of(element),
    )


def _parameter(element: Element) -> ParameterFilter:
    match = element.find(_TEXT)
    return ParameterFilter(_name(element), _is_not_defined(element), _text(match) if match is not None else None)


def _text(element: Element) -> TextMatch:
    text = element.whole_text
    if len(text) > MAX_TEXT:
        raise UnsupportedFilter(f"A text to look for has at most {MAX_TEXT} characters")
    name = element.attribute("collation", Collation.ASCII_CASEMAP)
    if name == "default":  # RFC 4790 §3.1: the server's choice
        name = Collation.ASCII_CASEMAP
    if name not in set(Collation):
        raise UnsupportedCollation
    negated = element.attribute("negate-condition", "no")
    if negated not in {"yes", "no"}:
        raise InvalidFilter("negate-condition is yes or no")
    return TextMatch(text, Collation(name), negated == "yes")


def _is_not_defined(element: Element) -> bool:
    """It stands alone. Raises InvalidFilter."""
    if element.find(_NOT_DEFINED) is None:
        return False
    if any(child.name in _INSIDE[element.name] - {_NOT_DEFINED} for child in element.children):
        raise InvalidFilter("is-not-defined stands alone")
    return True


def _any_of(element: Element) -> bool:
    test = element.attribute("test", "allof")
    if test not in {"anyof", "allof"}:
        raise InvalidFilter("test is anyof or allof")
    return test == "anyof"


def _name(element: Element) -> str:
    name = element.attribute("name").strip().upper()
    if not name:
        raise InvalidFilter(f"{element.name.local} has a name")
    return name


def _moment(text: str) -> int:
    match = _MOMENT.fullmatch(text)
    try:
        parts = [int(part) for part in match.groups()] if match else []
        year, month, day, hour, minute, second = parts
        moment = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        raise InvalidFilter(f"Times are in UTC, such as 20260101T000000Z, not {text[:40]!a}") from None
    return int((moment - _EPOCH).total_seconds()) * 1000
