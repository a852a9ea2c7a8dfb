"""Keeps the text index in step: reads what was stored since, behind the acknowledgement and never in its way.

Contents get ever greater ids, so the index's position says what is left to do. It is written in the transaction that
holds what was indexed: after a kill at any moment nothing is left out and nothing comes twice. A message that can not
be read is marked, and read by every search instead.

While mail arrives most of the time is left to it; at rest the index is RESTED_SECONDS behind.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from itertools import chain

import structlog

from mailserver.clock import Clock
from mailserver.errors import Refusal
from mailserver.search.documents import Place, document
from mailserver.search.reading import opened
from mailserver.search.units import CONNECTORS, GRAM, Cutter
from mailserver.store import content_files, search_requests, word_tables
from mailserver.store.content_files import Unread
from mailserver.store.database import Rx
from mailserver.store.events import Event, ForeignCommit, MessagesAdded, MessagesRemoved
from mailserver.store.maildir import Maildir
from mailserver.store.store import Store
from mailserver.store.word_index import BEING_BUILT, DamagedIndex, WordIndex, file_octets
from mailserver.store.word_tables import Entry, Ix

RESTED_SECONDS = 0.3  # from the first message that came to indexing it and those that came after it
BATCH = 32  # messages in one transaction
BATCH_OCTETS = 4_000_000  # of their files; one message may have more
BUSY_BATCH = 8  # messages, while mail arrives
BUSY_SHARE = 0.1  # of the time, while mail arrives
MERGE_AFTER = 5_000  # messages indexed in a row
MANY_NEW = 1_000  # words in one batch: those of the first ones, with all that are frequent
RETRY_SECONDS = 30.0  # after a fault of the disk
SWEEP_SECONDS = 3600.0  # between looks for contents that are no more
SWEEP = 2_000  # contents looked at in one step
COMPARED = 5  # latest contents that must be as they were, at the start

_CONNECTORS = frozenset(CONNECTORS)

_log = structlog.get_logger("search")


class Indexer:
    def __init__(self, store: Store, index: WordIndex, clock: Clock) -> None:
        self._store = store
        self._index = index
        self._clock = clock
        self._cutter = Cutter()
        self._wake = asyncio.Event()
        self._events = 0  # heard so far
        self._removed = True  # something may have been, since the latest sweep
        self._damaged = False
        self._tasks: list[asyncio.Task[None]] = []
        self._unsubscribe = store.subscribe(self._hear)

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._keep_up(), name="search-index"),
            asyncio.create_task(self._sweep_hourly(), name="search-sweep"),
        ]

    async def stop(self) -> None:
        self._unsubscribe()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def make_anew(self) -> None:
        """Its file is damaged."""
        self._damaged = True
        self._wake.set()

    async def settle(self) -> None:
        """Do what is left to do: an index of other mail emptied, wishes granted, all messages indexed."""
        if self._damaged:
            await self._index.empty()
            self._damaged = False
        if wish := await self._store.read(search_requests.pending):
            await self.rebuild()
            await self._store.write(search_requests.done, wish)
        await self._fill(self._index)

    async def check(self) -> None:
        """Whether the index is of this mail: a restored database gives ids to other messages than it once did."""
        if not await self._is_ours():
            _log.warning("search index made anew", error="it is of other mail")
            await self._index.empty()

    async def rebuild(self) -> None:
        """Into a file beside it; searches use the old one until the new one is ready."""
        fresh = WordIndex(self._index.path.with_name(BEING_BUILT))
        await fresh.open()
        try:
            await fresh.empty()
            count = await self._fill(fresh)
            await fresh.write(word_tables.merge)
            await self._index.replace_by(fresh)
        finally:
            await fresh.close()
        _log.info("search index rebuilt", messages=count, octets=file_octets(self._index.path))

    async def sweep(self) -> int:
        """Take contents out that are no more; returns how many. Nobody would find them: it saves room only."""
        self._removed = False
        after = count = 0
        while rows := await self._index.read(word_tables.list_indexed, after, SWEEP):
            ids = [content_id for content_id, _ in rows]
            gone = sorted({*ids} - await self._store.read(content_files.existing, ids))
            if gone:
                await self._index.write(word_tables.forget, gone, len(Place))
            after, count = ids[-1], count + len(gone)
        return count

    # ---- inside ----

    def _hear(self, event: Event) -> None:
        self._events += 1
        self._removed |= isinstance(event, MessagesRemoved | ForeignCommit)
        if isinstance(event, MessagesAdded | ForeignCommit):
            self._wake.set()

    async def _keep_up(self) -> None:
        await self._try(self.check)
        while True:
            await self._try(self.settle)
            self._cutter.forget()
            await self._wake.wait()
            await self._clock.sleep(RESTED_SECONDS)
            self._wake.clear()

    async def _sweep_hourly(self) -> None:
        while True:
            await self._clock.sleep(SWEEP_SECONDS)
            if self._removed:
                await self._try(self.sweep)

    async def _try(self, work: Callable[[], Awaitable[object]]) -> None:
        """What fails now is done later; searches read what is not indexed."""
        try:
            await work()
        except DamagedIndex as fault:
            _log.warning("search index made anew", error=fault.text)
            self.make_anew()
        except (Refusal, OSError) as fault:
            _log.warning("search index put off", error=str(fault))
            await self._retry()
        except Exception:  # the root of a task that nobody would start again
            _log.exception("search index failed")
            await self._retry()

    async def _retry(self) -> None:
        self._wake.set()
        await self._clock.sleep(RETRY_SECONDS)
        try:
            await self._index.open()
        except Refusal as fault:
            _log.warning("search index not opened", error=str(fault))

    async def _fill(self, index: WordIndex) -> int:
        """Until nothing is left; returns how many messages that were."""
        total = 0
        events, busy = self._events, False
        while True:
            began = self._clock.monotonic()
            count = await self._batch(index, BUSY_BATCH if busy else BATCH)
            total += count
            if not count:
                break
            took = self._clock.monotonic() - began
            busy, events = self._events != events, self._events
            await self._clock.sleep(took * (1 / BUSY_SHARE - 1) if busy else 0)
        if total > MERGE_AFTER:
            await index.write(word_tables.merge)
        return total

    async def _batch(self, index: WordIndex, most: int) -> int:
        position = await index.read(word_tables.position)
        unread = _few(await self._store.read(content_files.list_after, position, most))
        if unread:
            await index.write(_index, self._cutter, self._store.maildir, position, unread)
        return len(unread)

    async def _is_ours(self) -> bool:
        latest = await self._index.read(_latest)
        if not latest:
            return True
        if max(latest) > await self._store.read(content_files.last_id):
            return False
        unread = await self._store.read(content_files.list_these, [*latest])
        entries = await self._store.in_thread(_entries, self._cutter, self._store.maildir, unread)
        return all(entry.checksum == latest[entry.content_id] for entry in entries if entry.unsure is None)


def _latest(rx: Rx) -> dict[int, int]:
    """Content id → checksum."""
    return dict(word_tables.list_latest(rx, COMPARED))


def _few(unread: Sequence[Unread]) -> Sequence[Unread]:
    """As many as one transaction takes, at least one."""
    octets = 0
    for place, each in enumerate(unread):
        octets += each.size
        if octets > BATCH_OCTETS and place:
            return unread[:place]
    return unread


def _index(ix: Ix, cutter: Cutter, maildir: Maildir, position: int, unread: Sequence[Unread]) -> None:
    """Those after this position, if it is still there."""
    if word_tables.position(ix) != position:
        return
    entries = _entries(cutter, maildir, unread)
    word_tables.learn(ix, _new_words(ix, entries), _has_connector)
    word_tables.add(ix, entries, unread[-1].id)


def _new_words(ix: Ix, entries: Sequence[Entry]) -> list[str]:
    """Those in most of the entries first: lookups begin with the oldest words."""
    texts = [found for entry in entries for _, found in entry.units]
    new = word_tables.list_new(ix, [unit for unit in set[str]().union(*texts) if unit[0] != GRAM])
    if len(new) < MANY_NEW:
        return new
    counts = Counter(chain.from_iterable(texts))
    return sorted(new, key=counts.__getitem__, reverse=True)


def _entries(cutter: Cutter, maildir: Maildir, unread: Sequence[Unread]) -> list[Entry]:
    """Nobody looks for a content that no message has any more."""
    return [_entry(cutter, maildir, each) for each in unread if each.location is not None]


def _has_connector(unit: str) -> bool:
    return not _CONNECTORS.isdisjoint(unit)


def _entry(cutter: Cutter, maildir: Maildir, unread: Unread) -> Entry:
    try:
        with opened(maildir, unread) as message:
            found = document(cutter, message)
    except Exception as fault:  # whatever is wrong with one message, the others are indexed
        _log.warning("message not indexed, searches read it", content_id=unread.id, error=repr(fault))
        return Entry(unread.id, (), 0, "unreadable")
    return Entry(unread.id, [*found.units.items()], found.checksum, None if found.is_whole else "too long")
