"""FETCH lines of whole chunks of a mailbox, kept: most of what is asked for was asked for before.

A chunk is CHUNK messages by position. It is found again only while nothing was removed (the index's array of UIDs is
the very one), no message of it came (their count) and no flag changed (the sum of their change numbers, each of
which only grows). What a line says beyond that never changes: contents do not, UIDs are not used twice.
"""

import weakref
from array import array
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from mailserver.imap.view import View

CHUNK = 256  # messages whose lines are made in one turn of the loop
MAX_OCTETS = 16 << 20  # of all mailboxes together
ENTRY_OCTETS = 1024  # what a chunk costs beside its lines
MAX_NAMES = 200  # of header fields in what is told: more are no client's habit, and the key would outweigh the lines
MAX_ANSWER_OCTETS = MAX_OCTETS // 2  # of one answer: a larger one would push out everything, itself too

Key = tuple[int, Hashable, int]  # mailbox, what is told of each message, number of the chunk


@dataclass(frozen=True, slots=True)
class _Stamp:
    """What the lines depend on."""

    uids: "weakref.ref[array[int]]"  # to the index's array; a mailbox's old ones are not kept alive by it
    count: int
    modseqs: int  # sum

    def __eq__(self, other: object) -> bool:
        """An array has one reference as long as that is held, and another array another."""
        return (
            isinstance(other, _Stamp)
            and self.uids is other.uids
            and self.count == other.count
            and self.modseqs == other.modseqs
        )

    def __hash__(self) -> int:
        return hash((id(self.uids), self.count, self.modseqs))


@dataclass(frozen=True, slots=True)
class Place:
    """One chunk as one session sees it now."""

    key: Key
    stamp: _Stamp


class RenderedChunks:
    """The least lately used go first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, tuple[_Stamp, bytes]] = OrderedDict()
        self.octets = 0

    def find(self, place: Place) -> bytes | None:
        found = self._kept.get(place.key)
        if found is None or found[0] != place.stamp:
            return None
        self._kept.move_to_end(place.key)
        return found[1]

    def keep(self, place: Place, lines: bytes, *, chunks: int) -> None:
        """`chunks`: how many the whole answer has."""
        if len(lines) * chunks > MAX_ANSWER_OCTETS:
            return
        replaced = self._kept.pop(place.key, None)
        self.octets += _weight(lines) - (_weight(replaced[1]) if replaced is not None else 0)
        self._kept[place.key] = place.stamp, lines
        while self.octets > MAX_OCTETS:
            _, (_, oldest) = self._kept.popitem(last=False)
            self.octets -= _weight(oldest)


def _weight(lines: bytes) -> int:
    return ENTRY_OCTETS + len(lines)


def place_of(view: View, first: int, last: int, told: Hashable, *, volatile: bool) -> Place | None:
    """Of messages number `first` to `last`; None where they are no whole chunk or the session's lines are its own.

    `volatile`: flags or change numbers are told.
    """
    begin, end = first - 1, last
    whole = begin % CHUNK == 0 and (end - begin == CHUNK or (end == view.length and end - begin < CHUNK))
    if not whole or not view.current or (volatile and view.has_recent_in(first, last)):
        return None
    modseqs = sum(view.index.modseqs[begin:end]) if volatile else 0
    return Place((view.index.mailbox.id, told, begin // CHUNK), _Stamp(weakref.ref(view.uids), end - begin, modseqs))
