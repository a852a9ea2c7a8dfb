"""A feed into its calendar: only what means something else is written, so that nothing moves without a reason.

An answer that is no whole calendar, or an empty one, leaves everything as it is. An object that can not be stored is
left out, and what was there under its UID stays.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mailserver.config.tree import DavConfig
from mailserver.errors import BadValue, Refusal
from mailserver.groupware import storing
from mailserver.groupware.accepted import Accept, Accepted
from mailserver.groupware.feeds.fetching import Body, FeedFailed
from mailserver.groupware.transport.taking_in import free_href
from mailserver.ical import feed as feed_text
from mailserver.ical import split
from mailserver.store import collections, feeds, members
from mailserver.store.collections import Collection, Family
from mailserver.store.database import Rx, Tx
from mailserver.store.feeds import Feed
from mailserver.store.members import PIECE
from mailserver.store.store import Store

BATCH = 50  # objects of one transaction: each may take some milliseconds of the writer for its times


class Superseded(Exception):  # noqa: N818 - an event
    """The calendar is gone, or shows another feed by now."""


@dataclass(frozen=True, slots=True)
class New:
    data: bytes
    accepted: Accepted


@dataclass(slots=True)
class Difference:
    written: list[New] = field(default_factory=list)  # new ones and changed ones
    gone: list[str] = field(default_factory=list)  # UIDs
    left_out: int = 0
    remark: str | None = None  # why the first one was left out

    def leave_out(self, parts: Sequence[split.LeftOut]) -> None:
        self.left_out += len(parts)
        if parts and self.remark is None:
            self.remark = f"line {parts[0].number}: which event of many {parts[0].name[:40]} belongs to is not said"


@dataclass(frozen=True, slots=True)
class Taken:
    written: int
    removed: int
    left_out: int


class TakingIn:
    def __init__(self, store: Store, accept: Accept, config: DavConfig) -> None:
        self._store = store
        self._accept = accept
        self._config = config

    def configure(self, config: DavConfig) -> None:
        self._config = config

    async def take(self, feed: Feed, body: Body) -> Taken:
        """Raises FeedFailed, Superseded; Refusal where the disk is full."""
        digest = await self._store.in_thread(_digest, body.data)
        if digest == feed.digest:
            await self._store.write(feeds.note_unchanged, feed)
            return Taken(0, 0, feed.left_out)
        collection, there = await self._there(feed)
        cut = await self._store.in_thread(_cut, body.data, self._config.max_feed_objects, bool(there))
        pieces = cut.pieces
        found = await self._difference(pieces, collection, there)
        if pieces and not found.written and found.left_out == len(pieces):
            raise FeedFailed(f"none of its {len(pieces)} objects can be read: {found.remark}")
        found.leave_out(cut.left_out)
        for start in range(0, len(found.written), BATCH):
            await self._store.write(self._write, feed, found.written[start : start + BATCH])
        for start in range(0, len(found.gone), BATCH):
            await self._store.write(_remove, feed, found.gone[start : start + BATCH])
        remark = f"{found.left_out} objects are left out: {found.remark}" if found.left_out else None
        await self._store.write(feeds.note_taken, feed, body.etag, body.last_modified, digest, found.left_out, remark)
        return Taken(len(found.written), len(found.gone), found.left_out)

    # ---- inside ----

    async def _there(self, feed: Feed) -> tuple[Collection, dict[str, bytes]]:
        """What the calendar holds: the meaning of each object by its UID."""
        collection, ids = await self._store.read(_members, feed)
        meanings: dict[str, bytes] = {}
        for start in range(0, len(ids), PIECE):
            found = await self._store.read(members.list_by_id_with_data, collection, ids[start : start + PIECE])
            pairs = [(member.uid, data) for member, data in found]
            meanings |= await self._store.in_thread(_meanings, pairs)
        return collection, meanings

    async def _difference(
        self, pieces: Sequence[split.Piece], collection: Collection, there: Mapping[str, bytes]
    ) -> Difference:
        """Looked at in a thread, a batch at a time, so that others get their turn."""
        found, kept = Difference(), set[str]()
        for start in range(0, len(pieces), BATCH):
            batch = pieces[start : start + BATCH]
            await self._store.in_thread(self._look, batch, collection, there, found, kept)
        if all(piece.fault is None for piece in pieces):  # else what is missing may be inside of what broke off
            found.gone = [uid for uid in there if uid not in kept]
        return found

    def _look(
        self,
        batch: Sequence[split.Piece],
        collection: Collection,
        there: Mapping[str, bytes],
        found: Difference,
        kept: set[str],
    ) -> None:
        for piece in batch:
            kept.add(piece.uid)
            data = feed_text.without_alarms(piece.data) if piece.fault is None else b""
            if there.get(piece.uid) == feed_text.meaning(data):
                continue
            try:
                new = New(data, self._accepted(piece, data, collection))
            except Refusal as fault:
                found.left_out += 1
                found.remark = found.remark or f"line {piece.number}: {fault.text}"
                continue
            kept.add(new.accepted.uid)
            found.written.append(new)

    def _accepted(self, piece: split.Piece, data: bytes, collection: Collection) -> Accepted:
        if piece.fault is not None:
            raise BadValue(piece.fault)
        if len(data) > self._config.max_object_octets:
            raise BadValue(f"larger than {self._config.max_object_octets:,} octets")
        return self._accept(data, collection)

    def _write(self, tx: Tx, feed: Feed, batch: Sequence[New]) -> None:
        """Raises TooManyMembers, OverQuota: the whole batch then waits."""
        for new in batch:
            collection = _collection(tx, feed)
            before = members.find_by_uid(tx, collection, new.accepted.uid)
            storing.require_room(tx, collection, len(new.data), before, self._config)
            draft = new.accepted.draft(new.data)
            if before is None:
                member = members.add(tx, collection, free_href(tx, collection, new.accepted.uid), draft)
            else:
                member = members.replace(tx, collection, before, draft)
            new.accepted.apply(tx, member.id)


def _remove(tx: Tx, feed: Feed, uids: Sequence[str]) -> None:
    collection = _collection(tx, feed)
    for uid in uids:
        member = members.find_by_uid(tx, collection, uid)
        if member is not None:
            members.remove(tx, collection, member)


def _collection(rx: Rx, feed: Feed) -> Collection:
    collection = collections.find_by_id(rx, Family.CALENDARS, feed.calendar_id)
    if collection is None or not feeds.is_current(rx, feed):
        raise Superseded
    return collection


def _members(rx: Rx, feed: Feed) -> tuple[Collection, list[int]]:
    collection = _collection(rx, feed)
    return collection, [member_id for member_id, _ in members.list_ids(rx, collection)]


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def _meanings(pairs: Sequence[tuple[str, bytes]]) -> dict[str, bytes]:
    return {uid: feed_text.meaning(data) for uid, data in pairs}


def _cut(data: bytes, most: int, is_filled: bool) -> split.Cut:
    """Raises FeedFailed."""
    if not feed_text.is_whole(data):
        raise FeedFailed("the answer is no calendar, or not the whole of one; what was there stays")
    cut = split.cut(data)
    pieces = cut.pieces
    if not pieces and is_filled:
        raise FeedFailed("the answer is a calendar without anything in it; what was there stays")
    if len(pieces) > most:
        raise FeedFailed(f"the feed has {len(pieces):,} objects, and {most:,} are the most")
    return cut
