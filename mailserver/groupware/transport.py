"""Files of calendars and contacts in and out: each object a member of its own, kept octet for octet.

An import goes on after an object it can not take, and tells of it by the line in the file. It can be run again: what
is there already is left as it is, what is there in another form is replaced only where that was asked for.
"""

import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from mailserver.errors import BadValue, Refusal
from mailserver.groupware import access, conditions, names, storing
from mailserver.groupware.accepted import Accepted
from mailserver.groupware.access import Privilege, Seen
from mailserver.groupware.members import Members
from mailserver.groupware.scheduled import SILENT
from mailserver.groupware.storing import Prepared
from mailserver.store import members
from mailserver.store.collections import Collection, Family
from mailserver.store.database import Rx, Tx
from mailserver.store.members import PIECE
from mailserver.store.store import Store

BATCH = 200  # objects of one transaction
MAX_FILE_OCTETS = 1 << 29
MAX_FAULTS = 1000  # that are told one by one

SUFFIX = {Family.CALENDARS: ".ics", Family.ADDRESSBOOKS: ".vcf"}


@dataclass(frozen=True, slots=True)
class Item:
    """One object of a file."""

    number: int  # its first line, from 1
    uid: str
    data: bytes
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    number: int  # line
    uid: str
    text: str


@dataclass(slots=True)
class Counts:
    """What became of the objects of a file."""

    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    kept: int = 0  # another form is there, and was not to be replaced
    refused: int = 0
    faults: list[Fault] = field(default_factory=list)  # at most MAX_FAULTS

    def refuse(self, item: Item, text: str) -> None:
        self.refused += 1
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(Fault(item.number, item.uid, text))


def family_of(data: bytes) -> Family:
    """By what the file begins with. Raises BadValue."""
    start = data[:4096].removeprefix(b"\xef\xbb\xbf").lstrip().upper()
    if start.startswith(b"BEGIN:VCALENDAR"):
        return Family.CALENDARS
    if start.startswith(b"BEGIN:VCARD"):
        return Family.ADDRESSBOOKS
    raise BadValue("This is neither a calendar (BEGIN:VCALENDAR) nor a file of contacts (BEGIN:VCARD)")


def items(family: Family, data: bytes) -> Iterator[Item]:
    """The objects of a file, in its order. Never raises."""
    return _events(data) if family is Family.CALENDARS else _cards(data)


def _events(data: bytes) -> Iterator[Item]:
    from mailserver.ical.split import split

    for piece in split(data):
        yield Item(piece.number, piece.uid, piece.data, piece.fault)


def _cards(data: bytes) -> Iterator[Item]:
    from mailserver.vcard.lines import spans

    for span in spans(data):
        octets = data[span.start : span.end]
        yield _card(span.number, octets) if span.fault is None else Item(span.number, "", octets, span.fault)


def _card(number: int, octets: bytes) -> Item:
    """vCard 2.1 becomes 3.0; a card without UID gets one made of its octets."""
    from mailserver.vcard.lines import BadCard, read
    from mailserver.vcard.old import as_version_3

    made = hashlib.sha256(octets).hexdigest()[:32]
    try:
        card = read(octets)
        if card.version == "2.1":
            octets = as_version_3(octets, made)
            card = read(octets)
    except BadCard as fault:
        return Item(number, "", octets, str(fault))
    uid = card.first("UID")
    if uid is not None:
        return Item(number, uid.value, octets)
    first, end, rest = octets.partition(b"\n")
    return Item(number, made, b"".join((first, end, b"UID:", made.encode(), b"\r\n", rest)))


