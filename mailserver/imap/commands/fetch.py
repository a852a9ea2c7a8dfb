"""FETCH. RFC 9051 §6.4.5, RFC 7162 §3.1.4.

Lines are made and sent in chunks, so that a client that asks for everything keeps nobody else waiting.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

from mailserver.imap import fetch_sections
from mailserver.imap.connection import ConnectionLost
from mailserver.imap.fetch_columns import NOTHING, Chunk, Column, column_of, lines
from mailserver.imap.row import Row
from mailserver.imap.session import Session
from mailserver.imap.states import SELECTED
from mailserver.imap.view import Spans, View
from mailserver.imap.wire.fetch_items import (
    Attribute,
    BodySection,
    FetchItem,
    FetchModifiers,
    parse_items,
    parse_modifiers,
)
from mailserver.imap.wire.reader import Reader
from mailserver.mail.flags import FlagSet
from mailserver.mail.sequence import SequenceSet
from mailserver.mailboxes.values import Detail, FlagMode, MessageGone, StoredDetail

CHUNK = 256  # messages whose lines are made in one turn of the loop
SEEN = FlagSet.of(["\\Seen"])
NO_DETAIL = StoredDetail(0)


@dataclass(frozen=True, slots=True)
class Fetch:
    messages: SequenceSet
    by_uid: bool
    items: tuple[FetchItem, ...]
    modifiers: FetchModifiers


@dataclass(frozen=True, slots=True)
class Plan:
    """What is sent of each message."""

    columns: tuple[Column, ...]
    sections: tuple[BodySection, ...]  # from the file, after the columns
    details: Detail
    tells_flags: bool
    tells_modseq: bool
    sets_seen: bool

    @classmethod
    def of(cls, items: Sequence[FetchItem]) -> "Plan":
        columns = tuple(column for item in items if (column := column_of(item)) is not None)
        sections = tuple(item for item in items if isinstance(item, BodySection) and column_of(item) is None)
        details = Detail.PARTS if any(map(fetch_sections.needs_parts, sections)) else NOTHING
        for column in columns:
            details |= column.details
        sets_seen = any(isinstance(item, BodySection) and not item.peek for item in items)
        return cls(columns, sections, details, Attribute.FLAGS in items, Attribute.MODSEQ in items, sets_seen)


def parse(r: Reader) -> Fetch:
    """fetch = "FETCH" SP sequence-set SP items [fetch-modifiers]"""
    r.sp()
    messages = r.sequence_set()
    r.sp()
    items = parse_items(r)
    modifiers = parse_modifiers(r)
    r.end()
    return Fetch(messages, r.uid, items, modifiers)


async def run(s: Session, c: Fetch) -> bytes:
    view = s.selected
    spans = view.spans(c.messages, by_uid=c.by_uid)
    numbers = [number for first, last in spans for number in range(first, last + 1)]
    items = dict.fromkeys(c.items)
    if c.by_uid:
        items = {Attribute.UID: None, **items}  # RFC 9051 §6.4.9
    if c.modifiers.changed_since is not None:
        items[Attribute.MODSEQ] = None  # RFC 7162 §3.1.4.1
        changed = set(view.index.changed_since(c.modifiers.changed_since))
        numbers = [number for number in numbers if view.uids[number - 1] in changed]
    if Attribute.MODSEQ in items:
        s.enabled.add("CONDSTORE")
    plan = Plan.of(tuple(items))
    newly_seen = await _set_seen(s, spans) if plan.sets_seen and not view.read_only else frozenset[int]()
    complete = await _send(s, plan, numbers, newly_seen)
    if not complete and not c.by_uid:
        raise MessageGone
    return b"FETCH completed"


async def _set_seen(s: Session, spans: Spans) -> frozenset[int]:
    """One transaction for the whole command; the UIDs whose flags changed by it."""
    index = s.selected.index
    unseen = [
        uid
        for uid in s.selected.uids_in(spans)
        if (position := index.position(uid)) is not None and not index.flags[position].seen
    ]
    if not unseen:
        return frozenset()
    return frozenset((await s.mailboxes.set_flags(index, unseen, FlagMode.ADD, SEEN)).changed)


async def _send(s: Session, plan: Plan, numbers: Sequence[int], newly_seen: frozenset[int]) -> bool:
    """Whether all messages were still there."""
    view, found = s.selected, 0
    pending = view.pending() if plan.tells_flags else set()
    async for chunk in _chunks(s, plan, numbers):
        found += len(chunk.uids)
        heads = lines(chunk, plan.columns) if plan.columns else [b"* %d FETCH (" % number for number in chunk.numbers]
        if plan.sections:
            found -= await _send_sections(s, plan, chunk, heads, newly_seen)
        elif newly_seen:
            tails = [_seen_tail(s, plan, uid, newly_seen) for uid in chunk.uids]
            s.write(b"".join([head + tail + b")\r\n" for head, tail in zip(heads, tails, strict=True)]))
        else:
            s.write(b")\r\n".join([*heads, b""]))
        for uid, position in zip(chunk.uids, chunk.positions, strict=True) if pending else ():
            if uid in pending:
                view.told(uid, view.index.modseqs[position])
        await s.drain()
    return found == len(numbers)


async def _chunks(s: Session, plan: Plan, numbers: Sequence[int]) -> AsyncIterator[Chunk]:
    view = s.selected
    for start in range(0, len(numbers), CHUNK):
        chosen = numbers[start : start + CHUNK]
        details: dict[int, StoredDetail] | None = None
        if plan.details:
            uids = [view.uids[number - 1] for number in chosen]
            details = {}
            async for part in s.mailboxes.details(view.index, uids, plan.details):
                details |= {detail.uid: detail for detail in part}
        yield _chunk(view, chosen, details)


def _chunk(view: View, numbers: Sequence[int], details: dict[int, StoredDetail] | None) -> Chunk:
    """Those of the messages that are there, as the index has them now."""
    if view.current and details is None:
        return Chunk(view, numbers, [view.uids[number - 1] for number in numbers], [n - 1 for n in numbers], ())
    there = [
        (number, uid, position, NO_DETAIL if details is None else details[uid])
        for number, uid, position in _positions(view, numbers)
        if details is None or uid in details
    ]
    chosen, uids, positions, kept = zip(*there, strict=True) if there else ((), (), (), ())
    return Chunk(view, chosen, uids, positions, kept)


def _positions(view: View, numbers: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    for number in numbers:
        uid = view.uids[number - 1]
        position = number - 1 if view.current else view.index.position(uid)
        if position is not None:
            yield number, uid, position


async def _send_sections(
    s: Session, plan: Plan, chunk: Chunk, heads: Sequence[bytes], newly_seen: frozenset[int]
) -> int:
    """How many messages had no file any more."""
    gone = 0
    for place, (uid, head) in enumerate(zip(chunk.uids, heads, strict=True)):
        try:
            file = await s.mailboxes.open(chunk.view.index, uid)
        except MessageGone:
            gone += 1
            continue
        try:
            s.write(head)
            parts = chunk.details[place].parts if plan.details else ()
            for first, item in enumerate(plan.sections):
                s.write(b" " if first or plan.columns else b"")
                await fetch_sections.send(s, file, item, parts)
        except OSError as fault:  # in the middle of a line nothing else can be said
            s.connection.abort()
            raise ConnectionLost from fault
        finally:
            file.close()
        s.write(_seen_tail(s, plan, uid, newly_seen) + b")\r\n")
        if s.connection.behind:
            await s.drain()
    return gone


def _seen_tail(s: Session, plan: Plan, uid: int, newly_seen: frozenset[int]) -> bytes:
    """FLAGS of a message that this command made \\Seen, told with it. RFC 9051 §6.4.5."""
    view = s.selected
    position = view.index.position(uid) if uid in newly_seen else None
    if position is None:
        return b""
    modseq = view.index.modseqs[position]
    view.told(uid, modseq)
    tail = b"" if plan.tells_flags else b" FLAGS (%b)" % view.flags_wire(uid, view.index.flags[position])
    return tail + (b" MODSEQ (%d)" % modseq if s.condstore and not plan.tells_modseq else b"")


ROWS = {"FETCH": Row(parse, run, SELECTED, uid=True, holds_expunge=True)}
