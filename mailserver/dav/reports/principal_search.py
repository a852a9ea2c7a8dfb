"""DAV:principal-property-search: whom to invite or share with. RFC 3744 §9.4, §9.5."""

from collections.abc import Callable
from dataclasses import dataclass

from mailserver.dav import asked as asking
from mailserver.dav import multistatus, people, propstats, xml_writer
from mailserver.dav.errors import BadXml
from mailserver.dav.facts import Facts, Person
from mailserver.dav.names import Name, caldav, calendarserver, dav
from mailserver.dav.reports.row import ReportRow
from mailserver.dav.request import DavRequest
from mailserver.dav.resources import Principal
from mailserver.dav.response import XML, Answer, Response
from mailserver.dav.subjects import Subject
from mailserver.dav.xml_reader import Element
from mailserver.store.database import Rx

MAX_FOUND = 100  # users; the answer is cut and says so
MAX_TEXT = 200  # characters to search for
MAX_SEARCHES = 20  # conditions of one request


@dataclass(frozen=True, slots=True)
class _Searchable:
    texts: Callable[[Person], tuple[str, ...]]
    words: str


def _names(person: Person) -> tuple[str, ...]:
    return (person.display_name,)


def _addresses(person: Person) -> tuple[str, ...]:
    return person.addresses


def _uris(person: Person) -> tuple[str, ...]:
    return tuple(f"mailto:{address}" for address in person.addresses)


SEARCHABLE: dict[Name, _Searchable] = {
    dav("displayname"): _Searchable(_names, "Name"),
    caldav("calendar-user-address-set"): _Searchable(_uris, "Calendar user address"),
    calendarserver("email-address-set"): _Searchable(_addresses, "Email address"),
    calendarserver("first-name"): _Searchable(_names, "First name"),
    calendarserver("last-name"): _Searchable(_names, "Last name"),
    Name("http://sabredav.org/ns", "email-address"): _Searchable(_addresses, "Email address"),
}
_KINDS: dict[str, Callable[[str, str], bool]] = {
    "equals": lambda text, wanted: text == wanted,
    "starts-with": str.startswith,
    "ends-with": str.endswith,
    "contains": lambda text, wanted: wanted in text,
}


@dataclass(frozen=True, slots=True)
class _Condition:
    properties: tuple[Name, ...]  # one of them has to match
    text: str  # case-folded
    kind: str  # of _KINDS: CalendarServer's match-type
    negated: bool

    def holds(self, person: Person) -> bool:
        texts = (text.casefold() for name in self.properties if name in SEARCHABLE for text in _of(name, person))
        return any(_KINDS[self.kind](text, self.text) for text in texts) is not self.negated


def _of(name: Name, person: Person) -> tuple[str, ...]:
    return SEARCHABLE[name].texts(person)


async def search(request: DavRequest, root: Element) -> Answer:
    conditions, any_of = _conditions(root), root.attribute("test", "allof") == "anyof"
    asked = asking.of_report(root)
    found = await request.services.store.read(_people, request, conditions, any_of)
    pieces = [
        propstats.response(asked, _facts(request, person), minimal=request.prefer.minimal)
        for person in found[:MAX_FOUND]
    ]
    if len(found) > MAX_FOUND:
        within = xml_writer.element(dav("number-of-matches-within-limits"))
        pieces.append(xml_writer.status_response(request.path, 507, within))
    return multistatus.whole(pieces, minimal=request.prefer.minimal)


def _conditions(root: Element) -> list[_Condition]:
    """Raises BadXml."""
    found = [_condition(each) for each in root.all(dav("property-search"))]
    if not 0 < len(found) <= MAX_SEARCHES:
        raise BadXml(f"principal-property-search has 1 to {MAX_SEARCHES} DAV:property-search")
    return found


def _condition(element: Element) -> _Condition:
    prop, match = element.find(dav("prop")), element.find(dav("match"))
    if prop is None or match is None:
        raise BadXml("DAV:property-search has DAV:prop and DAV:match")
    if len(match.text) > MAX_TEXT:
        raise BadXml(f"DAV:match has at most {MAX_TEXT} characters")
    kind = match.attribute("match-type", "contains")
    if kind not in _KINDS:
        raise BadXml("match-type is equals, contains, starts-with or ends-with")
    return _Condition(asking.names(prop), match.text.casefold(), kind, match.attribute("negate-condition") == "yes")


def _people(rx: Rx, request: DavRequest, conditions: list[_Condition], any_of: bool) -> list[Person]:
    """One more than are answered, where there are more."""
    joined = any if any_of else all
    found = list[Person]()
    for user in people.seen(rx, request.viewer, request.services.config.principals):
        person = people.person(rx, user)
        if joined(condition.holds(person) for condition in conditions):
            found.append(person)
        if len(found) > MAX_FOUND:
            break
    return found


def _facts(request: DavRequest, person: Person) -> Facts:
    now_ms = int(request.services.store.clock.now().timestamp() * 1000)
    return Facts(request.viewer, Principal(person.address), request.services.config, now_ms, person=person)


async def searchable(request: DavRequest, root: Element) -> Answer:
    """DAV:principal-search-property-set: what can be searched for. RFC 3744 §9.5"""
    del request, root
    entries = b"".join(
        xml_writer.element(
            dav("principal-search-property"),
            xml_writer.element(dav("prop"), xml_writer.element(name))
            + b'<D:description xml:lang="en">%b</D:description>' % xml_writer.escape(each.words),
        )
        for name, each in SEARCHABLE.items()
    )
    return Response(200, xml_writer.document(dav("principal-search-property-set"), entries), XML)


_ON = frozenset({Subject.ROOT, Subject.PRINCIPALS, Subject.PRINCIPAL})

ROWS = {
    dav("principal-property-search"): ReportRow(search, _ON),
    dav("principal-search-property-set"): ReportRow(searchable, _ON),
}
