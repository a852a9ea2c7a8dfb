"""Header fields as searchable text, from the stored raw lines: decoded once, then kept in memory for a while.

Contents never change and UIDs are not used twice: what was decoded once stays right, only memory bounds it. The texts
of one field are one run of octets, so that a search in all of them is one search.
"""

import asyncio
from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import accumulate
from typing import Generic, Protocol, Self, TypeVar

from mailserver.mail.headers import kept_covers
from mailserver.mail.message_text import field_text
from mailserver.store import details
from mailserver.store.database import Rx
from mailserver.store.details import Detail
from mailserver.store.store import Store

CHUNK = 500  # messages decoded in one step of a thread
MAX_KEPT_OCTETS = 16_000_000  # of all mailboxes and fields together
ENTRY_OCTETS = 20  # what an entry costs beside its text
COLUMN_OCTETS = 1000  # what a column costs without entries: a search in all of many mailboxes makes thousands
STALE_SHARE = 2  # entries are this many times those of the mailbox: what was removed is left out again
NO_MOMENT = -(1 << 63)  # in an array, for a message without a Date

T = TypeVar("T")
Decode = Callable[[Rx, int, list[int]], dict[int, T]]  # mailbox id, UIDs


def is_kept(name: str) -> bool:
    return kept_covers([name.encode("utf-8", "replace")])


class Texts(Mapping[int, str | None]):
    """By UID: a field's folded text, None where there is no such field. Never changes."""

    def __init__(self, uids: "array[int]", values: Sequence[bytes | None]) -> None:
        self.uids = uids  # ascending
        self._octets = b"".join([value or b"" for value in values])
        self._ends = array("q", accumulate([len(value or b"") for value in values]))
        self._present = bytes([value is not None for value in values])
        self.weight = len(self._octets) + ENTRY_OCTETS * len(uids)

    @classmethod
    def of(cls, uids: Sequence[int], values: Mapping[int, str | None]) -> Self:
        texts = [values.get(uid) for uid in uids]
        return cls(
            array("q", uids), [None if text is None else text.encode("utf-8", "surrogatepass") for text in texts]
        )

    def __getitem__(self, uid: int) -> str | None:
        place = bisect_left(self.uids, uid)
        if place == len(self.uids) or self.uids[place] != uid:
            raise KeyError(uid)
        return (
            self._octets[self._start(place) : self._ends[place]].decode("utf-8", "surrogatepass")
            if self._present[place]
            else None
        )

    def __iter__(self) -> Iterator[int]:
        return iter(self.uids)

    def __len__(self) -> int:
        return len(self.uids)

    def find(self, needle: str) -> Iterator[int]:
        """The places in `uids` whose text holds the needle, ascending."""
        octets, ends, wanted = self._octets, self._ends, needle.encode("utf-8", "surrogatepass")
        if not wanted:
            yield from (place for place, present in enumerate(self._present) if present)
            return
        found, place = octets.find(wanted), 0
        while found >= 0:
            place = bisect_right(ends, found, place)
            if found + len(wanted) <= ends[place]:
                yield place
                found = octets.find(wanted, ends[place])
            else:  # it begins in one text and ends in another
                found = octets.find(wanted, found + 1)

    def only(self, places: Sequence[int]) -> Self:
        values = [self._octets[self._start(place) : self._ends[place]] for place in places]
        kept = [value if self._present[place] else None for place, value in zip(places, values, strict=True)]
        return type(self)(array("q", [self.uids[place] for place in places]), kept)

    def joined(self, other: Self) -> Self:
        """Of both, which have no UID in common."""
        if not self.uids or (other.uids and self.uids[-1] < other.uids[0]):
            return self._followed_by(other)
        both = self._followed_by(other)
        return both.only(sorted(range(len(both.uids)), key=both.uids.__getitem__))

    def _followed_by(self, other: Self) -> Self:
        both = type(self)(self.uids + other.uids, ())
        both._octets = self._octets + other._octets
        both._ends = self._ends + array("q", [len(self._octets) + end for end in other._ends])
        both._present = self._present + other._present
        both.weight = self.weight + other.weight
        return both

    def _start(self, place: int) -> int:
        return self._ends[place - 1] if place else 0


class Moments:
    """The Date field as seconds in its own zone, NO_MOMENT where there is none, in step with `uids`. Never changes."""

    def __init__(self, uids: "array[int]", values: "array[int]") -> None:
        self.uids = uids
        self.values = values
        self.weight = ENTRY_OCTETS * len(uids)

    @classmethod
    def of(cls, uids: Sequence[int], values: Mapping[int, int | None]) -> Self:
        moments = [NO_MOMENT if (at := values.get(uid)) is None else at for uid in uids]
        return cls(array("q", uids), array("q", moments))

    def only(self, places: Sequence[int]) -> Self:
        return type(self)(
            array("q", [self.uids[place] for place in places]), array("q", [self.values[place] for place in places])
        )

    def joined(self, other: Self) -> Self:
        both = type(self)(self.uids + other.uids, self.values + other.values)
        if self.uids and other.uids and self.uids[-1] > other.uids[0]:
            return both.only(sorted(range(len(both.uids)), key=both.uids.__getitem__))
        return both


