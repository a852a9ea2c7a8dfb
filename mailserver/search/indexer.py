"""Keeps the text index in step: reads what was stored since, behind the acknowledgement and never in its way.

Contents get ever greater ids, so the index's position says what is left to do. It is written in the transaction that
holds what was indexed: after a kill at any moment nothing is left out and nothing comes twice. A message that can not
be read is marked, and read by every search instead.

While mail arrives most of the time is left to it; at rest the index is RESTED_SECONDS behind.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from mailserver.clock import Clock
from mailserver.errors import Refusal
from mailserver.search import entries
from mailserver.search.documents import Place
from mailserver.search.units import Cutter
from mailserver.store import content_files, search_requests, word_tables
from mailserver.store.content_files import Unread
from mailserver.store.database import Rx
from mailserver.store.events import Event, ForeignCommit, MessagesAdded, MessagesRemoved
from mailserver.store.store import Store
from mailserver.store.word_index import BEING_BUILT, DamagedIndex, WordIndex, file_octets

RESTED_SECONDS = 0.3  # from the first message that came to indexing it and those that came after it
BATCH = 32  # messages in one transaction
BATCH_OCTETS = 4_000_000  # of their files; one message may have more
BUSY_BATCH = 8  # messages, while mail arrives
BUSY_SHARE = 0.1  # of the time, while mail arrives
MERGE_AFTER = 5_000  # messages indexed in a row
RETRY_SECONDS = 30.0  # after a fault of the disk
SWEEP_SECONDS = 3600.0  # between looks for contents that are no more
SWEEP = 2_000  # contents looked at in one step
COMPARED = 5  # latest contents that must be as they were, at the start

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
            found = await entries.read(self._store, index, self._cutter, unread)
            await index.write(entries.add, position, unread[-1].id, found)
        return len(unread)

    async def _is_ours(self) -> bool:
        latest = await self._index.read(_latest)
        if not latest:
            return True
        if max(latest) > await self._store.read(content_files.last_id):
            return False
        unread = await self._store.read(content_files.list_these, [*latest])
        found = await entries.read(self._store, self._index, self._cutter, unread)
        return all(entry.checksum == latest[entry.content_id] for entry in found if entry.unsure is None)


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
