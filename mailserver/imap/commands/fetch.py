"""FETCH. RFC 9051 §6.4.5, RFC 7162 §3.1.4.

Lines are made and sent in chunks, so that a client that asks for everything keeps nobody else waiting.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.errors import UnknownEncoding
from mailserver.imap import fetch_binary, fetch_sections, message_limit, resync
from mailserver.imap.fetch_columns import Chunk, lines
from mailserver.imap.fetch_plan import Plan
from mailserver.imap.fetch_shared import among, chunk_of, details_of, numbers_in, pieces, send_shared
from mailserver.imap.row import Row
from mailserver.imap.session import Session
from mailserver.imap.states import SELECTED
from mailserver.imap.view import Spans
from mailserver.imap.wire.fetch_items import (
    Attribute,
    Binary,
    BinarySize,
    BodySection,
    FetchItem,
    FetchModifiers,
    FileItem,
    parse_items,
    parse_modifiers,
)
from mailserver.imap.wire.reader import BadSyntax, Reader
from mailserver.mail.detail import Part
from mailserver.mail.flags import FlagSet
from mailserver.mail.sequence import SequenceSet, ranges_of
from mailserver.mailboxes.files import MAX_OPEN, MessageFile
from mailserver.mailboxes.values import FlagMode, MessageGone
from mailserver.serving.connection import ConnectionLost

SEEN = FlagSet.of(["\\Seen"])
CAPABILITIES: dict[FetchItem | type[FetchItem], bytes] = {  # of items that are not there where it is switched off
    Attribute.EMAILID: b"OBJECTID",
    Attribute.THREADID: b"OBJECTID",
    Attribute.SAVEDATE: b"SAVEDATE",
    Attribute.PREVIEW: b"PREVIEW",
    Binary: b"BINARY",
    BinarySize: b"BINARY",
}


@dataclass(frozen=True, slots=True)
class Fetch:
    messages: SequenceSet
    by_uid: bool
    items: tuple[FetchItem, ...]
    modifiers: FetchModifiers


@dataclass(slots=True)
class Missed:
    """What of the answer could not be given."""

    gone: bool = False  # a message was removed meanwhile
    unknown: bool = False  # an encoding is none we can undo


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
    for item in c.items:
        capability = CAPABILITIES.get(item if isinstance(item, Attribute) else type(item))
        if capability is not None and not s.can(capability):
            raise BadSyntax("Unknown FETCH item")
    spans = view.spans(c.messages, by_uid=c.by_uid)
    numbers = numbers_in(spans)
    items = dict.fromkeys(c.items)
    if c.by_uid and not s.uid_only:  # UIDFETCH names the UID itself, RFC 9586 §3.3
        items = {Attribute.UID: None, **items}  # RFC 9051 §6.4.9
    if c.modifiers.vanished and not s.qresync:
        raise BadSyntax("VANISHED needs ENABLE QRESYNC")
    if c.modifiers.changed_since is not None or Attribute.MODSEQ in items:
        s.need_condstore()
    if c.modifiers.changed_since is not None:
        items[Attribute.MODSEQ] = None  # RFC 7162 §3.1.4.1
        numbers = among(view.numbers(await _changed(s, c, c.modifiers.changed_since)), spans)
    if c.modifiers.partial is not None:
        if not s.can(b"PARTIAL"):
            raise BadSyntax("Unknown FETCH modifier")
        numbers = [*c.modifiers.partial.of(numbers)]
    numbers, limited = message_limit.newest_numbers(s, numbers)
    plan = Plan.of(tuple(items))
    newly_seen = (
        await _set_seen(s, list(ranges_of(numbers))) if plan.sets_seen and view.may_set_seen else frozenset[int]()
    )
    missed = await send(s, plan, numbers, newly_seen)
    if missed.unknown:
        raise UnknownEncoding
    if missed.gone and not c.by_uid:
        raise MessageGone
    return limited + b"FETCH completed"


async def _changed(s: Session, c: Fetch, modseq: int) -> list[int]:
    """UIDs of what changed; what was removed is told where that is asked for."""
    view = s.selected
    if not c.modifiers.vanished:
        return await s.mailboxes.changed_since(view.index, modseq)
    changes = await s.mailboxes.changes_since(view.index, modseq)
    await resync.tell_vanished(s, changes, c.messages.resolve(view.told_uidnext - 1))
    return changes.changed


async def send_items(s: Session, items: Sequence[FetchItem], numbers: Sequence[int]) -> None:
    """FETCH responses that nobody asked for by FETCH; messages that are gone are passed over."""
    await send(s, Plan.of(tuple(items)), numbers)


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
    return frozenset((await s.mailboxes.set_flags(s.user_id, index, unseen, FlagMode.ADD, SEEN)).changed)


async def send(s: Session, plan: Plan, numbers: Sequence[int], newly_seen: frozenset[int] = frozenset()) -> Missed:
    """One FETCH response for each message."""
    view = s.selected
    pending = view.pending() if plan.tells_flags else set()
    before = view.index.highestmodseq
    tells_all = plan.tells_flags and len(numbers) == view.length
    if plan.sections or newly_seen or (pending and not tells_all):
        missed = await _send_own(s, plan, numbers, newly_seen, pending)
    else:
        missed = Missed(gone=not await send_shared(s, plan, numbers))
    if tells_all:
        view.told_all(before)  # what changed meanwhile may be told twice
    return missed


async def _send_own(
    s: Session, plan: Plan, numbers: Sequence[int], newly_seen: frozenset[int], pending: set[int]
) -> Missed:
    """Lines with octets of the file, or that change what this session was told."""
    view, found, missed = s.selected, 0, Missed()
    for piece in pieces(numbers):
        chunk = chunk_of(view, piece, await details_of(s, plan, piece) if plan.details else None, utf8=s.utf8)
        found += len(chunk.uids)
        heads = lines(chunk, plan.columns) if plan.columns else list(map(view.head, chunk.numbers, chunk.uids))
        if plan.sections:
            await _send_sections(s, plan, chunk, heads, newly_seen, missed)
        else:
            tails = [_seen_tail(s, plan, uid, newly_seen) for uid in chunk.uids]
            s.write(b"".join([head + tail + b")\r\n" for head, tail in zip(heads, tails, strict=True)]))
        for uid, position in zip(chunk.uids, chunk.positions, strict=True) if pending else ():
            if uid in pending:
                view.told(uid, view.index.modseqs[position])
        await s.drain()
    missed.gone = missed.gone or found < len(numbers)
    return missed


async def _send_sections(
    s: Session, plan: Plan, chunk: Chunk, heads: Sequence[bytes], newly_seen: frozenset[int], missed: Missed
) -> None:
    for start in range(0, len(chunk.uids), MAX_OPEN):
        files = await s.mailboxes.open_all(chunk.view.index, chunk.uids[start : start + MAX_OPEN])
        try:
            for place in range(start, min(start + MAX_OPEN, len(chunk.uids))):
                file = files.get(chunk.uids[place])
                if file is None:
                    missed.gone = True
                else:
                    await _send_message(s, plan, chunk, place, heads[place], file, newly_seen, missed)
        finally:
            for file in files.values():
                file.close()


async def _send_message(
    s: Session,
    plan: Plan,
    chunk: Chunk,
    place: int,
    head: bytes,
    file: MessageFile,
    newly_seen: frozenset[int],
    missed: Missed,
) -> None:
    parts = chunk.details[place].parts if plan.details else ()
    known = tuple(item for item in plan.sections if isinstance(item, BodySection) or fetch_binary.is_known(item, parts))
    missed.unknown = missed.unknown or len(known) < len(plan.sections)
    try:
        if known or plan.columns:
            await _send_line(s, plan, file, head, known, parts)
            s.write(_seen_tail(s, plan, chunk.uids[place], newly_seen) + b")\r\n")
    except OSError as fault:  # in the middle of a line nothing else can be said
        s.connection.abort()
        raise ConnectionLost from fault
    if s.connection.behind:
        await s.drain()


async def _send_line(
    s: Session, plan: Plan, file: MessageFile, head: bytes, items: Sequence[FileItem], parts: Sequence[Part]
) -> None:
    s.write(head)
    for first, item in enumerate(items):
        s.write(b" " if first or plan.columns else b"")
        match item:
            case BodySection():
                await fetch_sections.send(s, file, item, parts)
            case Binary():
                await fetch_binary.send(s, file, item, parts)
            case BinarySize():
                await fetch_binary.send_size(s, file, item, parts)


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
