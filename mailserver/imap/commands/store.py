"""STORE: flags set, added, removed. RFC 9051 §6.4.6, RFC 7162 §3.1.3."""

from collections.abc import Callable
from dataclasses import dataclass

from mailserver.imap import message_limit
from mailserver.imap.commands.fetch import CHUNK
from mailserver.imap.read_only import require_writable
from mailserver.imap.row import Row
from mailserver.imap.session import Session
from mailserver.imap.states import SELECTED
from mailserver.imap.view import View
from mailserver.imap.wire import store_items
from mailserver.imap.wire.reader import Reader
from mailserver.imap.wire.store_items import StoreItem
from mailserver.mail.flags import FlagMode, FlagSet
from mailserver.mail.sequence import SequenceSet, wire
from mailserver.mailboxes.values import MessageGone

_EFFECTS: dict[FlagMode, Callable[[FlagSet, FlagSet], FlagSet]] = {
    FlagMode.REPLACE: lambda _before, flags: flags,
    FlagMode.ADD: lambda before, flags: before | flags,
    FlagMode.REMOVE: lambda before, flags: before - flags,
}


@dataclass(frozen=True, slots=True)
class StoreFlags:
    messages: SequenceSet
    by_uid: bool
    item: StoreItem


def parse(r: Reader) -> StoreFlags:
    """store = "STORE" SP sequence-set [store-modifiers] SP store-att-flags"""
    r.sp()
    messages = r.sequence_set()
    item = store_items.parse(r)
    r.end()
    return StoreFlags(messages, r.uid, item)


async def run(s: Session, c: StoreFlags) -> bytes:
    view, item = s.selected, c.item
    require_writable(view)
    if item.unchanged_since is not None:
        s.need_condstore()
    chosen, limited = message_limit.newest(s, view.select(c.messages, by_uid=c.by_uid))
    uids = list(chosen)
    believed = _believed(view, uids, item) if item.silent else {}
    stored = await s.mailboxes.set_flags(s.user_id, view.index, uids, item.mode, item.flags, item.unchanged_since)
    _note_silent(view, stored.changed, believed)
    failed = set(stored.failed)
    if not item.silent:
        await _tell(s, [uid for uid in uids if uid not in failed], _flags_line, c)
    elif s.condstore:
        await _tell(s, stored.changed, _modseq_line, c)
    if stored.failed:
        named = stored.failed if c.by_uid else view.numbers(stored.failed)
        return message_limit.told(s, limited, b"[MODIFIED %b] " % wire(named)) + b"Conditional STORE failed"
    if not c.by_uid and not view.current and any(view.index.position(uid) is None for uid in uids):
        raise MessageGone
    return limited + b"STORE completed"


def _believed(view: View, uids: list[int], item: StoreItem) -> dict[int, FlagSet]:
    """What the client will take the flags to be after a silent STORE; not where it missed a change before."""
    effect, pending, index = _EFFECTS[item.mode], view.pending(), view.index
    after: dict[int, FlagSet] = {}  # by the identity of the set before: most messages share a few
    believed = {}
    for uid in uids:
        position = index.position(uid)
        if position is not None and uid not in pending:
            before = index.flags[position]
            if id(before) not in after:
                after[id(before)] = effect(before, item.flags)
            believed[uid] = after[id(before)]
    return believed


def _note_silent(view: View, changed: list[int], believed: dict[int, FlagSet]) -> None:
    """The client's own change is no news to it, unless another session's fell in between."""
    index = view.index
    for uid in changed if believed else ():
        position = index.position(uid)
        if position is not None and index.flags[position] == believed.get(uid):
            view.told(uid, index.modseqs[position])


async def _tell(s: Session, uids: list[int], line: Callable[[Session, int, int], bytes], c: StoreFlags) -> None:
    view = s.selected
    names_uid = (c.by_uid or s.qresync) and not s.uid_only  # RFC 7162 §3.2.4
    for start in range(0, len(uids), CHUNK):
        lines = []
        for uid in uids[start : start + CHUNK]:
            number, position = view.number(uid), view.index.position(uid)
            if number is not None and position is not None:
                name = b" UID %d" % uid if names_uid else b""
                lines.append(view.head(number, uid) + line(s, uid, position) + name + b")\r\n")
        s.write(b"".join(lines))
        await s.drain()


def _flags_line(s: Session, uid: int, position: int) -> bytes:
    view = s.selected
    modseq = view.index.modseqs[position]
    view.told(uid, modseq)
    line = b"FLAGS (%b)" % view.flags_wire(uid, view.index.flags[position])
    return line + b" MODSEQ (%d)" % modseq if s.condstore else line


def _modseq_line(s: Session, _uid: int, position: int) -> bytes:
    """Silent or not, RFC 7162 §3.1.3."""
    return b"MODSEQ (%d)" % s.selected.index.modseqs[position]


ROWS = {"STORE": Row(parse, run, SELECTED, uid=True, holds_expunge=True, reports=True)}
