"""A mailbox in memory: parallel arrays by UID, shared by all its sessions and changed on the loop only.

Messages are appended in place. Removal REPLACES every array, so that whoever holds the old ones (a session that
may not tell EXPUNGE yet, a search in the middle) goes on with a consistent picture. Every change may be applied
twice: change numbers and UIDNEXT tell what is contained already, so that changes heard while a snapshot was read
are simply applied after it.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Sequence

import structlog

from mailserver.mail.flags import FlagSet
from mailserver.mail.sequence import Ranges
from mailserver.store.events import AddedMessage
from mailserver.store.mailbox_columns import Columns
from mailserver.store.mailboxes import Mailbox

MAX_MASKS = 64  # flags whose messages are remembered until the next change
LOG_LENGTH = 1024  # latest changes kept; what is older is found by a scan over all messages

_log = structlog.get_logger("mailboxes")


class MailboxIndex:
    def __init__(self, mailbox: Mailbox, columns: Columns, keywords: Iterable[str]) -> None:
        self.mailbox = mailbox  # its row; for numbers that move on, ask the fields below
        self.uids = columns.uids  # ascending
        self.flags = columns.flags
        self.modseqs = columns.modseqs
        self.sizes = columns.sizes  # octets
        self.internal_dates = columns.internal_dates  # epoch seconds
        self.content_ids = columns.content_ids
        self.thread_ids = columns.thread_ids
        self.save_dates = columns.save_dates  # epoch seconds
        self.highestmodseq = mailbox.highestmodseq
        self.uidnext = mailbox.uidnext
        self.recent_uid = mailbox.recent_uid  # UIDs from here on are \Recent and unclaimed
        self.gone = False  # the mailbox was deleted
        self.flag_masks: dict[str, bytes] = {}  # by flag in lower case, see flag_mask; REPLACED by every change
        self._keywords = {name.lower(): name for name in keywords}
        self._recent_changes: deque[tuple[int, int]] = deque()  # (modseq, uid), modseq ascending
        self._log_floor = self.highestmodseq  # every change after this number is in the log
        self._listeners: list[Callable[[], None]] = []
        self._learn_keywords(self.flags)

    # ---- questions ----

    def position(self, uid: int) -> int | None:
        place = bisect_left(self.uids, uid)
        return place if place < len(self.uids) and self.uids[place] == uid else None

    def slice(self, ranges: Ranges) -> list[int]:
        """Existing UIDs inside the ranges; costs the hits, not the width of the ranges."""
        found: list[int] = []
        for first, last in ranges:
            found += self.uids[bisect_left(self.uids, first) : bisect_right(self.uids, last)]
        return found

    def changed_since(self, modseq: int) -> list[int]:
        """UIDs added or changed after this change number, ascending."""
        if modseq >= self.highestmodseq:
            return []
        if modseq < self._log_floor:
            return [uid for uid, changed in zip(self.uids, self.modseqs, strict=True) if changed > modseq]
        changed_uids: set[int] = set()
        for changed, uid in reversed(self._recent_changes):
            if changed <= modseq:
                break
            changed_uids.add(uid)
        return sorted(uid for uid in changed_uids if self.position(uid) is not None)

    def first_unseen(self) -> int:
        """Its message number, 0 where all are seen."""
        return flag_mask(self.flag_masks, self.flags, "\\Seen").find(0) + 1

    def remembers(self, modseq: int) -> bool:
        """Whether `changed_since` needs no look at all messages."""
        return modseq >= self._log_floor

    @property
    def keywords(self) -> tuple[str, ...]:
        """In use or once used in the mailbox."""
        return tuple(self._keywords.values())

    def claim_recent(self) -> int:
        """The first \\Recent UID, given to one asker only; the next gets what arrives from now on."""
        first, self.recent_uid = self.recent_uid, self.uidnext
        return first

    # ---- listeners ----

    def listen(self, hear: Callable[[], None]) -> Callable[[], None]:
        """Be called on the loop after every change; the result ends it."""
        self._listeners.append(hear)
        return lambda: self._listeners.remove(hear)

    def tell(self) -> None:
        for hear in tuple(self._listeners):
            try:
                hear()
            except Exception:  # one session's fault must not keep the news from the others
                _log.exception("listener failed", mailbox_id=self.mailbox.id)

    # ---- changes; each may come twice, each says whether it did anything ----

    def add(self, messages: Iterable[AddedMessage]) -> bool:
        """Ascending by UID."""
        fresh = [message for message in messages if message.uid >= self.uidnext]
        if not fresh:
            return False
        self.flag_masks = {}
        self.uids.extend([message.uid for message in fresh])
        self.flags.extend([message.flags for message in fresh])
        self.modseqs.extend([message.modseq for message in fresh])
        self.sizes.extend([message.size for message in fresh])
        self.internal_dates.extend([message.internal_date for message in fresh])
        self.content_ids.extend([message.content_id for message in fresh])
        self.thread_ids.extend([message.thread_id for message in fresh])
        self.save_dates.extend([message.save_date for message in fresh])
        self.uidnext = fresh[-1].uid + 1
        self._note([(message.modseq, message.uid) for message in fresh])
        self._learn_keywords(message.flags for message in fresh)
        return True

    def set_flags(self, changes: Sequence[tuple[int, FlagSet, int]]) -> bool:
        """(uid, flags, modseq) each, ascending by UID; UIDs that are not here are passed over."""
        if len(changes) == len(self.uids) > LOG_LENGTH and self._set_all_flags(changes):
            return True
        uids, flags_of, modseqs, end = self.uids, self.flags, self.modseqs, len(self.uids)
        noted: list[tuple[int, int]] = []
        learnt: list[FlagSet] = []
        place = 0
        for uid, flags, modseq in changes:
            if place == end or uids[place] != uid:  # else they follow one another, as when all of them change
                place = bisect_left(uids, uid, place)
            if place < end and uids[place] == uid:
                if modseq > modseqs[place]:
                    flags_of[place] = flags
                    modseqs[place] = modseq
                    noted.append((modseq, uid))
                    learnt.append(flags)
                place += 1
        if noted:
            self.flag_masks = {}
            self._note(noted)
            self._learn_keywords(learnt)
        return bool(noted)

    def _set_all_flags(self, changes: Sequence[tuple[int, FlagSet, int]]) -> bool:
        """As `set_flags`, column by column; False and nothing done unless each message has a change that is news."""
        if array(self.uids.typecode, [uid for uid, _, _ in changes]) != self.uids:
            return False
        modseqs = array(self.modseqs.typecode, [modseq for _, _, modseq in changes])
        if min(modseqs) <= self.highestmodseq:
            return False
        flags = [each for _, each, _ in changes]
        self.flag_masks = {}
        self.flags[:] = flags
        self.modseqs[:] = modseqs
        self.highestmodseq = self._log_floor = max(modseqs)  # too many for the log
        self._recent_changes.clear()
        self._learn_keywords(flags)
        return True

    def remove(self, uids: Iterable[int], modseq: int) -> bool:
        places = sorted({place for uid in uids if (place := self.position(uid)) is not None})
        self.highestmodseq = max(self.highestmodseq, modseq)
        if not places:
            return False
        self.flag_masks = {}
        kept = list(zip([0, *(place + 1 for place in places)], [*places, len(self.uids)], strict=True))
        self.uids = _pick(self.uids, kept)
        self.modseqs = _pick(self.modseqs, kept)
        self.sizes = _pick(self.sizes, kept)
        self.internal_dates = _pick(self.internal_dates, kept)
        self.content_ids = _pick(self.content_ids, kept)
        self.thread_ids = _pick(self.thread_ids, kept)
        self.save_dates = _pick(self.save_dates, kept)
        flags: list[FlagSet] = []
        for first, end in kept:
            flags += self.flags[first:end]
        self.flags = flags
        return True

    def catch_up(self, mailbox: Mailbox, changed: Columns, present: Sequence[int]) -> bool:
        """Take over a later snapshot: rows changed since an earlier one, and all UIDs that are still there."""
        rows = list(zip(changed.uids, changed.flags, changed.modseqs, strict=True))
        still = set(present)
        done = self.remove([uid for uid in self.uids if uid not in still], mailbox.highestmodseq)
        done |= self.set_flags(rows)
        places = range(bisect_left(changed.uids, self.uidnext), len(changed.uids))
        done |= self.add(
            AddedMessage(
                changed.uids[place],
                changed.sizes[place],
                changed.internal_dates[place],
                changed.flags[place],
                changed.modseqs[place],
                changed.content_ids[place],
                changed.thread_ids[place],
                changed.save_dates[place],
            )
            for place in places
        )
        self.set_mailbox(mailbox)
        # what was changed elsewhere may have come out of order: later questions scan
        self._recent_changes.clear()
        self._log_floor = self.highestmodseq
        return done

    def set_mailbox(self, mailbox: Mailbox) -> None:
        """A newer row: renamed, another special use. Claims of \\Recent that are not written yet stay."""
        self.highestmodseq = max(self.highestmodseq, mailbox.highestmodseq)
        self.uidnext = max(self.uidnext, mailbox.uidnext)
        self.recent_uid = max(self.recent_uid, mailbox.recent_uid)
        self.mailbox = mailbox

    def _note(self, changes: list[tuple[int, int]]) -> None:
        """(modseq, uid) each."""
        log = self._recent_changes
        self.highestmodseq = max([self.highestmodseq, *[modseq for modseq, _ in changes]])
        if len(changes) > LOG_LENGTH:
            log.clear()
            self._log_floor = self.highestmodseq
            return
        log.extend(changes)
        while len(log) > LOG_LENGTH:
            self._log_floor = max(self._log_floor, log.popleft()[0])

    def _learn_keywords(self, learnt: Iterable[FlagSet]) -> None:
        for flags in {id(flags): flags for flags in learnt}.values():  # equal sets are mostly one object
            for name in flags.keywords:
                self._keywords.setdefault(name.lower(), name)


def flag_mask(known: dict[str, bytes], flags: list[FlagSet], flag: str) -> bytes:
    """1 at the place of each set with the flag, 0 at the others. `known`: the masks of these very flags until now."""
    mask = known.get(flag.lower())
    if mask is None:
        distinct = {id(each): each for each in flags}  # sets are interned: each is asked once
        has = {identity: flag in each for identity, each in distinct.items()}
        mask = bytes(map(has.__getitem__, map(id, flags)))
        if len(known) < MAX_MASKS:
            known[flag.lower()] = mask
    return mask


def _pick(values: "array[int]", kept: list[tuple[int, int]]) -> "array[int]":
    picked = array(values.typecode)
    for first, end in kept:
        picked += values[first:end]
    return picked