class Transport:
    def __init__(self, store: Store, service: Members) -> None:
        self._store = store
        self._service = service

    async def take_in(self, viewer: int, family: Family, slug: str, data: bytes, *, replace: bool) -> Counts:
        """Add what the file holds, in transactions of at most BATCH objects. Nobody is invited by it.

        Raises NoSuchCollection, NotPermitted, BadValue (too large a file), InsufficientStorage.
        """
        if len(data) > MAX_FILE_OCTETS:
            raise BadValue(f"A file to import has at most {MAX_FILE_OCTETS >> 20} MiB")
        seen = await self._store.read(access.require, viewer, family, slug, Privilege.BIND)
        counts = Counts()
        found = await self._store.in_thread(lambda: list(items(family, data)))
        for start in range(0, len(found), BATCH):
            ready = await self._ready(seen, found[start : start + BATCH], counts)
            done = await self._store.write(self._write, viewer, family, slug, ready, replace)
            _sum(counts, done)
        return counts

    async def _ready(self, seen: Seen, batch: Sequence[Item], counts: Counts) -> list[tuple[Item, Prepared]]:
        """Those of the batch that can be stored, looked at in a thread."""
        return await self._store.in_thread(lambda: list(self._looked_at(seen.collection, batch, counts)))

    def _looked_at(
        self, collection: Collection, batch: Iterable[Item], counts: Counts
    ) -> Iterator[tuple[Item, Prepared]]:
        for item in batch:
            try:
                yield item, Prepared(item.data, members.etag_of(item.data), collection, self._accept(item, collection))
            except Refusal as refusal:
                counts.refuse(item, refusal.text)

    def _accept(self, item: Item, collection: Collection) -> Accepted:
        if item.fault is not None:
            raise BadValue(item.fault)
        self._service.require_size(item.data)
        return self._service.rules.accept[collection.family](item.data, collection)

    def _write(
        self, tx: Tx, viewer: int, family: Family, slug: str, ready: Sequence[tuple[Item, Prepared]], replace: bool
    ) -> Counts:
        counts = Counts()
        for item, prepared in ready:
            seen = access.require(tx, viewer, family, slug)
            try:
                self._put(tx, viewer, seen, prepared, counts, replace)
            except Refusal as refusal:  # raised before anything of this object is written
                counts.refuse(item, refusal.text)
        return counts

    def _put(self, tx: Tx, viewer: int, seen: Seen, prepared: Prepared, counts: Counts, replace: bool) -> None:
        collection, family = seen.collection, seen.collection.family
        uid = prepared.accepted_for(collection, self._service.rules).uid
        there = members.find_by_uid(tx, collection, uid)
        if there is not None and not replace:
            if _is_same(family, prepared, there.etag, lambda: members.data(tx, family, there.id)):
                counts.unchanged += 1
            else:
                counts.kept += 1
            return
        href = there.href if there is not None else free_href(tx, collection, uid)
        stored = storing.put(
            tx, viewer, family, seen.slug, href, prepared, conditions.NONE, SILENT, self._service.rules
        )
        counts.added += stored.created
        counts.replaced += not stored.created and stored.changed
        counts.unchanged += not stored.changed

    async def give_out(self, viewer: int, family: Family, slug: str) -> AsyncIterator[bytes]:
        """A collection as one file, piece by piece. Raises NoSuchCollection."""
        seen, listed = await self._service.list(viewer, family, slug)
        join = _JOINS[family]
        yield join.begin(seen.name)
        written: set[bytes] = set()
        for start in range(0, len(listed), PIECE):
            hrefs = [member.href for member in listed[start : start + PIECE]]
            found = await self._service.multiget(viewer, family, slug, hrefs)
            yield b"".join([join.add(found[href][1], written) for href in hrefs if href in found])
        yield join.end


@dataclass(frozen=True, slots=True)
class _Join:
    """How the objects of a family become one file."""

    begin: Callable[[str], bytes]  # of the collection's name
    add: Callable[[bytes, set[bytes]], bytes]  # an object, and the time zones written before it
    end: bytes


def _begin(name: str) -> bytes:
    from mailserver.ical import split

    return split.begin(name)


def _components(data: bytes, written: set[bytes]) -> bytes:
    from mailserver.ical import split

    return split.added(data, written)


def _card_line(data: bytes, written: set[bytes]) -> bytes:
    del written
    return data if data.endswith(b"\n") else data + b"\r\n"


_JOINS = {
    Family.CALENDARS: _Join(_begin, _components, b"END:VCALENDAR\r\n"),
    Family.ADDRESSBOOKS: _Join(lambda _: b"", _card_line, b""),
}


def free_href(rx: Rx, collection: Collection, uid: str) -> str:
    """Of the UID where it can be a name; else, or where another member has that, of its digest."""
    href = uid + SUFFIX[collection.family]
    try:
        names.require_href(href)
    except BadValue:
        href = ""
    if not href or members.find(rx, collection, href) is not None:
        href = hashlib.sha256(uid.encode()).hexdigest()[:32] + SUFFIX[collection.family]
    return href


def _sum(counts: Counts, more: Counts) -> None:
    for name in ("added", "replaced", "unchanged", "kept", "refused"):
        setattr(counts, name, getattr(counts, name) + getattr(more, name))
    counts.faults += more.faults[: MAX_FAULTS - len(counts.faults)]


def _is_same(family: Family, prepared: Prepared, etag: str, data: Callable[[], bytes]) -> bool:
    """The same octets, or the same components: what an export joined is cut anew by an import."""
    if etag == prepared.etag:
        return True
    if family is not Family.CALENDARS:
        return False
    from mailserver.ical.split import split

    return [piece.components for piece in split(data())] == [piece.components for piece in split(prepared.data)]
