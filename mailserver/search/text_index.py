"""The text index as searches see it: which messages need not be read, and what is about some words.

It is never the last word: what it does not know is read from the files. Without it, or with a damaged one, the
answers are the same and only slower.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Concatenate, ParamSpec, TypeVar

import structlog

from mailserver.clock import Clock
from mailserver.errors import Refusal
from mailserver.mail.casemap import fold
from mailserver.mail.search import Body, Header, Text
from mailserver.search import fuzzy
from mailserver.search.fuzzy import Ranked
from mailserver.search.indexer import Indexer
from mailserver.search.lookup import BODY, TEXT, Narrowed, narrow, narrow_field
from mailserver.search.memo import Memo, Question
from mailserver.store.database import Rx
from mailserver.store.store import Store
from mailserver.store.word_index import FILE, DamagedIndex, WordIndex

P = ParamSpec("P")
T = TypeVar("T")

FileKey = Header | Body | Text

_log = structlog.get_logger("search")


class TextIndex:
    """`open`, ask, `close` before the store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._words = WordIndex(store.data / FILE)
        self._memo = Memo()
        self.indexer = Indexer(store, self._words, clock)

    @classmethod
    async def open(cls, store: Store, clock: Clock, *, follow: bool = True) -> "TextIndex":
        """`follow`: keep it in step with the store. A file that can not be used is no reason not to serve."""
        index = cls(store, clock)
        try:
            await index._words.open()
        except Refusal as fault:
            _log.error("no search index: searches read the messages", error=fault.text)
        if follow:
            index.indexer.start()
        return index

    async def close(self) -> None:
        await self.indexer.stop()
        await self._words.close()

    async def narrow(self, key: FileKey, contents: Collection[int]) -> Narrowed:
        """Among these contents (their ids): those that match, and those that must be read to know."""
        question = _question(key)
        wanted = {*contents}
        narrowed = await self._ask(_narrow, question, key, wanted)
        return self._remembered(question, narrowed or Narrowed(set(), wanted))

    def remember(self, key: FileKey, found: Iterable[int], missing: Iterable[int]) -> None:
        """What reading showed, by content id."""
        self._memo.add(_question(key), found, missing)

    async def fuzzy(self, key: Body | Text, contents: Collection[int]) -> Ranked:
        """Among these contents: those that are about the key's words, the better the higher. RFC 6203"""
        places = fuzzy.BODY if isinstance(key, Body) else fuzzy.TEXT
        ranked = await self._ask(fuzzy.rank, fold(key.text), places, contents)
        return ranked or Ranked({}, {*contents})

    async def _ask(self, fn: Callable[Concatenate[Rx, P], T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """None where the index can not be used."""
        try:
            return await self._words.read(fn, *args, **kwargs)
        except Refusal as fault:
            _log.warning("search without index", error=fault.text)
            if isinstance(fault, DamagedIndex):
                self.indexer.make_anew()
            return None

    def _remembered(self, question: Question, narrowed: Narrowed) -> Narrowed:
        if not narrowed.unsure:
            return narrowed
        answers = self._memo.get(question)
        found = narrowed.unsure & answers.found
        unsure = narrowed.unsure - answers.found - answers.missing
        return Narrowed(narrowed.found | found, unsure - self._memo.missing_shorter(question) if unsure else unsure)


def _question(key: FileKey) -> Question:
    where = f"header {fold(key.name)}" if isinstance(key, Header) else type(key).__name__
    return Question(where, fold(key.text))


def _narrow(rx: Rx, question: Question, key: FileKey, wanted: set[int]) -> Narrowed:
    if isinstance(key, Header):
        return narrow_field(rx, fold(key.name), question.needle, wanted)
    if not question.needle:
        return Narrowed(wanted, set())
    return narrow(rx, question.needle, BODY if isinstance(key, Body) else TEXT, wanted)
