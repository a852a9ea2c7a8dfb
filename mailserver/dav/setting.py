"""Properties a client sets with PROPPATCH, MKCALENDAR and extended MKCOL: live fields, dead ones, and what is refused.

Pure. Nothing is stored where one of them is refused: the others are answered 424. RFC 4918 §9.2.1, RFC 5689 §3.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mailserver.dav import xml_kept, xml_writer
from mailserver.dav.errors import BadXml, DavRefusal
from mailserver.dav.names import Name, dav
from mailserver.dav.properties.property import Live
from mailserver.dav.properties.table import PROPERTIES, PROTECTED
from mailserver.dav.subjects import Subject
from mailserver.dav.xml_reader import Element

MAX_NAMES = 500  # of one request
NO_OTHERS: Mapping[Name, Live] = {}


class Protected(DavRefusal):
    http, text = 403, "This property is the server's: it can not be set"
    precondition = dav("cannot-modify-protected-property")


@dataclass(slots=True)
class Setting:
    names: list[Name] = field(default_factory=list)  # all, in order
    live: dict[str, Any] = field(default_factory=dict)  # field of CollectionChanges or NewCollection → value
    dead: dict[str, bytes | None] = field(default_factory=dict)  # "{namespace}local" → the element; None: removed
    refused: dict[Name, DavRefusal] = field(default_factory=dict)

    def set(self, subject: Subject, properties: Iterable[Element], more: Mapping[Name, Live] = NO_OTHERS) -> None:
        """`more`: what can be set besides, as while a collection is made. Raises BadXml."""
        for element in properties:
            name, row = element.name, PROPERTIES[subject].get(element.name)
            self._note(name)
            live = more.get(name) or (row.live if row is not None else None)
            if live is not None:
                self._parse(live, element)
            elif row is not None or name in PROTECTED:
                self.refused[name] = Protected()
            else:
                self._keep(element)

    def remove(self, subject: Subject, properties: Iterable[Element]) -> None:
        """One that is not there is no error, RFC 4918 §14.23. Raises BadXml."""
        for name in (element.name for element in properties):
            row = PROPERTIES[subject].get(name)
            self._note(name)
            if row is not None and row.live is not None:
                self.live[row.live.field] = None
            elif row is not None or name in PROTECTED:
                self.refused[name] = Protected()
            else:
                self.dead[key(name)] = None

    def _note(self, name: Name) -> None:
        if len(self.names) >= MAX_NAMES:
            raise BadXml(f"At most {MAX_NAMES} properties are changed at once")
        self.names.append(name)

    def _parse(self, live: Live, element: Element) -> None:
        try:
            self.live[live.field] = live.parse(element)
        except DavRefusal as fault:
            self.refused[element.name] = fault

    def _keep(self, element: Element) -> None:
        try:
            self.dead[key(element.name)] = xml_kept.written(element)
        except DavRefusal as fault:
            self.refused[element.name] = fault

    def propstats(self) -> bytes:
        """What became of each, where at least one is refused."""
        stats = [_propstat(name, refusal) for name, refusal in self.refused.items()]
        others = b"".join(xml_writer.element(name) for name in dict.fromkeys(self.names) if name not in self.refused)
        return b"".join(stats) + (xml_writer.propstat(424, others) if others else b"")


def key(name: Name) -> str:
    """As dead properties are named in the store."""
    return f"{{{name.namespace}}}{name.local}"


def _propstat(name: Name, refusal: DavRefusal) -> bytes:
    error = xml_writer.element(refusal.precondition) if refusal.precondition is not None else b""
    return xml_writer.propstat(refusal.http, xml_writer.element(name), error, refusal.text)
