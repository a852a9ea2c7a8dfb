"""Which times of an object the index holds: all where there are few, those around now where it goes on."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from mailserver.ical.budget import Budget, BudgetSpent
from mailserver.ical.check import CalendarObject
from mailserver.ical.reach import EVER, NEVER, Reach
from mailserver.store import occurrences
from mailserver.store.database import Tx
from mailserver.store.occurrences import DAY_MS, Gap


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of an object that recurs is looked up."""

    back_ms: int  # of the window, before now
    ahead_ms: int  # after now
    most: int  # rows of an object that ends: all of them, if they are no more

    @property
    def span_ms(self) -> int:
        return self.back_ms + self.ahead_ms


ROLL_MS = 370 * DAY_MS  # a window that ends sooner than this from now is made anew
MAX_ROWS = 1_500  # of one object; four years of every day
WIDE = Extent(370 * DAY_MS, 740 * DAY_MS, MAX_ROWS)
AT_FIRST = Extent(31 * DAY_MS, 62 * DAY_MS, 64)  # what a PUT waits for; the chores look wider within the hour
MAX_STEPS = 6_000  # some 5 ms on the writer's thread; what needs more is looked at by each query

Times = list[tuple[int, int, bool]]


def write(found: CalendarObject, tx: Tx, member_id: int, extent: Extent = WIDE) -> None:
    """In the transaction that stores the object, or later."""
    rows, gap = rows_of(found, tx.now_ms, extent)
    occurrences.write(tx, member_id, rows, gap)


def rows_of(found: CalendarObject, now_ms: int, extent: Extent = WIDE) -> tuple[Times, Gap | None]:
    """(rows of the index, what they do not say)."""
    series, bounds = found.series, found.series.bounds()
    if not series.recurs:
        rows = list(islice(_times(found, NEVER, EVER), MAX_ROWS + 1))
        return (rows, None) if len(rows) <= MAX_ROWS else ([], Gap(_or_none(bounds.since), _or_none(bounds.until)))
    start, end = now_ms - extent.back_ms, now_ms + extent.ahead_ms
    whole = bounds.until - bounds.since < WIDE.span_ms and _few(found, bounds, extent.most)
    if whole:
        return whole, None
    try:
        rows = list(islice(_times(found, start, end), MAX_ROWS + 1))
    except BudgetSpent:
        return [], Gap(_or_none(bounds.since), _or_none(bounds.until))
    if len(rows) > MAX_ROWS:
        return [], Gap(_or_none(bounds.since), _or_none(bounds.until))
    return rows, Gap(_or_none(bounds.since), _or_none(bounds.until), start, end)


def _few(found: CalendarObject, bounds: Reach, most: int) -> Times | None:
    """Every time, where the object ends and has no more than that."""
    try:
        rows = list(islice(_times(found, NEVER, EVER), most + 1))
    except BudgetSpent:
        return None
    return rows if len(rows) <= most and bounds.until < EVER else None


def _times(found: CalendarObject, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
    for reach, is_floating in found.series.reaches(start, end, Budget(MAX_STEPS)):
        yield reach.since, reach.until, is_floating


def _or_none(time: int) -> int | None:
    return None if abs(time) >= EVER else time
