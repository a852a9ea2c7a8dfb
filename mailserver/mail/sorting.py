"""What SORT may sort by, and sorting that lets others work meanwhile. RFC 5256 §3, RFC 5957, RFC 6203 §6."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from heapq import merge
from itertools import islice

RUN = 4096  # sorted in one go; a sort in C keeps every other thread waiting

Value = int | str
Lookup = Callable[[int], Value]  # uid → what it is sorted by


class Criterion(Enum):
    """The value is the name on the wire."""

    ARRIVAL = "ARRIVAL"  # internal date
    CC = "CC"  # local part of the first address, or the name of a group
    DATE = "DATE"  # Date field, the internal date where it is missing or unreadable, RFC 5256 §2.2
    FROM = "FROM"
    SIZE = "SIZE"
    SUBJECT = "SUBJECT"  # base subject
    TO = "TO"
    DISPLAYFROM = "DISPLAYFROM"  # display name of the first address, the address where there is none
    DISPLAYTO = "DISPLAYTO"
    RELEVANCY = "RELEVANCY"  # score of the FUZZY keys


@dataclass(frozen=True, slots=True)
class SortKey:
    criterion: Criterion
    reverse: bool = False  # this criterion alone; ties stay in the order of numbers


class _Descending:
    """A string that sorts the other way round."""

    __slots__ = ("value",)

    def __init__(self, value: str) -> None:
        self.value = value

    def __lt__(self, other: "_Descending") -> bool:
        return other.value < self.value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and other.value == self.value

    __hash__ = None  # type: ignore[assignment]  # never kept in a set


Compound = tuple[int | str | _Descending, ...]


def compound(keys: Sequence[SortKey], lookups: Sequence[Lookup]) -> Callable[[int], Compound]:
    """uid → one value that sorts as all the keys do, then by uid."""
    pairs = [(lookup, key.reverse) for key, lookup in zip(keys, lookups, strict=True)]

    def value(uid: int) -> Compound:
        return (*(_reversed(lookup(uid)) if reverse else lookup(uid) for lookup, reverse in pairs), uid)

    return value


def _reversed(value: Value) -> "int | _Descending":
    return -value if isinstance(value, int) else _Descending(value)


def ordered(uids: Iterable[int], keys: Sequence[SortKey], lookups: Sequence[Lookup]) -> list[int]:
    """Ascending uids by the first key, then the second …; ties stay ascending."""
    found = list(uids)
    for key, lookup in reversed([*zip(keys, lookups, strict=True)]):
        found = stable_sorted(found, lookup, reverse=key.reverse)
    return found


def stable_sorted(values: list[int], key: Callable[[int], object], *, reverse: bool = False) -> list[int]:
    """As sorted(), in short runs that are merged afterwards."""
    if len(values) <= RUN:
        return sorted(values, key=key, reverse=reverse)  # type: ignore[arg-type]
    runs = [
        sorted(values[start : start + RUN], key=key, reverse=reverse)  # type: ignore[arg-type]
        for start in range(0, len(values), RUN)
    ]
    return list(islice(merge(*runs, key=key, reverse=reverse), len(values)))  # type: ignore[arg-type]
