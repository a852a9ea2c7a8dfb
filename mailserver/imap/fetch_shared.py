"""FETCH lines without octets of files: made in chunks, and kept for whoever asks the same of the same messages."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import chain

from mailserver.imap.fetch_columns import Chunk, lines
from mailserver.imap.fetch_plan import Plan
from mailserver.imap.rendered import CHUNK, MAX_NAMES, Place, place_of
from mailserver.imap.session import Session
from mailserver.imap.view import Spans, View
from mailserver.mailboxes.values import StoredDetail

DETAIL_CHUNKS = 4  # whose details are read in one step of a thread
NO_DETAIL = StoredDetail(0)


def numbers_in(spans: Spans) -> Sequence[int]:
    if len(spans) == 1:
        [(first, last)] = spans
        return range(first, last + 1)
    return [number for first, last in spans for number in range(first, last + 1)]


def among(numbers: list[int], spans: Spans) -> list[int]:
    """Those of the ascending numbers that the spans hold; costs them, not the width of the spans."""
    return [
        number for first, last in spans for number in numbers[bisect_left(numbers, first) : bisect_right(numbers, last)]
    ]


def pieces(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """At most CHUNK messages each, and borders where those of the kept chunks are if the numbers are a run."""
    start = 0
    end = CHUNK - (numbers[0] - 1) % CHUNK if numbers else 0
    while start < len(numbers):
        yield numbers[start:end]
        start, end = end, end + CHUNK


async def send_shared(s: Session, plan: Plan, numbers: Sequence[int]) -> bool:
    """Whether all messages were still there."""
    view, found = s.selected, 0
    todo = [*pieces(numbers)]
    ahead: dict[int, StoredDetail] = {}
    read = 0  # of the pieces, their details
    for done, piece in enumerate(todo):
        place = _place(s, view, plan, piece)
        data = None if place is None else s.around.rendered.find(place)
        if data is None and plan.details and done >= read:
            read = done + DETAIL_CHUNKS
            ahead = await details_of(s, plan, [*chain.from_iterable(todo[done:read])])
            place = _place(s, view, plan, piece)  # flags may have changed while the details were read
        if data is None:
            chunk = chunk_of(view, piece, ahead if plan.details else None, utf8=s.utf8)
            data = b")\r\n".join([*lines(chunk, plan.columns), b""])
            if place is not None and len(chunk.uids) == len(piece):
                s.around.rendered.keep(place, data, chunks=len(todo))
            found += len(chunk.uids)
        else:
            found += len(piece)
        s.write(data)
        await s.drain()
    return found == len(numbers)


async def details_of(s: Session, plan: Plan, numbers: Sequence[int]) -> dict[int, StoredDetail]:
    """By UID; messages that are gone are left out."""
    uids = [s.selected.uids[number - 1] for number in numbers]
    found: dict[int, StoredDetail] = {}
    async for part in s.mailboxes.details(s.selected.index, uids, plan.details):
        found |= {detail.uid: detail for detail in part}
    return found


def chunk_of(view: View, numbers: Sequence[int], details: dict[int, StoredDetail] | None, *, utf8: bool) -> Chunk:
    """Those of the messages that are there, as the index has them now."""
    if view.current and details is None:
        uids = [view.uids[number - 1] for number in numbers]
        return Chunk(view, numbers, uids, [number - 1 for number in numbers], (), utf8)
    there = [
        (number, uid, position, NO_DETAIL if details is None else details[uid])
        for number, uid, position in _positions(view, numbers)
        if details is None or uid in details
    ]
    chosen, uids_there, positions, kept = zip(*there, strict=True) if there else ((), (), (), ())
    return Chunk(view, chosen, uids_there, positions, kept, utf8)


def _positions(view: View, numbers: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    for number in numbers:
        uid = view.uids[number - 1]
        position = number - 1 if view.current else view.index.position(uid)
        if position is not None:
            yield number, uid, position


def _place(s: Session, view: View, plan: Plan, piece: Sequence[int]) -> Place | None:
    """None for messages that do not follow one another, and for a question that nobody asks twice."""
    first, last = piece[0], piece[-1]
    if last - first + 1 != len(piece) or plan.names > MAX_NAMES:
        return None
    return place_of(view, first, last, (plan.items, s.utf8, s.uid_only), volatile=plan.volatile)
