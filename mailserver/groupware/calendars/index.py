"""Which times of an object the index holds: all where there are few, those around now where it goes on."""

from collections.abc import Iterator
from itertools import islice

from mailserver.ical.budget import Budget, BudgetSpent
from mailserver.ical.check import CalendarObject
from mailserver.ical.reach import EVER, NEVER, Reach
from mailserver.store import occurrences
from mailserver.store.database import Tx
from mailserver.store.occurrences import DAY_MS, Gap

BACK_MS = 370 * DAY_MS  # of the window, before now
AHEAD_MS = 740 * DAY_MS  # after now
ROLL_MS = 370 * DAY_MS  # a window that ends sooner than this from now is made anew
MAX_ROWS = 1_500  # of one object; four years of every day
MAX_STEPS = 6_000  # some 5 ms on the writer's thread; what needs more is looked at by each query

Times = list[tuple[int, int, bool]]


def write(found: CalendarObject, tx: Tx, member_id: int) -> None:
    """In the transaction that stores the object."""
    rows, gap = rows_of(found, tx.now_ms)
    occurrences.write(tx, member_id, rows, gap)


def rows_of(found: CalendarObject, now_ms: int) -> tuple[Times, Gap | None]:
    """(rows of the index, what they do not say)."""
    series, bounds = found.series, found.series.bounds()
    if not series.recurs:
        rows = list(islice(_times(found, NEVER, EVER), MAX_ROWS + 1))
        return (rows, None) if len(rows) <= MAX_ROWS else ([], Gap(_or_none(bounds.since), _or_none(bounds.until)))
    start, end = now_ms - BACK_MS, now_ms + AHEAD_MS
    whole = bounds.until - bounds.since < BACK_MS + AHEAD_MS and _few(found, bounds)
    if whole:
        return whole, None
    try:
        rows = list(islice(_times(found, start, end), MAX_ROWS + 1))
    except BudgetSpent:
        return [], Gap(_or_none(bounds.since), _or_none(bounds.until))
    if len(rows) > MAX_ROWS:
        return [], Gap(_or_none(bounds.since), _or_none(bounds.until))
    return rows, Gap(_or_none(bounds.since), _or_none(bounds.until), start, end)


def _few(found: CalendarObject, bounds: Reach) -> Times | None:
    """Every time, where the object ends and has not too many."""
    try:
        rows = list(islice(_times(found, NEVER, EVER), MAX_ROWS + 1))
    except BudgetSpent:
        return None
    return rows if len(rows) <= MAX_ROWS and bounds.until < EVER else None


def _times(found: CalendarObject, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
    for reach, is_floating in found.series.reaches(start, end, Budget(MAX_STEPS)):
        yield reach.since, reach.until, is_floating


def _or_none(time: int) -> int | None:
    return None if abs(time) >= EVER else time
