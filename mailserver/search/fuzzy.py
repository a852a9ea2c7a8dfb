"""FUZZY: contents that are about these words, the best first. RFC 6203

Every word of the needle must be in the content, as it is, as the beginning of a word, or with a typing error. A word
counts by how rare it is, and a hit by how exact it is and where it stands: in a subject or an address it says more
than in a text.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from math import log

from mailserver.search.documents import Place
from mailserver.search.lookup import in_shredded, not_indexed
from mailserver.search.units import WORD, is_shredded
from mailserver.store import word_tables
from mailserver.store.database import Rx
from mailserver.store.word_tables import quoted

MAX_WORDS = 12  # of a needle
MAX_ALIKE = 60  # words that may be meant by one with a typing error
MAX_COMPARED = 4_000  # words looked at for that
LEAST_BEGINNING = 2  # characters that may begin a word
LEAST_WITHIN = 3  # characters that may be anywhere in one
BEST = 100  # relevancy, RFC 6203 §4; the least is 1

EXACT, BEGINNING, WITHIN, MISTYPED = 1.0, 0.75, 0.6, 0.45

Weights = Mapping[Place, float]  # of the places where a hit counts
TEXT: Weights = {Place.FRONT: 1.0, Place.NAMES: 0.8, Place.BODY: 0.6, Place.HEADER: 0.3}
BODY: Weights = {Place.BODY: 1.0, Place.NAMES: 0.8}


@dataclass(frozen=True, slots=True)
class Ranked:
    scores: Mapping[int, int]  # relevancy by content id, 1 to BEST
    unsure: set[int]  # contents that the index does not have, or not all of


@dataclass(frozen=True, slots=True)
class _Way:
    """One way for a content to have a word."""

    expression: str
    quality: float  # 0 to 1


def rank(rx: Rx, needle: str, weights: Weights, wanted: Collection[int]) -> Ranked:
    """Those of these contents that have the words of the folded needle somehow."""
    scores = _relevancies(rx, needle, weights, {*wanted})
    return Ranked(scores, not_indexed(rx, {*wanted}) - scores.keys())


def _relevancies(rx: Rx, needle: str, weights: Weights, wanted: set[int]) -> dict[int, int]:
    words = [*dict.fromkeys(found[0] for found in islice(WORD.finditer(needle), MAX_WORDS))]
    if not words:
        return {}
    everywhere = max(len(wanted), 1)
    left = wanted
    hits: list[tuple[float, dict[int, float]]] = []
    for word in words:
        scores = _scores(rx, word, weights, left)
        left = left.intersection(scores)
        hits.append((1 + log(everywhere / max(len(scores), 1)), scores))
    total = sum(rarity for rarity, _ in hits)
    return {
        content: max(1, round(BEST * sum(rarity * scores[content] for rarity, scores in hits) / total))
        for content in left
    }


def _scores(rx: Rx, word: str, weights: Weights, wanted: set[int]) -> dict[int, float]:
    """The best hit of each content that has the word somehow, 0 to 1."""
    best: dict[int, float] = {}
    for way in _ways(rx, word):
        for place, weight in weights.items():
            for content in wanted.intersection(word_tables.find(rx, way.expression, place, place)):
                best[content] = max(best.get(content, 0.0), way.quality * weight)
    return best


def _ways(rx: Rx, word: str) -> Iterator[_Way]:
    if is_shredded(word):
        yield _Way(in_shredded(word), EXACT)
        return
    yield _Way(quoted(word), EXACT)
    if len(word) >= LEAST_BEGINNING:
        yield _Way(f"{quoted(word)}*", BEGINNING)
    if len(word) >= LEAST_WITHIN and (around := word_tables.words_with(rx, word, chains=False, limit=MAX_ALIKE)):
        yield _Way(" OR ".join(map(quoted, around)), WITHIN)
    if alike := list(islice(_alike(rx, word), MAX_ALIKE)):
        yield _Way(" OR ".join(map(quoted, alike)), MISTYPED)


def _alike(rx: Rx, word: str) -> Iterable[str]:
    """Words that a hand meant which wrote this one."""
    errors = _errors_allowed(word)
    if not errors:
        return ()
    candidates = word_tables.words_like(rx, word, errors, MAX_COMPARED)
    return (other for other in candidates if other != word and distance(word, other, errors) <= errors)


def _errors_allowed(word: str) -> int:
    """A digit is not mistyped but meant; in a short word one other letter makes another word."""
    if len(word) < 4 or any(map(str.isdecimal, word)):
        return 0
    return 1 if len(word) < 8 else 2


def distance(a: str, b: str, most: int) -> int:
    """Letters to change, put in, leave out or swap with the next (optimal string alignment); `most` + 1 for more."""
    if abs(len(a) - len(b)) > most:
        return most + 1
    before: list[int] = []
    row: list[int] = [*range(len(b) + 1)]
    for i, letter in enumerate(a, 1):
        above, before_above = row, before
        row = [i]
        for j, other in enumerate(b, 1):
            cost: int = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                cost = min(cost, before_above[j - 2] + 1)
            row.append(cost)
        before = above
        if min(row) > most:
            return most + 1
    return row[-1]
