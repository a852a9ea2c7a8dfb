"""The search keys that the index alone answers: flags, numbers, sizes, dates. Pure, on a frozen copy of the index."""

from array import array
from bisect import bisect_left, bisect_right
from calendar import timegm
from collections.abc import Callable, Sequence
from datetime import date
from itertools import compress

from mailserver.mail.search import (
    All,
    DateTest,
    EmailId,
    HasFlag,
    InternalDate,
    Larger,
    ModSeq,
    Not,
    Numbers,
    Recent,
    SaveDate,
    SearchKey,
    Smaller,
    ThreadId,
    Uids,
    Within,
)
from mailserver.mail.sequence import Ranges
from mailserver.mailboxes.index import MailboxIndex, flag_mask
from mailserver.mailboxes.values import SearchView

DAY_SECONDS = 86_400
FAR = 1 << 62  # epoch seconds, beyond every date

_OPPOSITE = bytes([1, 0, *range(2, 256)])

Filter = Callable[[Sequence[int]], list[int]]  # places → those that match, same order


class Snapshot:
    """A mailbox as it was when the search began; a place is an offset into its arrays."""

    def __init__(self, index: MailboxIndex, view: SearchView) -> None:
        self.view = view
        self.uids = index.uids
        self.flags = index.flags[:]
        self._masks = index.flag_masks
        self.modseqs = index.modseqs[:]
        self.sizes = index.sizes
        self.internal_dates = index.internal_dates
        self.save_dates = index.save_dates
        self.content_ids = index.content_ids
        self.thread_ids = index.thread_ids
        self.places = _places(index.uids, view.uids)

    def has_flag(self, flag: str) -> bytes:
        """1 at the place of each message with the flag, 0 at the others."""
        return flag_mask(self._masks, self.flags, flag)


def _places(uids: "array[int]", seen: Sequence[int]) -> Sequence[int]:
    """Where the messages are that the session sees and that are still there."""
    if len(seen) <= len(uids) and (not seen or (uids[0] == seen[0] and uids[: len(seen)] == array("q", seen))):
        return range(len(seen))
    found = ((bisect_left(uids, uid), uid) for uid in seen)
    return [place for place, uid in found if place < len(uids) and uids[place] == uid]


def filter_of(s: Snapshot, key: SearchKey) -> Filter | None:
    """None where the index can not tell."""
    match key:
        case All():
            return list
        case HasFlag():
            return _where(s.has_flag(key.flag))
        case Not(key=HasFlag(flag=flag)):
            return _where(s.has_flag(flag).translate(_OPPOSITE))
        case Recent():
            return lambda places: [place for place in places if s.view.is_recent(s.uids[place])]
        case Numbers() if key.numbers.saved:
            return _in_uids(s, set(s.view.saved))
        case Uids() if key.uids.saved:
            return _in_uids(s, set(s.view.saved))
        case Numbers():
            seen = s.view.uids
            return _in_uids(s, _uids_of(seen, key.numbers.resolve(len(seen))))
        case Uids():
            return _in_ranges(s, key.uids.resolve(s.view.uids[-1] if s.view.uids else 0))
        case Larger():
            return lambda places: [place for place in places if s.sizes[place] > key.octets]
        case Smaller():
            return lambda places: [place for place in places if s.sizes[place] < key.octets]
        case InternalDate():
            first, end = day_bounds(key.test, key.day)
            return lambda places: [place for place in places if first <= s.internal_dates[place] < end]
        case Within():
            then = s.view.now - key.seconds
            if key.older:
                return lambda places: [place for place in places if s.internal_dates[place] <= then]
            return lambda places: [place for place in places if s.internal_dates[place] >= then]
        case SaveDate():
            first, end = day_bounds(key.test, key.day)
            return lambda places: [place for place in places if first <= s.save_dates[place] < end]
        case EmailId():
            return lambda places: [place for place in places if s.content_ids[place] == key.content_id]
        case ThreadId():
            return lambda places: [place for place in places if s.thread_ids[place] == key.thread_id]
        case ModSeq():
            return lambda places: [place for place in places if s.modseqs[place] >= key.modseq]
        case _:
            return None


def day_bounds(test: DateTest, day: date) -> tuple[int, int]:
    """[first, end) in epoch seconds of the moments that pass the test."""
    midnight = timegm(day.timetuple())
    match test:
        case DateTest.BEFORE:
            return -FAR, midnight
        case DateTest.ON:
            return midnight, midnight + DAY_SECONDS
        case DateTest.SINCE:
            return midnight, FAR


def _where(mask: bytes) -> Filter:
    """The places at which the mask has a 1."""

    def passes(places: Sequence[int]) -> list[int]:
        if isinstance(places, range) and places.step == 1:
            return [*compress(places, mask[places.start : places.stop])]
        return [place for place in places if mask[place]]

    return passes


def _uids_of(seen: Sequence[int], numbers: Ranges) -> set[int]:
    return {uid for first, last in numbers for uid in seen[max(first, 1) - 1 : last]}


def _in_uids(s: Snapshot, wanted: set[int]) -> Filter:
    return lambda places: [place for place in places if s.uids[place] in wanted]


def _in_ranges(s: Snapshot, ranges: Ranges) -> Filter:
    mask = bytearray(len(s.uids))
    for first, last in ranges:
        start, end = bisect_left(s.uids, first), bisect_right(s.uids, last)
        mask[start:end] = b"\1" * (end - start)
    return _where(bytes(mask))
