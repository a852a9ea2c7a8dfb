"""Which contents have a needle in them, as far as the index knows: those that surely do, those that must be read.

A needle without separators lies inside one word, so the distinct words that have it in them name the contents, and
no message is read. In a needle of several words each says something about a content: one ends with the first, has
those in the middle whole, begins with the last. What passes all of that is read. So is what may have the needle in
a shredded word, and what is not in the index.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from mailserver.search.documents import Place
from mailserver.search.units import GRAM, WORD, Cutter, gram_length, grams, is_unspaced, may_be_in_chain
from mailserver.store import word_tables
from mailserver.store.database import Rx
from mailserver.store.word_tables import quoted

MAX_WORDS = 200_000  # that have a needle in them
TOGETHER = 30  # words asked about at once
READ_COST = 2  # of a message, in words asked about
MAX_ENDINGS = 200  # words that end with the first word of a needle; where there are more it says too little
MAX_CLAUSES = 12  # words of a needle that are asked about
MAX_GRAMS = 16  # of one word of a needle


@dataclass(frozen=True, slots=True)
class Places:
    first: Place
    last: Place


HEADER = Places(Place.HEADER, Place.FRONT)
BODY = Places(Place.BODY, Place.BODY)
TEXT = Places(Place.HEADER, Place.BODY)


@dataclass(frozen=True, slots=True)
class Narrowed:
    found: set[int]  # content ids that have the needle
    unsure: set[int]  # that may have it: to be read


@dataclass(frozen=True, slots=True)
class _Run:
    """A word of a needle."""

    text: str
    open_start: bool  # in the text the word may begin earlier
    open_end: bool


def narrow(rx: Rx, needle: str, places: Places, wanted: Collection[int]) -> Narrowed:
    """A folded needle that is not empty, among these contents."""
    asked = _Asked(rx, places, wanted)
    runs = _runs(needle)
    if not runs:
        return Narrowed(set(), asked.wanted)
    if len(runs) == 1 and runs[0].text == needle:
        found, unsure = asked.inside(runs[0])
    else:
        found = asked.chains(needle) if may_be_in_chain(needle) else set()
        unsure = asked.all_of(_conditions(rx, runs))
    return asked.answer(found, unsure)


def narrow_field(rx: Rx, name: str, needle: str, wanted: Collection[int]) -> Narrowed:
    """A header field of this name that has the needle, both folded; nothing is sure."""
    asked = _Asked(rx, HEADER, wanted)
    unsure = asked.all_of([quoted(unit) for unit in Cutter().units((f"{name}:",))])
    if needle:
        inside = narrow(rx, needle, HEADER, unsure)
        unsure = inside.found | inside.unsure
    return asked.answer(set(), unsure)


def not_indexed(rx: Rx, wanted: set[int]) -> set[int]:
    """Those of these contents that the index does not have, or not all of."""
    position = word_tables.position(rx)
    is_behind = max(wanted, default=0) > position
    behind = {content for content in wanted if content > position} if is_behind else set()
    return behind.union(wanted.intersection(word_tables.list_unsure(rx)))


class _Asked:
    def __init__(self, rx: Rx, places: Places, wanted: Collection[int]) -> None:
        self._rx = rx
        self._places = places
        self.wanted = wanted if isinstance(wanted, set) else set(wanted)

    def answer(self, found: set[int], unsure: set[int]) -> Narrowed:
        """What the index does not have, or not all of, is read unless it is found."""
        return Narrowed(found, (unsure | not_indexed(self._rx, self.wanted)) - found)

    def inside(self, run: _Run) -> tuple[set[int], set[int]]:
        """The whole needle is one word without borders."""
        length = gram_length(run.text)
        found: set[int] = set()
        if len(run.text) <= length:
            found = self._find(f"{quoted(GRAM + run.text)}*")
        if not is_unspaced(run.text):
            words = word_tables.words_with(self._rx, run.text, chains=False, limit=MAX_WORDS)
            if not self._union(found, words) or len(words) == MAX_WORDS:
                return found, self.wanted - found
        return found, self._find(_grams(run)) if len(run.text) > length else set()

    def chains(self, needle: str) -> set[int]:
        found: set[int] = set()
        self._union(found, word_tables.words_with(self._rx, needle, chains=True, limit=MAX_WORDS))
        return found

    def all_of(self, conditions: Sequence[str]) -> set[int]:
        return self._find(" AND ".join(f"({each})" for each in conditions)) if conditions else self.wanted

    def _union(self, found: set[int], words: Sequence[str]) -> bool:
        """Add the contents that have one of these words; False where reading the rest costs less than going on."""
        for start in range(0, len(words), TOGETHER):
            asked = words[start : start + TOGETHER]
            before = len(found)
            found |= self._find(" OR ".join(map(quoted, asked)))
            gained, missing, left = len(found) - before, len(self.wanted) - len(found), len(words) - start - len(asked)
            if READ_COST * gained < len(asked) and READ_COST * missing < left:
                return False
        return True

    def _find(self, expression: str) -> set[int]:
        return self.wanted.intersection(word_tables.find(self._rx, expression, self._places.first, self._places.last))


def _runs(needle: str) -> list[_Run]:
    return [
        _Run(found[0], found.start() == 0, found.end() == len(needle))
        for found in islice(WORD.finditer(needle), MAX_CLAUSES)
    ]


def _conditions(rx: Rx, runs: Iterable[_Run]) -> list[str]:
    return [condition for condition in (_condition(rx, run) for run in runs) if condition]


def _condition(rx: Rx, run: _Run) -> str:
    """What a content must have for this word of the needle; "" where that is not worth asking."""
    words = "" if is_unspaced(run.text) else _words(rx, run)
    if words is None:
        return ""
    return f"({words}) OR ({_grams(run)})" if words else _grams(run)


def _words(rx: Rx, run: _Run) -> str | None:
    """The words that it can be in; None where they are too many."""
    if not run.open_start:
        return quoted(run.text) + ("*" if run.open_end else "")
    found = word_tables.words_with(rx, run.text, chains=False, limit=MAX_WORDS)
    fitting = found if run.open_end else [word for word in found if word.endswith(run.text)]
    too_many = len(fitting) > MAX_ENDINGS or len(found) == MAX_WORDS
    return None if too_many else " OR ".join(map(quoted, fitting))


def in_shredded(word: str) -> str:
    """What a content has where this is a piece of a shredded word, as FTS5 is asked."""
    return _grams(_Run(word, open_start=True, open_end=True))


def _grams(run: _Run) -> str:
    """What a content has where this is in a shredded word."""
    length = gram_length(run.text)
    if run.open_end and len(run.text) < length:
        return f"{quoted(GRAM + run.text)}*"
    found = grams(run.text)
    whole = found[: len(run.text) - length + 1] if run.open_end else found
    return " AND ".join(map(quoted, whole[-MAX_GRAMS:]))