class KeptFields:
    def __init__(self, store: Store) -> None:
        self._texts: _Kept[str | None, Texts] = _Kept(store, Texts.of)
        self._moments: _Kept[int | None, Moments] = _Kept(store, Moments.of)

    async def texts(
        self, mailbox_id: int, name: str, uids: Sequence[int], mailbox: Sequence[int] | None = None
    ) -> Texts:
        """At least those of these UIDs, NUL between several fields of a message. `mailbox`: all UIDs it has now."""
        name = name.lower()
        return await self._texts.get((mailbox_id, name), partial(_decode_field, name=name), uids, mailbox)

    async def sent(self, mailbox_id: int, uids: Sequence[int], mailbox: Sequence[int] | None = None) -> Moments:
        return await self._moments.get((mailbox_id, "date"), _decode_sent, uids, mailbox)


class _Column(Protocol):
    uids: "array[int]"
    weight: int

    def only(self, places: Sequence[int]) -> Self: ...

    def joined(self, other: Self) -> Self: ...


C = TypeVar("C", bound=_Column)


class _Kept(Generic[T, C]):
    """One column for each mailbox and field; the least lately used go first."""

    def __init__(self, store: Store, make: Callable[[Sequence[int], Mapping[int, T]], C]) -> None:
        self._store = store
        self._make = make
        self._columns: OrderedDict[tuple[int, str], C] = OrderedDict()
        self._octets = 0  # of all columns
        self._decoding: dict[tuple[int, str], asyncio.Lock] = {}

    async def get(
        self, key: tuple[int, str], decode: Decode[T], uids: Sequence[int], mailbox: Sequence[int] | None
    ) -> C:
        column, missing = self._known(key, uids, mailbox)
        if missing:
            lock = self._decoding.setdefault(key, asyncio.Lock())
            async with lock:  # who asks for the same at the same time finds it done
                column, missing = self._known(key, uids, mailbox)
                for start in range(0, len(missing), CHUNK):
                    chunk = missing[start : start + CHUNK]
                    column = column.joined(self._make(chunk, await self._store.read(decode, key[0], chunk)))
                self._set(key, column)
            if not lock.locked():
                self._decoding.pop(key, None)
        self._columns.move_to_end(key)
        self._evict(key)
        return column

    def _known(self, key: tuple[int, str], uids: Sequence[int], mailbox: Sequence[int] | None) -> tuple[C, list[int]]:
        """What there is, and which of the UIDs are not in it."""
        column = self._columns.get(key)
        if column is None:
            column = self._set(key, self._make((), {}))
        if column.uids == mailbox:
            return column, []
        if mailbox is not None and len(column.uids) > STALE_SHARE * len(mailbox) + CHUNK:
            there = set(mailbox)
            column = self._set(key, column.only([n for n, uid in enumerate(column.uids) if uid in there]))
        return column, _missing(uids, column.uids)

    def _set(self, key: tuple[int, str], column: C) -> C:
        before = self._columns.get(key)
        self._octets += _cost(column) - (_cost(before) if before is not None else 0)
        self._columns[key] = column
        return column

    def _evict(self, used: tuple[int, str]) -> None:
        """The one in use stays, so one search may be above the bound; the next one brings it down."""
        while self._octets > MAX_KEPT_OCTETS and next(iter(self._columns)) != used:
            _, column = self._columns.popitem(last=False)
            self._octets -= _cost(column)


def _cost(column: _Column) -> int:
    return COLUMN_OCTETS + column.weight


def _missing(uids: Sequence[int], known: "array[int]") -> list[int]:
    """Which of these ascending UIDs are not known."""
    if isinstance(uids, array) and uids[: len(known)] == known:
        return [*uids[len(known) :]]
    there = set(known)
    return [uid for uid in uids if uid not in there]


def _decode_field(rx: Rx, mailbox_id: int, uids: list[int], name: str) -> dict[int, str | None]:
    rows = details.read(rx, mailbox_id, uids, Detail.HEADER_FIELDS)
    return {row.uid: field_text(row.header_fields, name) for row in rows}


def _decode_sent(rx: Rx, mailbox_id: int, uids: list[int]) -> dict[int, int | None]:
    rows = details.read(rx, mailbox_id, uids, Detail.SENT)
    return {row.uid: None if row.sent_at is None else row.sent_at + 60 * row.sent_zone for row in rows}
