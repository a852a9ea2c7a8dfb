"""Which properties a PROPFIND or a report asks for. RFC 4918 §9.1, §14.20."""

from dataclasses import dataclass
from enum import Enum, auto

from mailserver.dav.errors import BadXml
from mailserver.dav.names import Name, dav
from mailserver.dav.xml_reader import Element

MAX_ASKED = 500  # properties of one request


class Mode(Enum):
    NAMED = auto()
    ALL = auto()  # the usual ones and every dead one, and those named besides
    NAMES = auto()  # what there is, without values


@dataclass(frozen=True, slots=True)
class Asked:
    mode: Mode
    names: tuple[Name, ...] = ()  # of ALL: DAV:include

    def wants(self, name: Name) -> bool:
        """It may be answered with a value."""
        return self.mode is not Mode.NAMES and name in self.names


ALL = Asked(Mode.ALL)
NAMES = Asked(Mode.NAMES)


def of_propfind(root: Element) -> Asked:
    """Raises BadXml."""
    if root.name != dav("propfind"):
        raise BadXml("The body of PROPFIND is DAV:propfind")
    return of_choice(root)


def of_choice(parent: Element) -> Asked:
    """DAV:prop, DAV:allprop or DAV:propname among the children; reports have them as PROPFIND does. Raises BadXml.

    Elements that are not known are passed over, RFC 4918 §17.
    """
    chosen = [child for child in parent.children if child.name in _CHOICES]
    if len(chosen) != 1:
        raise BadXml("One of DAV:prop, DAV:allprop and DAV:propname says what is asked for")
    match chosen[0].name.local:
        case "prop":
            return Asked(Mode.NAMED, names(chosen[0]))
        case "propname":
            return NAMES
    include = parent.find(dav("include"))
    return Asked(Mode.ALL, names(include) if include else ())


def of_report(report: Element) -> Asked:
    """As `of_choice`; a report that asks for nothing gets hrefs and statuses alone. Raises BadXml."""
    if not any(child.name in _CHOICES for child in report.children):
        return Asked(Mode.NAMED)
    return of_choice(report)


def names(prop: Element) -> tuple[Name, ...]:
    """The children's names, each once. Raises BadXml."""
    found = tuple(dict.fromkeys(child.name for child in prop.children))
    if len(found) > MAX_ASKED:
        raise BadXml(f"At most {MAX_ASKED} properties are asked for at once")
    return found


_CHOICES = frozenset({dav("prop"), dav("allprop"), dav("propname")})
