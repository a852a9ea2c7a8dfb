"""SEARCH: the cheapest key first, each key only on the messages that the ones before it left. RFC 9051 §6.4.4.

Flags, dates, sizes and numbers are in memory; header fields that clients ask for are stored and kept decoded in
memory for a while; other fields and bodies are the text index's matter and, where it can not tell, the files'.
"""

import asyncio
from array import array
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from operator import itemgetter

from mailserver.mail import fuzzy
from mailserver.mail.casemap import fold
from mailserver.mail.search import And, Body, Fuzzy, HasFlag, Header, Not, Or, SearchKey, SentDate, Text
from mailserver.mailboxes.file_search import FileSearch
from mailserver.mailboxes.index import MailboxIndex
from mailserver.mailboxes.kept_fields import KeptFields, is_kept
from mailserver.mailboxes.snapshot import Filter, Snapshot, day_bounds, filter_of
from mailserver.mailboxes.values import LEAST, Found, SearchView
from mailserver.search.text_index import FileKey, TextIndex
from mailserver.store.store import Store

CHUNK = 5000  # messages looked at in memory before others get their turn
FUZZY_CHUNK = 250  # compared with a word that may be mistyped before others get their turn
FEW_SHARE = 8  # fewer than an eighth of a mailbox

IN_MEMORY, STORED, IN_FILES = range(3)  # what a key costs


class Searcher:
    def __init__(self, store: Store, texts: TextIndex | None = None) -> None:
        """Without `texts` every search of bodies reads all of them."""
        self._texts = texts
        self._kept = KeptFields(store)
        self._files = FileSearch(store, texts)

    async def search(self, index: MailboxIndex, key: SearchKey, view: SearchView) -> Found:
        snapshot = Snapshot(index, view)
        search = _Search(self._kept, self._files, index.mailbox.id, snapshot, self._texts)
        places = await search.run(key, snapshot.places)
        scores = {snapshot.uids[place]: search.score(place) for place in places} if search.scores else {}
        return Found(_uids_at(snapshot.uids, places), scores)


