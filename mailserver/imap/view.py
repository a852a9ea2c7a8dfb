"""What one client believes of its selected mailbox: message numbers ↔ UIDs, and what it has been told.

The mailbox's index is shared and always current; the view lags behind it until `sync` says the difference.
While nothing was removed both look at the same array of UIDs, of which the view knows the first `length`.
When messages are removed the index takes a new array and the view keeps the old one, so that message numbers
stay what the client thinks until it may be told EXPUNGE. RFC 3501 §7.4.1.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Flag, auto
from itertools import compress

from mailserver.imap.search_context import Context
from mailserver.imap.wire import writer
from mailserver.imap.wire.reader import BadSyntax
from mailserver.mail.flags import SYSTEM_FLAGS, FlagSet
from mailserver.mail.rights import ALL, Rights, of_flag
from mailserver.mail.sequence import SequenceSet, merge, ranges_of, wire
from mailserver.mailboxes.index import MailboxIndex

SCAN_SHARE = 8  # from an eighth of the mailbox on, going through all of it finds numbers faster than bisection

MANY_REMOVED = 16  # from one message in so many on, all are compared; fewer are searched for

Spans = list[tuple[int, int]]  # inclusive ranges of message numbers, ascending


class News(Flag):
    """Kinds of changes that a client is told of its selected mailbox."""

    NOTHING = 0
    ARRIVALS = auto()  # EXISTS
    REMOVALS = auto()  # EXPUNGE or VANISHED
    FLAGS = auto()  # FETCH


ALL_NEWS = News.ARRIVALS | News.REMOVALS | News.FLAGS


@dataclass(frozen=True, slots=True)
class Manner:
    """In which words a session is told: what it enabled decides."""

    modseq: bool = False  # CONDSTORE: MODSEQ and UID with every change
    vanished: bool = False  # QRESYNC, UIDONLY: VANISHED with UIDs instead of EXPUNGE
    recent: bool = True  # \Recent exists; not in IMAP4rev2
    uid_only: bool = False  # UIDONLY: no message numbers


class View:
    def __init__(
        self,
        index: MailboxIndex,
        first_recent: int,
        *,
        claim: Callable[[MailboxIndex], int] | None = None,
        rights: Callable[[], Rights] = lambda: ALL,
    ) -> None:
        """`first_recent`: UIDs from here on are \\Recent to this session. `claim` takes that of later ones for it;

        a session that may not write has none. `rights`: what its user may do with the mailbox, asked anew each time.
        """
        self.index = index
        self._rights = rights
        self._told_rights = self.rights
        self.manner = Manner()
        self._claim_recent = claim
        self.uids = index.uids
        self.length = len(index.uids)
        self._uidnext = index.uidnext  # UIDs from here on were not told
        self._told_modseq = index.highestmodseq
        self.complete_modseq = index.highestmodseq  # every change up to it was told, removals too
        self._told: dict[int, int] = {}  # uid → modseq, told one by one since
        self._keywords = index.keywords
        self.contexts: dict[bytes, Context] = {}  # results kept up to date, by the tag of their command
        self.arrived = range(0)  # numbers of the messages told last
        self.saved: Sequence[int] = ()  # UIDs of the saved search result, ascending, RFC 5182
        self._recent: list[tuple[int, int]] = (
            [(first_recent, index.uidnext - 1)] if first_recent < index.uidnext else []
        )

    @property
    def read_only(self) -> bool:
        return self._claim_recent is None

    # ---- rights, RFC 4314 ----

    @property
    def rights(self) -> Rights:
        return self._rights()

    @property
    def gone(self) -> bool:
        """The mailbox was deleted, or the user may not read it any more."""
        return self.index.gone or "r" not in self.rights

    @property
    def may_change(self) -> bool:
        """SELECT is told READ-WRITE, RFC 4314 §5.2."""
        return not self.rights.isdisjoint("ieswt")

    @property
    def may_set_seen(self) -> bool:
        return not self.read_only and "s" in self.rights

    # ---- numbers and UIDs ----

    @property
    def current(self) -> bool:
        """Whether message number n stands at position n - 1 of the index's columns."""
        return self.uids is self.index.uids

    def number(self, uid: int) -> int | None:
        place = bisect_left(self.uids, uid, 0, self.length)
        return place + 1 if place < self.length and self.uids[place] == uid else None

    def numbers(self, uids: Sequence[int]) -> list[int]:
        """Of those the client knows, ascending, as `uids` must be."""
        if self.length and self.uids[self.length - 1] - self.uids[0] + 1 == self.length:  # none was ever removed
            before = self.uids[0] - 1
            if not before and uids and uids[-1] <= self.length:
                return [*uids]
            return [number for uid in uids if 0 < (number := uid - before) <= self.length]
        if len(uids) * SCAN_SHARE > self.length:
            known = map(set(uids).__contains__, self.uids[: self.length])
            return [*compress(range(1, self.length + 1), known)]
        found = map(self.number, uids)
        return [number for number in found if number is not None]

    def spans(self, messages: SequenceSet, *, by_uid: bool) -> Spans:
        """The messages a client means, as message numbers. Raises BadSyntax for numbers that do not exist."""
        if messages.saved:
            return list(ranges_of(self.numbers(self.saved)))
        return self._uid_spans(messages) if by_uid else self._number_spans(messages)

    def uids_in(self, spans: Spans) -> list[int]:
        return [uid for first, last in spans for uid in self.uids[first - 1 : last]]

    def select(self, messages: SequenceSet, *, by_uid: bool) -> list[int]:
        """The UIDs of the messages a client means, ascending."""
        return self.uids_in(self.spans(messages, by_uid=by_uid))

    def _number_spans(self, messages: SequenceSet) -> Spans:
        if not self.length:
            if any(first and last for first, last in messages.ranges):
                raise BadSyntax("No such message: the mailbox is empty")
            return []
        spans = messages.resolve(self.length)
        if any(first > self.length for first, _last in spans):
            raise BadSyntax(f"No such message: there are {self.length}")
        return [(first, min(last, self.length)) for first, last in spans]

    def _uid_spans(self, messages: SequenceSet) -> Spans:
        """UIDs that do not exist are no error, RFC 9051 §6.4.9."""
        if not self.length:
            return []
        spans = []
        for low, high in messages.resolve(self.uids[self.length - 1]):
            first = bisect_left(self.uids, low, 0, self.length) + 1
            last = bisect_right(self.uids, high, 0, self.length)
            if first <= last:
                spans.append((first, last))
        return list(merge(spans))

    # ---- \Recent, RFC 3501 §2.3.2 ----

    def is_recent(self, uid: int) -> bool:
        return any(first <= uid <= last for first, last in self._recent)

    @property
    def has_recent(self) -> bool:
        return bool(self._recent) and self.manner.recent

    def has_recent_in(self, first: int, last: int) -> bool:
        """Whether one of these message numbers is \\Recent."""
        return self.manner.recent and any(
            low <= self.uids[last - 1] and self.uids[first - 1] <= high for low, high in self._recent
        )

    def recent_count(self) -> int:
        return sum(
            bisect_right(self.uids, last, 0, self.length) - bisect_left(self.uids, first, 0, self.length)
            for first, last in self._recent
        )

    def flags_wire(self, uid: int, flags: FlagSet) -> bytes:
        """What stands between the parentheses of FLAGS (...)."""
        if not self.has_recent or not self.is_recent(uid):
            return flags.wire
        return flags.wire + b" \\Recent" if flags.wire else b"\\Recent"

    # ---- telling ----

    @property
    def told_modseq(self) -> int:
        """Changes of flags up to this number were told, arrivals too."""
        return self._told_modseq

    @property
    def told_uidnext(self) -> int:
        """The client knows of no message from this UID on."""
        return self._uidnext

    def head(self, number: int, uid: int) -> bytes:
        """How a FETCH response begins; UIDFETCH in its place, RFC 9586 §3.3."""
        return b"* %d UIDFETCH (" % uid if self.manner.uid_only else b"* %d FETCH (" % number

    def told(self, uid: int, modseq: int) -> None:
        """The client knows this message's flags as of this change, by a FETCH or because it made it."""
        self._told[uid] = modseq

    def knows(self, modseq: int) -> bool:
        """Whether the client was told of every change of flags up to this number."""
        return self._told_modseq >= modseq

    def told_all(self, modseq: int) -> None:
        """The client knows the flags of all messages as of this change number."""
        self._told_modseq = max(self._told_modseq, modseq)
        if self._told_modseq >= self.index.highestmodseq:
            self._told.clear()

    def pending(self) -> set[int]:
        """UIDs whose flags changed and were not told."""
        index = self.index
        if index.highestmodseq <= self._told_modseq:
            return set()
        return {uid for uid, position in self._changed() if self._told.get(uid) != index.modseqs[position]}

    def sync(self, news: News, *, uid: bool = False) -> list[bytes]:
        """What the client may be told now: EXPUNGE or VANISHED, EXISTS, RECENT, FETCH (FLAGS [UID] [MODSEQ])."""
        if self.gone:
            return []
        lines = self._removals() if News.REMOVALS in news and not self.current else []
        lines += self.new_keywords()
        known = self.length
        lines += self._arrivals() if News.ARRIVALS in news else []
        if self.index.highestmodseq > self._told_modseq and News.FLAGS in news:
            lines += self._changes(known, uid=uid or self.manner.modseq)
        if self.current and ALL_NEWS & ~News.REMOVALS in news:
            self.complete_modseq = self.index.highestmodseq
        return lines

    @property
    def holds_back(self) -> bool:
        """There is something that the client was not told of yet."""
        return self.index.highestmodseq > self.complete_modseq and not self.gone

    def held_removals(self) -> list[int]:
        """UIDs that are gone and that the client was not told of, ascending."""
        return [] if self.current else [self.uids[place] for place in self._removed_places()]

    def is_behind_only_by(self, removed: Sequence[int]) -> bool:
        """Whether the client, if it knew that these UIDs are gone, would know all there is to know."""
        index = self.index
        arrived = bool(index.uids) and index.uids[-1] >= self._uidnext
        return not arrived and not self.pending() and self.length - len(removed) == len(index.uids)

    def flags_lines(self) -> list[bytes]:
        """FLAGS and PERMANENTFLAGS: at SELECT, and when a keyword is new. RFC 3501 §7.2.6."""
        flags = FlagSet.of((*SYSTEM_FLAGS, *self._keywords))
        return [
            writer.untagged(b"FLAGS " + writer.flag_list(flags)),
            writer.untagged(b"OK [PERMANENTFLAGS %b] Flags that are kept" % self._permanent(flags)),
        ]

    def _permanent(self, flags: FlagSet) -> bytes:
        """Those that the user has the right to set; new keywords too where he may write. RFC 4314 §5.1.1"""
        if self.read_only:
            return b"()"
        rights = self._told_rights = self.rights
        kept = FlagSet.of(flag for flag in flags.names if of_flag(flag) in rights)
        return writer.flag_list(kept, b"\\*") if "w" in rights else writer.flag_list(kept)

    def new_keywords(self) -> list[bytes]:
        """FLAGS again where the mailbox has others than the client was told, or the user other rights."""
        fresh = self.index.keywords != self._keywords
        if not fresh and (self.read_only or self.rights == self._told_rights):
            return []
        self._keywords = self.index.keywords
        return self.flags_lines()

    def _removals(self) -> list[bytes]:
        """Each EXPUNGE counts without those already gone, so that the client can follow one by one."""
        gone = self._removed_places()
        uids = [self.uids[place] for place in gone]
        self.uids = self.index.uids
        self.length -= len(gone)
        if self.manner.vanished:
            return [b"* VANISHED %b\r\n" % wire(uids)] if uids else []
        return [b"* %d EXPUNGE\r\n" % (place + 1 - earlier) for earlier, place in enumerate(gone)]

    def _removed_places(self) -> list[int]:
        """Places in `uids` of messages that are gone, ascending."""
        mine, now = self.uids, self.index.uids
        removed = self.length - bisect_left(now, self._uidnext)
        if removed * MANY_REMOVED > self.length:
            staying = set(now)
            return [place for place, uid in enumerate(mine[: self.length]) if uid not in staying]
        gone: list[int] = []
        place = 0
        while len(gone) < removed:  # up to the next that is gone both arrays go in step
            place = _first_difference(mine, now, place, self.length, len(gone))
            gone.append(place)
            place += 1
        return gone

    def _arrivals(self) -> list[bytes]:
        uids = self.index.uids
        if not uids or uids[-1] < self._uidnext:
            return []
        known = self.length
        if self.current:
            self.length = len(uids)
        else:
            mine = self.uids[: self.length]
            mine.extend(array(mine.typecode, uids[bisect_left(uids, self._uidnext) :]))
            self.uids, self.length = mine, len(mine)
        self._uidnext = uids[-1] + 1
        self.arrived = range(known + 1, self.length + 1)
        self._claim()
        exists = b"* %d EXISTS\r\n" % self.length
        return [exists, b"* %d RECENT\r\n" % self.recent_count()] if self.manner.recent else [exists]

    def _claim(self) -> None:
        """New messages are \\Recent to the first session that may write and is told of them."""
        if self._claim_recent is None:
            return
        first = self._claim_recent(self.index)
        if first < self._uidnext:
            self._recent = [*merge([*self._recent, (first, self._uidnext - 1)])]

    def _changed(self) -> Iterable[tuple[int, int]]:
        """(uid, position) of the messages that changed since the client was told, ascending."""
        index, since = self.index, self._told_modseq
        if not index.remembers(since):
            changed = [*map(since.__lt__, index.modseqs)]
            return zip(compress(index.uids, changed), compress(range(len(changed)), changed), strict=True)
        return [(uid, place) for uid in index.changed_since(since) if (place := index.position(uid)) is not None]

    def _changes(self, known: int, *, uid: bool) -> list[bytes]:
        """`known`: how many messages the client had before this sync; it asks for the others' flags itself."""
        index, told, recent, manner = self.index, self._told, self.has_recent, self.manner
        current, lines = self.current, []
        names_uid = uid and not manner.uid_only
        for changed, position in self._changed():  # perhaps all messages: what does not change is looked at before
            now = index.modseqs[position]
            if told and told.get(changed) == now:
                continue
            number = position + 1 if current else self.number(changed)
            if number is None or number > known:
                continue
            flags = index.flags[position]
            text = self.flags_wire(changed, flags) if recent else flags.wire
            line = b"%bFLAGS (%b)" % (self.head(number, changed), text)
            if names_uid:
                line += b" UID %d" % changed
            if manner.modseq:
                line += b" MODSEQ (%d)" % now
            lines.append(line + b")\r\n")
        self._told_modseq = index.highestmodseq
        self._told.clear()
        return lines


def _first_difference(mine: "array[int]", now: "array[int]", start: int, end: int, removed: int) -> int:
    """The first place from `start` on whose UID is not at the same place, less those removed before it, in `now`.

    `now` is `mine` without what was removed, so places that differ are followed by such only.
    """
    low, high = start, end
    while low < high:
        middle = (low + high) // 2
        if middle - removed < len(now) and mine[middle] == now[middle - removed]:
            low = middle + 1
        else:
            high = middle
    return low
