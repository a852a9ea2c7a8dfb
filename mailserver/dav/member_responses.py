"""Responses about many members of one collection, written as fast as octets can be joined.

What is the same for all members is worded once; what differs comes from the member's row alone. PROPFIND, multiget,
queries and sync-collection use it; data (calendar-data, address-data) is worded by the report that knows how.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from mailserver.dav import propstats, xml_writer
from mailserver.dav.asked import Asked, Mode
from mailserver.dav.facts import Facts
from mailserver.dav.names import Name, caldav, dav
from mailserver.dav.properties import calendars, webdav
from mailserver.dav.properties.table import PROPERTIES
from mailserver.dav.resources import CollectionRef, MemberRef, href, is_plain, segment
from mailserver.dav.subjects import Subject, subject_of
from mailserver.groupware.names import MAX_HREF_OCTETS
from mailserver.store.members import Member

Data = Callable[[Member, bytes], bytes]
"""The XML inside calendar-data or address-data of a member with these octets."""

AT_ONCE, AT_ONCE_SLOWLY = 250, 25  # members
PIECE_OCTETS = 128 * 1024  # of responses that are made at once

_OK = xml_writer.propstat(200, b"\0").split(b"\0")
_MISSING = xml_writer.propstat(404, b"\0").split(b"\0")
_ETAG = dav("getetag")

# Properties that differ between members, from the row alone; all others are the same for every member.
_VARYING: Mapping[Name, Callable[[Member], bytes | None]] = {
    _ETAG: webdav.etag,
    dav("getcontenttype"): webdav.content_type,
    dav("getcontentlength"): webdav.size,
    dav("getlastmodified"): webdav.modified,
    dav("creationdate"): webdav.created,
    caldav("schedule-tag"): calendars.schedule_tag,
}
_Varying = tuple[Name, bytes, bytes, Callable[[Member], bytes | None]]  # with its tags


class MemberResponses:
    def __init__(
        self,
        asked: Asked,
        folder: Facts,
        *,
        minimal: bool = False,
        dead: Mapping[str, Mapping[Name, bytes]] | None = None,
        data: Mapping[Name, Data] | None = None,
    ) -> None:
        """`folder`: of the collection, with what `propstats.needs` says; `dead`: by href; `data`: by property."""
        if not isinstance(folder.resource, CollectionRef):
            raise TypeError(f"{folder.resource} has no members")
        self._asked = asked
        self._minimal = minimal or asked.mode is Mode.ALL
        self._folder = folder
        self._ref = folder.resource
        self._path = href(folder.resource)
        self._start = b"<D:response><D:href>" + self._path.encode("ascii")
        self._dead = dead or {}
        self._data = data or {}
        self._sample = replace(
            folder, resource=MemberRef(self._ref.family, self._ref.user, self._ref.slug, ""), dead={}
        )
        self._subject: Subject = subject_of(self._sample.resource)
        self._names = propstats.wanted(asked, self._subject)
        self._slow = bool(self._dead) or bool(folder.locks) or asked.mode is Mode.NAMES
        self._compile()

    @property
    def needs_data(self) -> bool:
        """Octets of members are wanted: `response` is to be given them."""
        return asked_data(self._asked, self._data)

    @property
    def needs_etags_only(self) -> bool:
        """`etags` answers all that is asked."""
        return not self._slow and not self.needs_data and [name for name, *_ in self._varying] == [_ETAG]

    @property
    def at_once(self) -> int:
        """Members whose responses are made between two turns of the loop: about a millisecond."""
        return AT_ONCE_SLOWLY if self._slow else AT_ONCE

    async def pieces(self, found: Iterable[tuple[Member, bytes | None]]) -> AsyncIterator[bytes]:
        """Responses of all, joined; between two pieces the loop has its turn, however large the objects are."""
        needs_data, most = self.needs_data, self.at_once
        made, octets = list[bytes](), 0
        for member, data in found:
            made.append(self.response(member, data if needs_data else None))
            octets += len(made[-1])
            if len(made) >= most or octets >= PIECE_OCTETS:
                yield b"".join(made)
                made, octets = [], 0
                await asyncio.sleep(0)
        yield b"".join(made)

    def response(self, member: Member, data: bytes | None = None) -> bytes:
        """One member's; `data` where `needs_data`."""
        if self._slow:
            return self._slowly(member, data)
        found, missing = [self._fixed], self._missing
        for name, start, end, value in self._varying:
            inner = value(member)
            if inner is not None:
                found += (start, inner, end)
            elif not self._minimal:
                missing += xml_writer.element(name)
        if data is not None:
            found.extend(self._worded(member, data))
        return self._framed(segment(member.href), b"".join(found), missing)

    def etags(self, rows: Sequence[tuple[str, str]]) -> bytes:
        """Responses of (href, etag) rows, where `needs_etags_only`."""
        start = self._start.decode()
        missing = _MISSING[0] + self._missing + _MISSING[1] if self._missing else b""
        between = (b"</D:href>" + _OK[0] + self._fixed + b'<D:getetag>"').decode()
        end = (b'"</D:getetag>' + _OK[1] + missing + b"</D:response>").decode()
        if not is_plain("".join([name for name, _ in rows])):
            rows = [(segment(name), etag) for name, etag in rows]
        return "".join([f"{start}{name}{between}{etag}{end}" for name, etag in rows]).encode()

    @property
    def folder(self) -> str:
        """The collection's own path."""
        return self._path

    def name(self, path: str) -> str | None:
        """The member's segment, where the path is written as it is written here and needs no reading."""
        name = path[len(self._path) :] if path.startswith(self._path) else ""
        return name if len(name) <= MAX_HREF_OCTETS and is_plain(name) and name.strip(".") else None

    def removed(self, name: str, status: int = 404) -> bytes:
        """Of an href that leads to no member."""
        return xml_writer.status_response(self.path(name), status)

    def path(self, name: str) -> str:
        return self._path + segment(name)

    # ---- inside ----

    def _compile(self) -> None:
        live = PROPERTIES[self._subject]
        fixed, missing = list[bytes](), list[bytes]()
        varying = list[_Varying]()
        for name in self._names:
            if name in _VARYING and name in live:
                varying.append((name, *xml_writer.tags(name), _VARYING[name]))
                continue
            if name in self._data:
                continue
            value = live[name].value(self._sample) if name in live else None
            if value is not None:
                fixed.append(xml_writer.element(name, value))
            else:
                missing.append(xml_writer.element(name))
        self._fixed, self._varying = b"".join(fixed), tuple(varying)
        self._missing = b"" if self._minimal else b"".join(missing)

    def _worded(self, member: Member, data: bytes) -> list[bytes]:
        return [
            xml_writer.element(name, word(member, data)) for name, word in self._data.items() if self._asked.wants(name)
        ]

    def _framed(self, name: str, found: bytes, missing: bytes) -> bytes:
        if not missing:
            return b"".join((self._start, name.encode("ascii"), b"</D:href>", _OK[0], found, _OK[1], b"</D:response>"))
        return b"%b%b</D:href>%b</D:response>" % (
            self._start,
            name.encode("ascii"),
            propstats.joined(found, missing),
        )

    def _slowly(self, member: Member, data: bytes | None) -> bytes:
        """As any resource is answered: some member has locks or dead properties."""
        facts = replace(
            self._sample,
            resource=MemberRef(self._ref.family, self._ref.user, self._ref.slug, member.href),
            member=member,
            dead=self._dead.get(member.href, {}),
        )
        asked = Asked(self._asked.mode, tuple(name for name in self._asked.names if name not in self._data))
        answered = propstats.of(asked, facts, minimal=self._minimal)
        if data is not None and (worded := self._worded(member, data)):
            answered = xml_writer.propstat(200, b"".join(worded)) + answered
        return b"%b%b</D:href>%b</D:response>" % (
            self._start,
            segment(member.href).encode("ascii"),
            answered,
        )


def asked_data(asked: Asked, data: Iterable[Name]) -> bool:
    return any(asked.wants(name) for name in data)


def has_dead_names(asked: Asked, subject: Subject, data: Iterable[Name] = ()) -> bool:
    """Dead properties of members may be wanted: everything, or a name that is not live."""
    if asked.mode is not Mode.NAMED:
        return True
    return any(name not in PROPERTIES[subject] and name not in data for name in asked.names)
