"""Which cards an addressbook-query asks for. RFC 6352 §10.5.

A prop-filter is about one property at a time: it matches where any single line of that name passes. So "negate" finds
cards with a line that does not match, and never one without the property.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mailserver.vcard.collations import DEFAULT_COLLATION, Collation, How, key, matches
from mailserver.vcard.lines import Card, Line
from mailserver.vcard.values import text


@dataclass(frozen=True, slots=True)
class TextMatch:
    text: str
    collation: Collation = DEFAULT_COLLATION
    how: How = How.CONTAINS
    is_negated: bool = False

    def passes(self, value: str) -> bool:
        wanted = key(self.collation, self.text)
        return matches(self.how, key(self.collation, value), wanted) is not self.is_negated


@dataclass(frozen=True, slots=True)
class ParameterFilter:
    name: str  # upper case
    is_not_defined: bool = False
    match: TextMatch | None = None  # None: any value


@dataclass(frozen=True, slots=True)
class PropertyFilter:
    name: str  # upper case, without a group
    group: str | None = None  # upper case; None: in any group or none
    is_not_defined: bool = False
    needs_all: bool = False  # test="allof"
    texts: tuple[TextMatch, ...] = ()
    parameters: tuple[ParameterFilter, ...] = ()


@dataclass(frozen=True, slots=True)
class Filter:
    properties: tuple[PropertyFilter, ...] = ()  # none: every card
    needs_all: bool = False


def passes(card: Card, wanted: Filter) -> bool:
    if not wanted.properties:
        return True
    return _any_or_all(wanted.needs_all, (_property(card, each) for each in wanted.properties))


def _property(card: Card, wanted: PropertyFilter) -> bool:
    lines = _lines(card, wanted)
    if wanted.is_not_defined:
        return next(lines, None) is None
    return any(_line(line, wanted) for line in lines)


def _lines(card: Card, wanted: PropertyFilter) -> Iterator[Line]:
    if wanted.name == "VERSION":
        yield Line(None, "VERSION", (), card.version, 0)
    for line in card.lines:
        if line.name == wanted.name and (wanted.group is None or (line.group or "").upper() == wanted.group):
            yield line


def _line(line: Line, wanted: PropertyFilter) -> bool:
    if not wanted.texts and not wanted.parameters:
        return True
    return _any_or_all(wanted.needs_all, _tests(line, wanted))


def _tests(line: Line, wanted: PropertyFilter) -> Iterator[bool]:
    if wanted.texts:
        value = text(line.value)
        yield from (each.passes(value) for each in wanted.texts)
    yield from (_parameter(line, each) for each in wanted.parameters)


def _parameter(line: Line, wanted: ParameterFilter) -> bool:
    values = line.values_of(wanted.name)
    if wanted.is_not_defined or wanted.match is None:
        return bool(values) is not wanted.is_not_defined
    if wanted.name == "TYPE":  # also TYPE="home,voice", RFC 6350 §5.6
        values = tuple(part for value in values for part in value.split(","))
    return any(map(wanted.match.passes, values))


def _any_or_all(needs_all: bool, results: Iterable[bool]) -> bool:
    return all(results) if needs_all else any(results)
