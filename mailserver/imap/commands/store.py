"""STORE: flags set, added, removed. RFC 9051 §6.4.6, RFC 7162 §3.1.3."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

from mailserver.imap import message_limit
from mailserver.imap.commands.fetch import send
from mailserver.imap.fetch_plan import Plan
from mailserver.imap.fetch_shared import numbers_in
from mailserver.imap.read_only import require_writable
from mailserver.imap.row import Row
from mailserver.imap.session import Session
from mailserver.imap.states import SELECTED
from mailserver.imap.view import View
from mailserver.imap.wire import store_items
from mailserver.imap.wire.fetch_items import Attribute
from mailserver.imap.wire.reader import Reader
from mailserver.imap.wire.store_items import StoreItem
from mailserver.mail.flags import FlagMode, FlagSet
from mailserver.mail.sequence import SequenceSet, ranges_of, wire
from mailserver.mailboxes.values import MessageGone

MAX_SETS = 1024  # distinct sets of flags looked at once

_EFFECTS: dict[FlagMode, Callable[..., FlagSet]] = {
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
    spans = view.spans(c.messages, by_uid=c.by_uid)
    numbers, limited = message_limit.newest_numbers(s, numbers_in(spans))
    uids = view.uids_in(list(ranges_of(numbers)) if limited else spans)
    silent = _Believed(view, item) if item.silent else None
    stored = await s.mailboxes.set_flags(s.user_id, view.index, uids, item.mode, item.flags, item.unchanged_since)
    if knew_all := view.knows(stored.before):
        view.told_all(stored.modseq)
    for line in view.new_keywords():  # before the first FETCH that has one
        s.write(line)
    if not item.silent:
        await send(s, _plan(s, c, Attribute.FLAGS), _without(view, numbers, stored.failed))
    elif s.condstore:
        await send(s, _plan(s, c), view.numbers(stored.changed))  # silent or not, RFC 7162 §3.1.3
    if silent is not None and not knew_all:
        silent.note(view, stored.changed)
    if stored.failed:
        named = stored.failed if c.by_uid else view.numbers(stored.failed)
        return message_limit.told(s, limited, b"[MODIFIED %b] " % wire(named)) + b"Conditional STORE failed"
    if not c.by_uid and not view.current and any(view.index.position(uid) is None for uid in uids):
        raise MessageGone
    return limited + b"STORE completed"


def _plan(s: Session, c: StoreFlags, *told: Attribute) -> Plan:
    """What is told of each message."""
    modseq = (Attribute.MODSEQ,) if s.condstore else ()
    names_uid = (c.by_uid or s.qresync) and not s.uid_only  # RFC 7162 §3.2.4
    return Plan.of((*told, *modseq, *((Attribute.UID,) if names_uid else ())))


def _without(view: View, numbers: Sequence[int], failed: list[int]) -> Sequence[int]:
    if not failed:
        return numbers
    left_out = set(view.numbers(failed))
    return [number for number in numbers if number not in left_out]


class _Believed:
    """What the client will take the flags to be after a silent STORE; not where it missed a change before."""

    def __init__(self, view: View, item: StoreItem) -> None:
        self._uids, self._flags = view.index.uids, view.index.flags[:]
        self._missed = view.pending()
        self._effect = lru_cache(MAX_SETS)(partial(_EFFECTS[item.mode], flags=item.flags))

    def note(self, view: View, changed: list[int]) -> None:
        """The client's own change is no news to it, unless another session's fell in between."""
        index = view.index
        for uid in changed:
            before, now = bisect_left(self._uids, uid), index.position(uid)
            if uid in self._missed or before == len(self._uids) or self._uids[before] != uid or now is None:
                continue
            if index.flags[now] == self._effect(self._flags[before]):
                view.told(uid, index.modseqs[now])


ROWS = {"STORE": Row(parse, run, SELECTED, uid=True, holds_expunge=True, reports=True)}
