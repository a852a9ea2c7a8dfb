"""PARTIAL: one page of a result, counted from its beginning or from its end. RFC 9394 §3.1, §4."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from mailserver.imap.wire.reader import MAX_NUMBER, BadSyntax, Reader

_RANGE = re.compile(rb"(-?)([1-9][0-9]{0,9}):(-?)([1-9][0-9]{0,9})")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PartialRange:
    nearest: int  # to the end it is counted from, from 1 on
    farthest: int
    from_end: bool
    wire: bytes  # as the client wrote it: answers repeat it

    def of(self, results: Sequence[T]) -> Sequence[T]:
        """What lies in the range, in its own order; nothing past the end."""
        if not self.from_end:
            return results[self.nearest - 1 : self.farthest]
        count = len(results)
        return results[max(count - self.farthest, 0) : max(count - self.nearest + 1, 0)]


def parse(r: Reader) -> PartialRange:
    """partial-range = nz-number ":" nz-number / "-" nz-number ":" "-" nz-number; either end may come first."""
    written = r.atom()
    found = _RANGE.fullmatch(written)
    if found is None or found[1] != found[3]:
        raise BadSyntax("Not a partial range")
    ends = sorted((int(found[2]), int(found[4])))
    if ends[1] > MAX_NUMBER:
        raise BadSyntax("Number too large")
    return PartialRange(ends[0], ends[1], bool(found[1]), written)
