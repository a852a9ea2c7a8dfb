"""Mailboxes as every protocol sees them: names, messages, flags, search, quota; one object for the server."""

import asyncio
import builtins
from bisect import bisect_left
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from mailserver.clock import Clock
from mailserver.config.tree import StoreConfig
from mailserver.errors import InsufficientStorage, LimitReached, NoSuchMailbox, NoSuchTarget, OverQuota
from mailserver.mail.detail import Part
from mailserver.mail.flags import FlagSet
from mailserver.mail.search import SearchKey
from mailserver.mail.sorting import SortKey
from mailserver.mail.threading import Algorithm, Threads
from mailserver.mailboxes import discarding, names, naming, transfers
from mailserver.mailboxes.details import stored_details
from mailserver.mailboxes.files import MessageFile, open_by_name, open_file
from mailserver.mailboxes.index import MailboxIndex
from mailserver.mailboxes.indexes import Indexes
from mailserver.mailboxes.scan import Scanner
from mailserver.mailboxes.search import Searcher
from mailserver.mailboxes.sorting import Sorter
from mailserver.mailboxes.values import (
    Appended,
    AppendedAll,
    Copied,
    Detail,
    FlagMode,
    Found,
    MessageGone,
    NewMessage,
    Quota,
    SearchView,
    Status,
    Stored,
    StoredDetail,
)
from mailserver.store import folder_look, mailbox_status, mailboxes, messages, quota, subscriptions
from mailserver.store.mailboxes import Mailbox
from mailserver.store.staging import Staged
from mailserver.store.store import Store


