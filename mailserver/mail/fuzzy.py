"""How well words fit a text: whole, as a beginning, within, or with one letter wrong. RFC 6203 §3."""

import re
from collections.abc import Iterable

WHOLE, BEGINNING, WITHIN, MISTYPED = 100, 80, 50, 30  # the score of one word; that of several is their mean
MAX_WORDS = 32  # of what is looked for
SHORTEST_MISTYPED = 4  # characters: of shorter words too many differ by one letter

_WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """Of folded text, each once."""
    return list(dict.fromkeys(_WORD.findall(text)))[:MAX_WORDS]


def score(wanted: list[str], text: str) -> int:
    """0 where a word is missing, else up to WHOLE. Both folded."""
    present = set(_WORD.findall(text))
    scores = [_score(word, text, present) for word in wanted]
    return sum(scores) // len(scores) if scores and all(scores) else 0


def _score(word: str, text: str, present: set[str]) -> int:
    if word in present:
        return WHOLE
    if word in text:
        return BEGINNING if any(each.startswith(word) for each in present) else WITHIN
    if len(word) >= SHORTEST_MISTYPED and _is_mistyped(word, present):
        return MISTYPED
    return 0


def _is_mistyped(word: str, present: Iterable[str]) -> bool:
    return any(abs(len(each) - len(word)) <= 1 and _one_edit(word, each) for each in present)


def _one_edit(one: str, other: str) -> bool:
    """One letter too many, missing, another, or two neighbours exchanged."""
    if len(one) > len(other):
        one, other = other, one
    same = 0
    while same < len(one) and one[same] == other[same]:
        same += 1
    if len(one) < len(other):
        return one[same:] == other[same + 1 :]
    if one[same + 1 :] == other[same + 1 :]:
        return True
    return one[same : same + 2] == other[same : same + 2][::-1] and one[same + 2 :] == other[same + 2 :]
