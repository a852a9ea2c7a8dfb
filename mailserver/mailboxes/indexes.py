"""All indexes in memory: loaded once, kept in step with the store, forgotten when nobody needs them.

An index follows the store by its events. While a snapshot is read (at first, or after another process wrote)
events are put aside and applied after it; applying one that the snapshot contains already does nothing.
"""

import asyncio
from array import array
from collections import OrderedDict
from dataclasses import dataclass

import structlog

from mailserver.errors import NoSuchMailbox, Refusal
from mailserver.mailboxes.index import MailboxIndex
from mailserver.store import keywords, mailbox_columns, mailboxes
from mailserver.store.database import Rx
from mailserver.store.events import (
    Event,
    FlagsChanged,
    ForeignCommit,
    MailboxesChanged,
    MessagesAdded,
    MessagesRemoved,
)
from mailserver.store.mailbox_columns import Columns
from mailserver.store.mailboxes import Mailbox
from mailserver.store.store import Store

IDLE_MESSAGES = 200_000  # in indexes that no session uses; about 50 octets each

_log = structlog.get_logger("mailboxes")

MessageEvent = MessagesAdded | FlagsChanged | MessagesRemoved


@dataclass(frozen=True, slots=True)
class _Whole:
    mailbox: Mailbox
    columns: Columns
    keywords: list[str]


@dataclass(frozen=True, slots=True)
class _Difference:
    mailbox: Mailbox
    changed: Columns
    uids: "array[int]"  # all that are still there


def _read_whole(rx: Rx, mailbox_id: int) -> _Whole:
    mailbox = mailboxes.get_by_id(rx, mailbox_id)
    return _Whole(mailbox, mailbox_columns.load(rx, mailbox_id), keywords.list(rx, mailbox_id))


def _read_difference(rx: Rx, mailbox_id: int, modseq: int) -> Mailbox | _Difference | None:
    """None: the mailbox is gone; only its row where no message changed after `modseq`."""
    mailbox = mailboxes.find_by_id(rx, mailbox_id)
    if mailbox is None or mailbox.highestmodseq <= modseq:
        return mailbox
    changed = mailbox_columns.changed(rx, mailbox_id, modseq)
    return _Difference(mailbox, changed, mailbox_columns.uids(rx, mailbox_id))


class _Follower:
    """One index and what keeps it in step."""

    def __init__(self, store: Store, mailbox_id: int) -> None:
        self._store = store
        self._mailbox_id = mailbox_id
        self._read_modseq = 0  # of the latest snapshot
        self._put_aside: list[MessageEvent] = []
        self._ask_again = False
        self.index: MailboxIndex | None = None
        self.fault: Refusal | None = None  # why the latest reading failed
        self.references = 0
        self.syncing: asyncio.Task[None] | None = None
        self.refresh()

    def refresh(self) -> None:
        """Read the difference soon; at once again if one is being read."""
        if self.syncing is None:
            self.syncing = asyncio.create_task(self._sync(), name=f"mailbox-index-{self._mailbox_id}")
        else:
            self._ask_again = True

    def hear(self, event: MessageEvent) -> None:
        if self.syncing is None and (self.fault is not None or self._is_gap(event)):
            self.refresh()
        if self.syncing is not None:
            self._put_aside.append(event)
        elif self.index is not None and _apply(self.index, event):
            self.index.tell()

    def _is_gap(self, event: MessageEvent) -> bool:
        """Another process took the UIDs between: they must go in before these."""
        return (
            isinstance(event, MessagesAdded) and self.index is not None and event.messages[0].uid > self.index.uidnext
        )

    def remove(self) -> None:
        if self.index is not None and not self.index.gone:
            self.index.gone = True
            self.index.tell()

    async def _sync(self) -> None:
        changed = False
        self.fault = None
        try:
            self._ask_again = True
            while self._ask_again:
                self._ask_again = False
                changed |= await self._read()
        except Refusal as fault:  # what was put aside stays so until reading works again
            self.fault = fault
            _log.warning("index not in step", mailbox_id=self._mailbox_id, error=str(fault))
        finally:
            self.syncing = None
        if self.index is not None and self.fault is None:
            put_aside, self._put_aside = self._put_aside, []
            for event in put_aside:
                changed |= _apply(self.index, event)
        if changed and self.index is not None:
            self.index.tell()

    async def _read(self) -> bool:
        if self.index is None:
            whole = await self._store.read(_read_whole, self._mailbox_id)
            self.index = MailboxIndex(whole.mailbox, whole.columns, whole.keywords)
            self._read_modseq = whole.mailbox.highestmodseq
            return False
        found = await self._store.read(_read_difference, self._mailbox_id, self._read_modseq)
        if found is None:
            self.index.gone = True
            return True
        if isinstance(found, Mailbox):
            self.index.set_mailbox(found)
            return False
        self._read_modseq = found.mailbox.highestmodseq
        return self.index.catch_up(found.mailbox, found.changed, found.uids)