class _Search:
    def __init__(
        self, kept: KeptFields, files: FileSearch, mailbox_id: int, snapshot: Snapshot, texts: TextIndex | None
    ) -> None:
        self._kept = kept
        self._files = files
        self._mailbox_id = mailbox_id
        self._texts = texts
        self.snapshot = snapshot
        self.scores: dict[int, list[int]] = {}  # place → what each FUZZY key gave it

    def score(self, place: int) -> int:
        """The mean of its FUZZY keys."""
        given = self.scores.get(place, [])
        return max(sum(given) // len(given), LEAST) if given else LEAST

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
            case Not() if not isinstance(key.key, HasFlag):
                return await _without(places, await self.run(key.key, places))
            case SentDate():
                return await self._sent(key, places)
            case Fuzzy():
                return await self._fuzzy(key.key, places)
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
        texts = await self._kept.texts(self._mailbox_id, key.name, self._asked(places), uids)
        if self._are_few(places):
            return [place for place in places if (text := texts.get(uids[place])) is not None and needle in text]
        hits, found = texts.find(needle), list[int]()
        while more := [*islice(hits, CHUNK)]:
            found += more
            await asyncio.sleep(0)
        return await self._among(places, texts.uids, found)

    async def _fuzzy(self, key: Header | Body | Text, places: Sequence[int]) -> list[int]:
        wanted = fuzzy.words(fold(key.text))
        if not wanted:  # nothing but punctuation
            return await self.run(key, places)
        if isinstance(key, Header):
            scored = await self._fuzzy_header(key, wanted, places)
        elif self._texts is not None:
            scored = await self._indexed(self._texts, key, wanted, places)
        else:
            scored = await self._with_all(key, wanted, places)
        for place, score in scored.items():
            self.scores.setdefault(place, []).append(score)
        return sorted(scored)

    async def _fuzzy_header(self, key: Header, wanted: list[str], places: Sequence[int]) -> dict[int, int]:
        if not is_kept(key.name):
            return await self._with_all(key, wanted, places)
        uids = self.snapshot.uids
        texts = await self._kept.texts(self._mailbox_id, key.name, [uids[place] for place in places])
        scored: dict[int, int] = {}

        def passes(chunk: Sequence[int]) -> list[int]:
            scores = ((place, fuzzy.score(wanted, texts.get(uids[place]) or "")) for place in chunk)
            scored.update((place, score) for place, score in scores if score)
            return []

        await _in_chunks(passes, places, FUZZY_CHUNK)
        return scored

    async def _indexed(
        self, texts: TextIndex, key: Body | Text, wanted: list[str], places: Sequence[int]
    ) -> dict[int, int]:
        """Where the index can not tell, the words as they are will do."""
        contents = self.snapshot.content_ids
        ranked = await texts.fuzzy(key, _picked(contents, places))
        unsure = [place for place in places if contents[place] in ranked.unsure] if ranked.unsure else []
        scored = {place: score for place in places if (score := ranked.scores.get(contents[place]))}
        return await self._with_all(key, wanted, unsure) | scored

    async def _with_all(self, key: Header | Body | Text, wanted: list[str], places: Sequence[int]) -> dict[int, int]:
        found = await self.run(And(tuple(replace(key, text=word) for word in wanted)), places)
        return dict.fromkeys(found, fuzzy.WITHIN)

    async def _sent(self, key: SentDate, places: Sequence[int]) -> list[int]:
        first, end = day_bounds(key.test, key.day)
        moments = await self._kept.sent(self._mailbox_id, self._asked(places), self.snapshot.uids)
        at = moments.values
        found = await _in_chunks(lambda chunk: [n for n in chunk if first <= at[n] < end], range(len(at)))
        return await self._among(places, moments.uids, found)

    def _are_few(self, places: Sequence[int]) -> bool:
        """So few that only theirs are decoded and looked at."""
        return len(places) * FEW_SHARE < len(self.snapshot.uids)

    def _asked(self, places: Sequence[int]) -> Sequence[int]:
        uids = self.snapshot.uids
        return [uids[place] for place in places] if self._are_few(places) else uids

    async def _among(self, places: Sequence[int], uids: "array[int]", found: list[int]) -> list[int]:
        """Those of the places whose messages were found in a column of these UIDs."""
        mine = self.snapshot.uids
        if uids != mine:
            wanted = {uids[place] for place in found}
            return await _in_chunks(lambda chunk: [place for place in chunk if mine[place] in wanted], places)
        if len(places) == len(mine):
            return found
        there = set(found)
        return await _in_chunks(lambda chunk: [place for place in chunk if place in there], places)

    async def _in_files(self, key: FileKey, places: Sequence[int]) -> list[int]:
        uids, contents = _picked(self.snapshot.uids, places), _picked(self.snapshot.content_ids, places)
        found = await self._files.search(self._mailbox_id, key, uids, contents, self.snapshot.view.at)
        return [places[offset] for offset in found]


def cost(key: SearchKey) -> int:
    match key:
        case And():
            return max(map(cost, key.keys), default=IN_MEMORY)
        case Or():
            return max(cost(key.first), cost(key.second))
        case Not():
            return cost(key.key)
        case Fuzzy():
            return cost(key.key)
        case Header():
            return STORED if is_kept(key.name) else IN_FILES
        case SentDate():
            return STORED
        case Body() | Text():
            return IN_FILES
        case _:
            return IN_MEMORY


def _uids_at(uids: "array[int]", places: Sequence[int]) -> list[int]:
    if len(places) < 2:  # of one place itemgetter makes no tuple
        return [uids[place] for place in places]
    return [*itemgetter(*places)(uids)]


def _picked(values: "array[int]", places: Sequence[int]) -> Sequence[int]:
    return values[places.start : places.stop] if isinstance(places, range) else [values[place] for place in places]


async def _without(places: Sequence[int], gone: Sequence[int]) -> list[int]:
    excluded = set(gone)
    return await _in_chunks(lambda chunk: [place for place in chunk if place not in excluded], places)


async def _in_chunks(passes: Filter, places: Sequence[int], chunk: int | None = None) -> list[int]:
    """One client's large mailbox does not hold up the others: they get the loop between chunks."""
    chunk = chunk or CHUNK
    found = passes(places[:chunk])
    for start in range(chunk, len(places), chunk):
        await asyncio.sleep(0)
        found += passes(places[start : start + chunk])
    return found
