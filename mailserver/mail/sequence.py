"""Sets of message numbers or UIDs, as values: kept as ranges and never expanded. RFC 9051 §9 sequence-set."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

STAR = 0  # "*", the largest number in use

Ranges = tuple[tuple[int, int], ...]  # inclusive, ascending, neither touching nor overlapping


@dataclass(frozen=True, slots=True)
class SequenceSet:
    ranges: tuple[tuple[int, int], ...]  # as sent: any order, either end may be STAR
    saved: bool = False  # "$", the saved search result, RFC 5182

    def resolve(self, largest: int) -> Ranges:
        """Normalised, with `*` as `largest`; "5:*" always contains the largest, RFC 9051 §9 seq-range."""
        plain = ((first or largest, last or largest) for first, last in self.ranges)
        return merge((min(pair), max(pair)) for pair in plain)


def merge(ranges: Iterable[tuple[int, int]]) -> Ranges:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


def ranges_of(numbers: Sequence[int]) -> Ranges:
    """The ranges of ascending numbers."""
    ranges: list[tuple[int, int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return tuple(ranges)


def within(numbers: Sequence[int], ranges: Ranges) -> list[int]:
    """Those of ascending numbers that the ranges hold."""
    found: list[int] = []
    for first, last in ranges:
        found += numbers[bisect_left(numbers, first) : bisect_right(numbers, last)]
    return found


def ranges_wire(ranges: Iterable[tuple[int, int]]) -> bytes:
    return b",".join(b"%d" % a if a == b else b"%d:%d" % (a, b) for a, b in ranges)


def wire(numbers: Sequence[int]) -> bytes:
    """Ascending numbers in the shortest form a reply may have: 1:3,5."""
    return ranges_wire(ranges_of(numbers))