def _apply(index: MailboxIndex, event: MessageEvent) -> bool:
    match event:
        case MessagesAdded():
            return index.add(event.messages)
        case FlagsChanged():
            return index.set_flags(event.changes)
        case MessagesRemoved():
            return index.remove(event.uids, event.modseq)


class Indexes:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._followers: OrderedDict[int, _Follower] = OrderedDict()  # by mailbox id, the least lately used first
        self._unsubscribe = store.subscribe(self._hear)

    async def attach(self, mailbox_id: int) -> MailboxIndex:
        """Raises NoSuchMailbox. Every attach is answered by one `release`."""
        follower = self._followers.get(mailbox_id)
        if follower is None:
            follower = self._followers[mailbox_id] = _Follower(self._store, mailbox_id)
        elif follower.fault is not None and follower.syncing is None:
            follower.refresh()
        follower.references += 1
        try:
            await self._settled(follower)
            if follower.index is None or follower.index.gone:
                raise follower.fault or NoSuchMailbox()
        except BaseException:
            self._let_go(mailbox_id, follower)
            raise
        self._followers.move_to_end(mailbox_id)
        return follower.index

    def release(self, index: MailboxIndex) -> None:
        follower = self._followers.get(index.mailbox.id)
        if follower is not None and follower.index is index:
            self._let_go(index.mailbox.id, follower)

    def find(self, mailbox_id: int) -> MailboxIndex | None:
        """The loaded index, in step or about to be."""
        follower = self._followers.get(mailbox_id)
        return follower.index if follower is not None else None

    async def settled(self, index: MailboxIndex) -> None:
        """Wait until what was committed before now is in the index."""
        follower = self._followers.get(index.mailbox.id)
        if follower is not None:
            await self._settled(follower)

    async def close(self) -> None:
        self._unsubscribe()
        tasks = [follower.syncing for follower in self._followers.values() if follower.syncing is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._followers.clear()

    async def _settled(self, follower: _Follower) -> None:
        while follower.syncing is not None:
            await asyncio.shield(follower.syncing)

    def _let_go(self, mailbox_id: int, follower: _Follower) -> None:
        follower.references -= 1
        if follower.references == 0 and (follower.index is None or follower.index.gone):
            self._forget(mailbox_id, follower)
        self._evict()

    def _forget(self, mailbox_id: int, follower: _Follower) -> None:
        if self._followers.get(mailbox_id) is follower:
            del self._followers[mailbox_id]

    def _evict(self) -> None:
        idle = [(key, each) for key, each in self._followers.items() if each.references == 0 and each.index is not None]
        total = sum(len(each.index.uids) for _, each in idle if each.index is not None)
        for mailbox_id, follower in idle:
            if total <= IDLE_MESSAGES:
                break
            total -= len(follower.index.uids) if follower.index is not None else 0
            self._forget(mailbox_id, follower)

    # ---- events, on the loop, in commit order ----

    def _hear(self, event: Event) -> None:
        match event:
            case MessagesAdded() | FlagsChanged() | MessagesRemoved():
                follower = self._followers.get(event.mailbox_id)
                if follower is not None:
                    follower.hear(event)
            case MailboxesChanged():
                self._hear_mailboxes(event)
            case ForeignCommit():
                for follower in self._followers.values():
                    follower.refresh()

    def _hear_mailboxes(self, event: MailboxesChanged) -> None:
        for mailbox_id in event.removed:
            follower = self._followers.get(mailbox_id)
            if follower is not None:
                follower.remove()
        for follower in self._followers.values():
            if follower.index is not None and follower.index.mailbox.user_id == event.user_id:
                follower.refresh()
