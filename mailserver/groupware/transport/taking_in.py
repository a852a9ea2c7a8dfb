"""An import: each object a member of its own, kept octet for octet.

It goes on after an object it can not take, and tells of it by the line in the file. It can be run again: what is
there already is left as it is, what is there in another form is replaced only where that was asked for.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from mailserver.errors import BadValue, Refusal
from mailserver.groupware import access, conditions, names, storing
from mailserver.groupware.accepted import Accepted
from mailserver.groupware.access import Privilege, Seen
from mailserver.groupware.members import Members
from mailserver.groupware.scheduled import SILENT
from mailserver.groupware.storing import Prepared
from mailserver.groupware.transport.items import MAX_FILE_OCTETS, Item, items
from mailserver.store import members
from mailserver.store.collections import Collection, Family
from mailserver.store.database import Rx, Tx
from mailserver.store.store import Store

BATCH = 200  # objects of one transaction
MAX_FAULTS = 1000  # that are told one by one
MAX_NAMES = 20  # of components that are left out; more are counted together
OTHERS = "other"

SUFFIX = {Family.CALENDARS: ".ics", Family.ADDRESSBOOKS: ".vcf"}

Progress = Callable[["Counts"], None]
"""Told after each transaction of what was done so far."""


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
    left_out: dict[str, int] = field(default_factory=dict)  # components that belong to no object, by name

    @property
    def done(self) -> int:
        return self.added + self.replaced + self.unchanged + self.kept + self.refused

    def refuse(self, item: Item, text: str) -> None:
        self.refused += 1
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(Fault(item.number, item.uid, text))

    def leave_out(self, name: str) -> None:
        if name not in self.left_out and len(self.left_out) >= MAX_NAMES:
            name = OTHERS
        self.left_out[name] = self.left_out.get(name, 0) + 1


class TakingIn:
    def __init__(self, store: Store, service: Members) -> None:
        self._store = store
        self._service = service

    async def take_in(
        self, viewer: int, family: Family, slug: str, data: bytes, *, replace: bool, progress: Progress | None = None
    ) -> Counts:
        """Add what the file holds, in transactions of at most BATCH objects. Nobody is invited by it.

        Raises NoSuchCollection, NotPermitted, BadValue (too large a file), InsufficientStorage.
        """
        if len(data) > MAX_FILE_OCTETS:
            raise BadValue(f"A file to import has at most {MAX_FILE_OCTETS >> 20} MiB")
        seen = await self._store.read(access.require, viewer, family, slug, Privilege.BIND)
        counts = Counts()
        found = items(family, data)
        while batch := await self._store.in_thread(lambda: list(islice(found, BATCH))):
            self._store.require_room()
            ready = await self._store.in_thread(self._ready, seen.collection, batch, counts)
            _sum(counts, await self._store.write(self._write, viewer, family, slug, ready, replace))
            if progress is not None:
                progress(counts)
        return counts

    def _ready(self, collection: Collection, batch: Sequence[Item], counts: Counts) -> list[tuple[Item, Prepared]]:
        """Those of the batch that can be stored."""
        return list(self._looked_at(collection, batch, counts))

    def _looked_at(
        self, collection: Collection, batch: Sequence[Item], counts: Counts
    ) -> Iterator[tuple[Item, Prepared]]:
        for item in batch:
            if item.left_out is not None:
                counts.leave_out(item.left_out)
                continue
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
    """The same octets, or the same in a file: what an export joined is cut anew by an import."""
    if etag == prepared.etag:
        return True
    if family is Family.ADDRESSBOOKS:
        from mailserver.vcard.lines import as_in_file

        return as_in_file(data()) == as_in_file(prepared.data)
    from mailserver.ical.split import split

    return [piece.components for piece in split(data())] == [piece.components for piece in split(prepared.data)]
