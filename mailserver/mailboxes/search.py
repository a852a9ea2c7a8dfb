"""SEARCH: the cheapest key first, each key only on the messages that the ones before it left. RFC 9051 §6.4.4.

Flags, dates, sizes and numbers are in memory; header fields that clients ask for are stored and kept decoded in
memory for a while; other fields and bodies are read from the files, in threads and in small chunks.
"""

import asyncio
from collections.abc import Sequence

from mailserver.mail.casemap import fold
from mailserver.mail.search import And, Body, Header, Not, Or, SearchKey, SentDate, Text
from mailserver.mailboxes.file_search import scan
from mailserver.mailboxes.index import MailboxIndex
from mailserver.mailboxes.kept_fields import KeptFields, is_kept
from mailserver.mailboxes.snapshot import Filter, Snapshot, day_bounds, filter_of
from mailserver.mailboxes.values import SearchView
from mailserver.store.store import Store

CHUNK = 5000  # messages looked at in memory before others get their turn
FILE_CHUNK = 50  # messages read from disk in one step of a thread
FILE_SEARCHES = 2  # reading at the same time: deliveries need the threads too

IN_MEMORY, STORED, IN_FILES = range(3)  # what a key costs


class Searcher:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept = KeptFields(store)
        self._reading = asyncio.Semaphore(FILE_SEARCHES)

    async def search(self, index: MailboxIndex, key: SearchKey, view: SearchView) -> list[int]:
        """UIDs ascending."""
        search = _Search(self._store, self._kept, self._reading, index.mailbox.id, Snapshot(index, view))
        return [search.snapshot.uids[place] for place in await search.run(key, search.snapshot.places)]


class _Search:
    def __init__(
        self, store: Store, kept: KeptFields, reading: asyncio.Semaphore, mailbox_id: int, snapshot: Snapshot
    ) -> None:
        self._store = store
        self._kept = kept
        self._reading = reading
        self._mailbox_id = mailbox_id
        self.snapshot = snapshot

    async def run(self, key: SearchKey, places: Sequence[int]) -> list[int]:
        """The places among these that match, ascending."""
        if not places:
            return []
        match key:
            case And():
                return await self._all_of(sorted(key.keys, key=cost), places)
            case Or():
                first, second = sorted((key.first, key.second), key=cost)
                return await self._one_of(first, second, places)
            case Not():
                return await _without(places, await self.run(key.key, places))
            case SentDate():
                return await self._sent(key, places)
            case Header() if is_kept(key.name):
                return await self._header(key, places)
            case Header() | Body() | Text():
                return await self._in_files(key, places)
            case _:
                passes = filter_of(self.snapshot, key)
                if passes is None:
                    raise TypeError(f"no search for {type(key).__name__}")
                return await _in_chunks(passes, places)

    async def _all_of(self, keys: Sequence[SearchKey], places: Sequence[int]) -> list[int]:
        for key in keys:
            places = await self.run(key, places)
        return list(places)

    async def _one_of(self, first: SearchKey, second: SearchKey, places: Sequence[int]) -> list[int]:
        found = await self.run(first, places)
        rest = await _without(places, found)
        return sorted(found + await self.run(second, rest))

    async def _header(self, key: Header, places: Sequence[int]) -> list[int]:
        needle = fold(key.text)
        uids = self.snapshot.uids
        texts = await self._kept.texts(self._mailbox_id, key.name, [uids[place] for place in places])

        def passes(chunk: Sequence[int]) -> list[int]:
            return [place for place in chunk if (text := texts.get(uids[place])) is not None and needle in text]

        return await _in_chunks(passes, places)

    async def _sent(self, key: SentDate, places: Sequence[int]) -> list[int]:
        first, end = day_bounds(key.test, key.day)
        uids = self.snapshot.uids
        moments = await self._kept.sent(self._mailbox_id, [uids[place] for place in places])

        def passes(chunk: Sequence[int]) -> list[int]:
            return [place for place in chunk if (at := moments.get(uids[place])) is not None and first <= at < end]

        return await _in_chunks(passes, places)

    async def _in_files(self, key: Header | Body | Text, places: Sequence[int]) -> list[int]:
        uids = self.snapshot.uids
        found: list[int] = []
        for start in range(0, len(places), FILE_CHUNK):
            chunk = places[start : start + FILE_CHUNK]
            async with self._reading:
                matched = await scan(self._store, self._mailbox_id, [uids[place] for place in chunk], key)
            found += [place for place in chunk if uids[place] in matched]
        return found


def cost(key: SearchKey) -> int:
    match key:
        case And():
            return max(map(cost, key.keys), default=IN_MEMORY)
        case Or():
            return max(cost(key.first), cost(key.second))
        case Not():
            return cost(key.key)
        case Header():
            return STORED if is_kept(key.name) else IN_FILES
        case SentDate():
            return STORED
        case Body() | Text():
            return IN_FILES
        case _:
            return IN_MEMORY


async def _without(places: Sequence[int], gone: Sequence[int]) -> list[int]:
    excluded = set(gone)
    return await _in_chunks(lambda chunk: [place for place in chunk if place not in excluded], places)


async def _in_chunks(passes: Filter, places: Sequence[int]) -> list[int]:
    """One client's large mailbox does not hold up the others: they get the loop between chunks."""
    found = passes(places[:CHUNK])
    for start in range(CHUNK, len(places), CHUNK):
        await asyncio.sleep(0)
        found += passes(places[start : start + CHUNK])
    return found