class Mailboxes:
    def __init__(self, store: Store, clock: Clock, config: StoreConfig) -> None:
        self._store = store
        self._indexes = Indexes(store)
        self._scanner = Scanner(store, clock, config.scan_seconds)
        self._searcher = Searcher(store)
        self._sorter = Sorter(store)
        self._claims: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Before the store is closed."""
        await self._scanner.close()
        await asyncio.gather(*self._claims, return_exceptions=True)
        await self._indexes.close()

    # ---- names ----

    async def list(self, user_id: int) -> builtins.list[Mailbox]:
        """By name."""
        return await self._store.read(mailboxes.list, user_id)

    async def find(self, user_id: int, name: str) -> Mailbox | None:
        return await self._store.read(mailboxes.find, user_id, names.canonical(name))

    async def create(self, user_id: int, name: str, special_use: str | None = None) -> Mailbox:
        """Makes parents. Raises MailboxExists, CannotMailbox, UseAttribute, LimitReached."""
        return await self._store.write(naming.create, user_id, name, special_use)

    async def rename(self, user_id: int, old: str, new: str) -> None:
        """Children too; INBOX: its messages move. Raises NoSuchMailbox, MailboxExists, CannotMailbox, LimitReached."""
        await self._store.write(naming.rename, user_id, old, new)

    async def delete(self, user_id: int, name: str) -> None:
        """Raises NoSuchMailbox, CannotMailbox (INBOX), MailboxHasChildren."""
        await self._store.write(naming.delete, user_id, name)

    async def subscriptions(self, user_id: int) -> builtins.list[str]:
        """May name mailboxes that do not exist."""
        return await self._store.read(subscriptions.list, user_id)

    async def subscribe(self, user_id: int, name: str) -> None:
        await self._store.write(naming.subscribe, user_id, name)

    async def unsubscribe(self, user_id: int, name: str) -> None:
        await self._store.write(naming.unsubscribe, user_id, name)

    # ---- numbers ----

    async def status(self, user_id: int, name: str, *, with_octets: bool = True) -> Status:
        """Raises NoSuchMailbox. The octets cost a look at every message's row: leave them out where nobody asks."""
        name = names.canonical(name)
        found = await self.statuses(user_id, [name], with_octets=with_octets)
        if name not in found:
            raise NoSuchMailbox
        return found[name]

    async def statuses(self, user_id: int, wanted: Sequence[str], *, with_octets: bool = True) -> dict[str, Status]:
        """Of many mailboxes at one moment; names that do not exist are left out."""
        found = await self._store.read(mailbox_status.list, user_id, wanted, with_octets=with_octets)
        return {name: self._with_claims(status) for name, status in found.items()}

    async def quota(self, user_id: int) -> Quota:
        return await self._store.read(quota.get, user_id)

    # ---- selected ----

    async def select(self, user_id: int, name: str, *, claim_recent: bool) -> tuple[MailboxIndex, int]:
        """The shared index, to be given back by `release`, and the first UID that is \\Recent to this session.

        With `claim_recent` no other session is told so of these messages. Raises NoSuchMailbox.
        """
        look = await self._store.read(folder_look.by_name, self._store.maildir, user_id, names.canonical(name))
        await self._scanner.before_select(look)
        index = await self._indexes.attach(look.mailbox.id)
        self._scanner.watch(look)
        return index, self.claim_recent(index) if claim_recent else index.recent_uid

    def claim_recent(self, index: MailboxIndex) -> int:
        """For a session about to tell of new messages: the first \\Recent UID, given to it alone."""
        first = index.claim_recent()
        if first < index.uidnext:
            task = asyncio.create_task(self._write_claim(index.mailbox.id, index.uidnext), name="claim-recent")
            self._claims.add(task)
            task.add_done_callback(self._claims.discard)
        return first

    def release(self, index: MailboxIndex) -> None:
        self._scanner.unwatch(index.mailbox.id)
        self._indexes.release(index)

    async def settled(self, index: MailboxIndex) -> None:
        """Wait while the index takes over what another process committed."""
        await self._indexes.settled(index)

    def keywords(self, index: MailboxIndex) -> tuple[str, ...]:
        """In use or once used in the mailbox."""
        return index.keywords

    # ---- messages ----

    async def append(
        self, user_id: int, name: str, staged: Staged, flags: FlagSet, internal_date: int | None
    ) -> Appended:
        """Epoch seconds; None: now. Raises NoSuchTarget, OverQuota, LimitReached; the staged file is removed then."""
        try:
            return await self._store.write(
                transfers.append, user_id, names.canonical(name), staged, flags, internal_date
            )
        except (NoSuchTarget, OverQuota, LimitReached):
            await self._store.unstage(staged)
            raise

    async def check_append(
        self, user_id: int, name: str, octets: int, replaces: tuple[MailboxIndex, int] | None = None
    ) -> None:
        """Before the octets come. `replaces`: the mailbox and UID that REPLACE makes room in.

        Raises NoSuchTarget, OverQuota, MessageGone.
        """
        replaced = None if replaces is None else (replaces[0].mailbox.id, replaces[1])
        await self._store.read(transfers.check_append, user_id, names.canonical(name), octets, replaced)

    async def append_all(self, user_id: int, name: str, new: Sequence[NewMessage]) -> AppendedAll:
        """All or none. Raises NoSuchTarget, OverQuota, LimitReached; the staged files are removed then."""
        async with self._unstaging(new):
            return await self._store.write(transfers.append_all, user_id, names.canonical(name), new)

    async def replace(self, index: MailboxIndex, uid: int, user_id: int, name: str, new: NewMessage) -> AppendedAll:
        """Add the one and remove the other, in one step. Raises as append_all, and MessageGone."""
        async with self._unstaging([new]):
            done = await self._store.write(
                transfers.replace, index.mailbox.id, uid, user_id, names.canonical(name), new
            )
        await self._indexes.settled(index)
        return done

    async def copy(self, index: MailboxIndex, uids: Sequence[int], target: str) -> Copied:
        """All or none. Raises NoSuchTarget, OverQuota, MessageGone."""
        keys = [self._store.new_key() for _ in uids]
        copied = await self._store.write(transfers.copy, index.mailbox, uids, names.canonical(target), keys)
        await self._indexes.settled(index)
        return copied

    async def move(self, index: MailboxIndex, uids: Sequence[int], target: str) -> Copied:
        """All or none, in one step. Raises NoSuchTarget, MessageGone."""
        moved = await self._store.write(transfers.move, index.mailbox, uids, names.canonical(target))
        await self._indexes.settled(index)
        return moved

    async def set_flags(
        self,
        index: MailboxIndex,
        uids: Sequence[int],
        mode: FlagMode,
        flags: FlagSet,
        unchanged_since: int | None = None,
    ) -> Stored:
        """Messages that are gone are passed over. Raises NoSuchMailbox, LimitReached (keywords)."""
        done = await self._store.write(messages.set_flags, index.mailbox.id, uids, mode, flags, unchanged_since)
        await self._indexes.settled(index)
        return Stored([uid for uid, _ in done.changed], [*done.failed])

    async def expunge(self, index: MailboxIndex, uids: Sequence[int] | None) -> builtins.list[int]:
        """Messages with \\Deleted, only those of `uids` where given; returns what was removed, ascending."""
        removed = await self._store.write(transfers.expunge, index.mailbox.id, uids)
        await self._indexes.settled(index)
        return removed

    async def discard(self, index: MailboxIndex, uids: Sequence[int]) -> None:
        """To Trash, which is made where it is missing; messages that are gone are passed over. Raises LimitReached."""
        await self._store.write(discarding.discard, index.mailbox, uids)
        await self._indexes.settled(index)

    async def remove(self, index: MailboxIndex, uids: Sequence[int]) -> None:
        """For good, whatever their flags; messages that are gone are passed over."""
        await self._store.write(messages.remove, index.mailbox.id, uids)
        await self._indexes.settled(index)

    async def search(self, index: MailboxIndex, key: SearchKey, view: SearchView) -> builtins.list[int]:
        """UIDs ascending, of messages that the session sees and that are still there."""
        return (await self._searcher.search(index, key, view)).uids

    async def search_scored(self, index: MailboxIndex, key: SearchKey, view: SearchView) -> Found:
        """As `search`, with the scores of FUZZY keys."""
        return await self._searcher.search(index, key, view)

    async def sort(self, index: MailboxIndex, keys: tuple[SortKey, ...], found: Found) -> builtins.list[int]:
        """What a search found, in order; without messages that are gone meanwhile."""
        return await self._sorter.sort(index, keys, found)

    async def thread(self, index: MailboxIndex, algorithm: Algorithm, uids: Sequence[int]) -> Threads:
        """What a search found, ascending, as conversations; without messages that are gone meanwhile."""
        return await self._sorter.thread(index, algorithm, uids)

    @asynccontextmanager
    async def look_into(self, mailbox: Mailbox) -> AsyncIterator[MailboxIndex]:
        """A mailbox's index without selecting it. Raises NoSuchMailbox."""
        index = await self._indexes.attach(mailbox.id)
        try:
            yield index
        finally:
            self._indexes.release(index)

    def details(
        self, index: MailboxIndex, uids: Sequence[int], columns: Detail
    ) -> AsyncIterator[builtins.list[StoredDetail]]:
        """By uid, in chunks; messages that are gone are left out. Opens no file."""
        return stored_details(self._store, index, uids, columns)

    async def open(self, index: MailboxIndex, uid: int) -> MessageFile:
        """Raises MessageGone."""
        return await open_file(self._store, index.mailbox.id, uid)

    async def open_by_name(
        self, user_id: int, name: str, uid: int, uidvalidity: int | None
    ) -> tuple[MessageFile, tuple[Part, ...]]:
        """The message and its parts, of a mailbox that need not be selected. Raises NoSuchMailbox, MessageGone."""
        return await open_by_name(self._store, user_id, names.canonical(name), uid, uidvalidity)

    # ---- inside ----

    @asynccontextmanager
    async def _unstaging(self, new: Sequence[NewMessage]) -> AsyncIterator[None]:
        """A refused transaction names no file: they are removed. Of one that failed in another way nobody knows."""
        try:
            yield
        except (NoSuchMailbox, OverQuota, LimitReached, MessageGone, InsufficientStorage):
            for each in new:
                await self._store.unstage(each.staged)
            raise

    async def _write_claim(self, mailbox_id: int, uidnext: int) -> None:
        await self._store.write(mailbox_status.claim_recent, mailbox_id, uidnext)

    def _with_claims(self, status: Status) -> Status:
        """Claims of \\Recent that are not written yet count."""
        index = self._indexes.find(status.mailbox_id)
        if index is None:
            return status
        return replace(status, recent=len(index.uids) - bisect_left(index.uids, index.recent_uid))
