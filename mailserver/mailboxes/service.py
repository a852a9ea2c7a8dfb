"""Mailboxes as every protocol sees them: names, messages, flags, search, quota; one object for the server."""

import asyncio
import builtins
from bisect import bisect_left
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from mailserver.clock import Clock
from mailserver.config.tree import StoreConfig
from mailserver.errors import (
    InsufficientStorage,
    LimitReached,
    NoSuchMailbox,
    NoSuchTarget,
    NotPermitted,
    OverQuota,
    WrongState,
)
from mailserver.mail.detail import Part
from mailserver.mail.flags import FlagSet
from mailserver.mail.search import SearchKey
from mailserver.mail.sorting import SortKey
from mailserver.mail.threading import Algorithm, Threads
from mailserver.mailboxes import access, discarding, names, naming, taking_back, transfers
from mailserver.mailboxes.access import Listed
from mailserver.mailboxes.annotations import Annotations
from mailserver.mailboxes.details import stored_details
from mailserver.mailboxes.files import Files, MessageFile, open_by_name
from mailserver.mailboxes.index import MailboxIndex
from mailserver.mailboxes.indexes import Indexes
from mailserver.mailboxes.quotas import Quotas
from mailserver.mailboxes.scan import Scanner
from mailserver.mailboxes.search import Searcher
from mailserver.mailboxes.sharing import Sharing
from mailserver.mailboxes.sorting import Sorter
from mailserver.mailboxes.values import (
    Appended,
    AppendedAll,
    Changes,
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
from mailserver.search.text_index import TextIndex
from mailserver.store import changes, folder_look, mailbox_status, mailboxes, messages, quota, subscriptions
from mailserver.store.database import Rx
from mailserver.store.folder_look import Look
from mailserver.store.mailboxes import Mailbox
from mailserver.store.staging import Staged
from mailserver.store.store import Store


class Mailboxes:
    def __init__(self, store: Store, clock: Clock, config: StoreConfig, texts: TextIndex | None = None) -> None:
        self._store = store
        self._indexes = Indexes(store)
        self._scanner = Scanner(store, clock, config.scan_seconds)
        self._files = Files(store)
        self._searcher = Searcher(store, texts)
        self._sorter = Sorter(store)
        self._claims: set[asyncio.Task[None]] = set()
        self.sharing = Sharing(store, self._indexes)
        self.annotations = Annotations(store)
        self.quotas = Quotas(store)

    async def close(self) -> None:
        """Before the store is closed."""
        await self._scanner.close()
        await asyncio.gather(*self._claims, return_exceptions=True)
        await self._indexes.close()

    # ---- names ----

    async def list(self, user_id: int) -> builtins.list[Mailbox]:
        """The user's own, by name."""
        return await self._store.read(mailboxes.list, user_id)

    async def visible(self, user_id: int) -> builtins.list[Listed]:
        """All that the user may see, with what he may do: his own and what others share."""
        return await self._store.read(access.visible, user_id)

    async def find(self, user_id: int, name: str) -> Mailbox | None:
        """One that the user may see."""
        mailbox = await self._store.read(access.find, user_id, name)
        return mailbox if mailbox is not None and "l" in mailbox.rights(user_id) else None

    async def create(self, user_id: int, name: str, special_use: str | None = None) -> Mailbox:
        """Makes parents. Raises MailboxExists, CannotMailbox, UseAttribute, LimitReached, NotPermitted."""
        return await self._store.write(naming.create, user_id, name, special_use)

    async def rename(self, user_id: int, old: str, new: str) -> None:
        """Children too; INBOX: its messages move.

        Raises NoSuchMailbox, MailboxExists, CannotMailbox, LimitReached, NotPermitted.
        """
        await self._store.write(naming.rename, user_id, old, new)

    async def delete(self, user_id: int, name: str) -> None:
        """Raises NoSuchMailbox, CannotMailbox (INBOX), MailboxHasChildren, NotPermitted."""
        await self._store.write(naming.delete, user_id, name)

    async def subscriptions(self, user_id: int) -> builtins.list[str]:
        """May name mailboxes that do not exist."""
        return await self._store.read(subscriptions.list, user_id)

    async def subscribe(self, user_id: int, name: str) -> None:
        await self._store.write(naming.subscribe, user_id, name)

    async def unsubscribe(self, user_id: int, name: str) -> None:
        await self._store.write(naming.unsubscribe, user_id, name)

    # ---- numbers ----

    async def status(self, user_id: int, name: str, *, with_deleted_octets: bool = True) -> Status:
        """Raises NoSuchMailbox, NotPermitted. Octets of deleted messages cost a look at each of them."""

        def read(rx: Rx) -> dict[str, Status]:
            access.require(rx, user_id, name, "r")
            return access.statuses(rx, user_id, [names.canonical(name)], with_deleted_octets=with_deleted_octets)

        [status] = (await self._store.read(read)).values()
        return self._with_claims(status)

    async def statuses(
        self, user_id: int, wanted: Sequence[str], *, with_deleted_octets: bool = True
    ) -> dict[str, Status]:
        """Of many mailboxes at one moment; names that do not exist or may not be read are left out."""
        found = await self._store.read(access.statuses, user_id, wanted, with_deleted_octets=with_deleted_octets)
        return {name: self._with_claims(status) for name, status in found.items()}

    async def quota(self, user_id: int) -> Quota:
        return await self._store.read(quota.get, user_id)

    # ---- selected ----

    async def select(self, user_id: int, name: str, *, claim_recent: bool) -> tuple[MailboxIndex, int]:
        """The shared index, to be given back by `release`, and the first UID that is \\Recent to this session.

        With `claim_recent` no other session is told so of these messages; to who is not the owner none are.
        Raises NoSuchMailbox, NotPermitted.
        """

        def read(rx: Rx) -> Look:
            return folder_look.of(self._store.maildir, access.require(rx, user_id, name, "r"))

        look = await self._store.read(read)
        await self._scanner.before_select(look)
        index = await self._indexes.attach(look.mailbox.id)
        self._scanner.watch(look)
        if look.mailbox.user_id != user_id:
            return index, index.uidnext
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

    async def changed_since(self, index: MailboxIndex, modseq: int) -> builtins.list[int]:
        """UIDs added or changed after this number, ascending; nothing is gone through but these."""
        if index.remembers(modseq):
            return index.changed_since(modseq)
        return (await self.changes_since(index, modseq)).changed

    async def changes_since(self, index: MailboxIndex, modseq: int) -> Changes:
        """For a client that was away, what was removed too.

        The mailbox may be further than the caller's picture of it: what was changed or added later is in here too,
        what was removed later is not. A number that the mailbox never had comes from another life of the database
        (a backup put back): which removals the client does not know of is not known either.
        """
        if modseq >= index.highestmodseq:
            return Changes([], [] if modseq == index.highestmodseq else None)
        mailbox = index.mailbox
        return await self._store.read(changes.since, mailbox.user_id, mailbox.id, modseq, index.highestmodseq)

    def keywords(self, index: MailboxIndex) -> tuple[str, ...]:
        """In use or once used in the mailbox."""
        return index.keywords

    # ---- messages ----

    async def check_append(
        self, user_id: int, name: str, octets: int, replaces: tuple[MailboxIndex, int] | None = None
    ) -> None:
        """Before the octets come. `replaces`: the mailbox and UID that REPLACE makes room in.

        Raises NoSuchTarget, NotPermitted, OverQuota, MessageGone.
        """
        replaced = None if replaces is None else (replaces[0].mailbox.id, replaces[1])
        await self._store.read(transfers.check_append, user_id, name, octets, replaced)

    async def append(
        self, user_id: int, name: str, staged: Staged, flags: FlagSet, internal_date: int | None
    ) -> Appended:
        """Epoch seconds; None: now. Raises NoSuchTarget, NotPermitted, OverQuota, LimitReached.

        The staged file is removed then.
        """
        try:
            return await self._store.write(transfers.append, user_id, name, staged, flags, internal_date)
        except (NoSuchTarget, NotPermitted, OverQuota, LimitReached):
            await self._store.unstage(staged)
            raise

    async def append_all(self, user_id: int, name: str, new: Sequence[NewMessage]) -> AppendedAll:
        """All or none. Raises NoSuchTarget, NotPermitted, OverQuota, LimitReached; the files are removed then."""
        async with self._unstaging(new):
            return await self._store.write(transfers.append_all, user_id, name, new)

    async def replace(self, index: MailboxIndex, uid: int, user_id: int, name: str, new: NewMessage) -> AppendedAll:
        """Add the one and remove the other, in one step. Raises as append_all, and MessageGone."""
        async with self._unstaging([new]):
            done = await self._store.write(transfers.replace, index.mailbox.id, uid, user_id, name, new)
        await self._indexes.settled(index)
        return done

    async def copy(self, user_id: int, index: MailboxIndex, uids: Sequence[int], target: str) -> Copied:
        """All or none. Raises NoSuchTarget, NotPermitted, OverQuota, MessageGone."""
        if index.mailbox.is_outbox:
            return await taking_back.take_back(self._store, user_id, index.mailbox.id, uids, target, cancel=False)
        new_key = self._store.new_key
        copied = await self._store.write(transfers.copy, user_id, index.mailbox.id, uids, target, new_key)
        await self._indexes.settled(index)
        return copied

    async def move(self, user_id: int, index: MailboxIndex, uids: Sequence[int], target: str) -> Copied:
        """All or none, in one step. Raises NoSuchTarget, NotPermitted, OverQuota (another account), MessageGone."""
        if index.mailbox.is_outbox:
            taken = await taking_back.take_back(self._store, user_id, index.mailbox.id, uids, target, cancel=True)
            await self._indexes.settled(index)
            return taken
        new_key = self._store.new_key
        moved = await self._store.write(transfers.move, user_id, index.mailbox.id, uids, target, new_key)
        await self._indexes.settled(index)
        return moved

    async def set_flags(
        self,
        user_id: int,
        index: MailboxIndex,
        uids: Sequence[int],
        mode: FlagMode,
        flags: FlagSet,
        unchanged_since: int | None = None,
    ) -> Stored:
        """Messages that are gone are passed over, flags without a right to them stay.

        Raises NoSuchMailbox, NotPermitted (no flag may be changed), LimitReached (keywords).
        """
        mailbox_id = index.mailbox.id
        done = await self._store.write(transfers.set_flags, user_id, mailbox_id, uids, mode, flags, unchanged_since)
        await self._indexes.settled(index)
        return Stored([uid for uid, _ in done.changed], [*done.failed], done.modseq, done.before)

    async def expunge(self, user_id: int, index: MailboxIndex, uids: Sequence[int] | None) -> builtins.list[int]:
        """Messages with \\Deleted, only those of `uids` where given; returns what was removed, ascending.

        Raises NoSuchMailbox, NotPermitted.
        """
        removed = await self._store.write(transfers.expunge, user_id, index.mailbox.id, uids)
        await self._indexes.settled(index)
        return removed

    async def require_expunged(self, index: MailboxIndex, uids: Sequence[int] | None) -> None:
        """After an expunge that passes over what can not go yet: mail of an outbox that is being sent.

        Raises WrongState.
        """
        if index.mailbox.is_outbox:
            left = await self._store.read(messages.list_deleted, index.mailbox.id)
            if left and (uids is None or not set(uids).isdisjoint(left)):
                raise WrongState(taking_back.BUSY)

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
        files = await self.open_all(index, [uid])
        if uid not in files:
            raise MessageGone
        return files[uid]

    async def open_all(self, index: MailboxIndex, uids: Sequence[int]) -> dict[int, MessageFile]:
        """By UID, at most files.MAX_OPEN; messages that are gone are left out."""
        there = [uid for uid in uids if index.position(uid) is not None]
        return await self._files.open(index.mailbox.id, there)

    async def open_by_name(
        self, user_id: int, where: str | int, uid: int, uidvalidity: int | None
    ) -> tuple[MessageFile, tuple[Part, ...]]:
        """The message and its parts, by the name of its mailbox or, of one that is open, by its id.

        Raises NoSuchMailbox, NotPermitted, MessageGone.
        """
        return await open_by_name(self._store, user_id, where, uid, uidvalidity)

    # ---- inside ----

    @asynccontextmanager
    async def _unstaging(self, new: Sequence[NewMessage]) -> AsyncIterator[None]:
        """A refused transaction names no file: they are removed. Of one that failed in another way nobody knows."""
        try:
            yield
        except (NoSuchMailbox, NotPermitted, OverQuota, LimitReached, MessageGone, InsufficientStorage):
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
