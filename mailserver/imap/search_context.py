"""A search result that a client keeps up to date: what it was told, and the lines that tell the difference.

RFC 5267 §4.3. Positions count from 1 in a sorted result; in any other they are 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from mailserver.imap.wire import writer
from mailserver.mail.search import SearchKey
from mailserver.mail.sequence import wire
from mailserver.mail.sorting import SortKey


@dataclass(slots=True)
class Context:
    tag: bytes  # of the command that began it
    key: SearchKey
    keys: tuple[SortKey, ...]  # of SORT, () for SEARCH
    by_uid: bool
    modseq: int  # changes up to here were looked at
    uids: list[int]  # the result as the client knows it, in its order
    members: set[int] = field(init=False)  # the same

    def __post_init__(self) -> None:
        self.members = set(self.uids)

    def take(self, uids: list[int]) -> None:
        """The result from now on."""
        self.uids = uids
        self.members = set(uids)

    def removed(self, gone: set[int]) -> list[tuple[int, int]]:
        """(position, uid) of what leaves, each position as it is when the ones before have left."""
        places = [place for place, uid in enumerate(self.uids, 1) if uid in gone]
        return [(place - earlier if self.keys else 0, self.uids[place - 1]) for earlier, place in enumerate(places)]

    def added(self, after: Sequence[int]) -> list[tuple[int, int]]:
        """(position, uid) of what is new in `after`, in its order: each position is final."""
        return [(place if self.keys else 0, uid) for place, uid in enumerate(after, 1) if uid not in self.members]

    def line(self, word: bytes, changes: Sequence[tuple[int, int]]) -> bytes:
        """An ESEARCH with ADDTO or REMOVEFROM of (position, number or UID)."""
        return b"* ESEARCH (TAG %b)%b %b (%b)\r\n" % (
            writer.string(self.tag),
            b" UID" if self.by_uid else b"",
            word,
            b" ".join(b"%d %b" % (position, wire(numbers)) for position, numbers in _grouped(word, changes)),
        )


def _grouped(word: bytes, changes: Sequence[tuple[int, int]]) -> list[tuple[int, list[int]]]:
    """What stands side by side goes into one set: ADDTO at the next position, REMOVEFROM at the same."""
    groups: list[tuple[int, list[int]]] = []
    for position, number in changes:
        if groups:
            start, numbers = groups[-1]
            step = len(numbers) if word == b"ADDTO" and start else 0
            if position == start + step:
                numbers.append(number)
                continue
        groups.append((position, [number]))
    return groups
