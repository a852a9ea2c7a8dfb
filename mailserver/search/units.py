"""What the index knows of a text: its units, cut so that a substring can be looked up among them. Pure.

A text is folded already (mail/casemap.py). A word is a run of characters that are no separators; scripts without
spaces (Chinese, Japanese, Thai …) make words of their own. From each distinct word comes

word     the word itself: whoever looks for a piece of it finds it among the distinct words
grams    instead, where nobody would look for it whole (hashes, signatures, long numbers) or where it has no borders
         (scripts without spaces): GRAM and the characters from each place on, SHREDDED or UNSPACED of them, fewer
         at its end. So there are not many more distinct units than a language has words
chain    besides, of words joined by single connectors, "ann@mail.example.test": an address or a host name is found
         without reading a message

What a lookup (lookup.py) may rely on: a needle without separators lies inside one word; each character of a shredded
word begins a gram; a gram shorter than the others ends its word.
"""

import re
from collections.abc import Iterable

GRAM = "~"  # a separator, so it is in no word
SHREDDED, UNSPACED = 3, 2  # characters of a gram
LONGEST_WORD = 40  # characters; longer ones are shredded
LONGEST_CHAIN = 64  # characters
LEAST_HASH = 10  # characters of what may be a hash or the number of something
CONNECTORS = "._@'’+-"

MOST_KEPT = 5_000  # pieces of text whose units are remembered
LONGEST_KEPT = 64  # characters of such a piece

# Every other character beyond ASCII is a word's: letters, marks, signs, pictures. All that str.split() splits at is
# in here; so are halves of surrogates, which have no octets to be stored as.
_SEPARATORS = (
    r"\x00-/:-@\[-`{-\xa0\xa1\xab\xb7\xbb\xbf\u1680\u2000-\u200b\u200e-\u206f\u3000-\u3004\u3008-\u3020\u3030"
    r"\ud800-\udfff\ufeff\ufff0-\uffff"
)
_UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fff\u3005-\u3007\u3021-\u302f\u3031-\u30ff\u31f0-\u31ff"
    r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_SPACED_WORD = rf"[^{_SEPARATORS}{_UNSPACED}]+"
_CHAIN = rf"{_SPACED_WORD}(?:[{re.escape(CONNECTORS)}]{_SPACED_WORD})"

WORD = re.compile(rf"{_SPACED_WORD}|[{_UNSPACED}]+")
_LINK = re.compile(rf"{_CHAIN}*|[{_UNSPACED}]+")  # a word, or words joined by connectors
_LINKED = re.compile(rf"{_CHAIN}+")
_PIECE_OF_CHAIN = re.compile(rf"(?=.*[{re.escape(CONNECTORS)}])(?:{_SPACED_WORD}|[{re.escape(CONNECTORS)}])+")
_UNSPACED_START = re.compile(rf"[{_UNSPACED}]")
_CHANGE = re.compile(r"[0-9][^0-9]|[^0-9][0-9]")
_HOST_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+){3}")  # IPv4: each stands in a few messages only
_BASE64 = re.compile(r"(?:[a-z]{1,4}=)?[a-z0-9+/]{40,}={0,2};?")  # a line of a signature


class Cutter:
    """Cuts texts into units and remembers those of pieces it saw lately. Not for two threads at once."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, ...]] = {}

    def units(self, texts: Iterable[str]) -> set[str]:
        """Of one text that comes in parts, cut anywhere."""
        found: set[str] = set()
        rest = ""
        for part in texts:
            text = rest + part
            rest = _begun(text)
            self._add(found, text.removesuffix(rest))
        self._add(found, rest)
        return found

    def forget(self) -> None:
        self._kept.clear()

    def _add(self, found: set[str], text: str) -> None:
        kept = self._kept
        for piece in set(text.split()):
            if piece.isalpha() and piece.isascii() and len(piece) <= LONGEST_WORD:  # nearly all; a call would cost most
                found.add(piece)
            else:
                known = kept.get(piece)
                found.update(self._cut(piece) if known is None else known)

    def _cut(self, piece: str) -> set[str]:
        found = _units(piece)
        if len(piece) <= LONGEST_KEPT:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[piece] = tuple(found)
        return found


def is_chain(text: str) -> bool:
    """Whether these words, joined by connectors, are a unit."""
    if len(text) > LONGEST_CHAIN or _LINKED.fullmatch(text) is None or _HOST_NUMBER.fullmatch(text):
        return False
    return not any(is_shredded(word) for word in WORD.findall(text) if not is_plain(word))


def may_be_in_chain(text: str) -> bool:
    return len(text) <= LONGEST_CHAIN and _PIECE_OF_CHAIN.fullmatch(text) is not None


def is_unspaced(word: str) -> bool:
    """Of a script without spaces; all of it is, where its first character is."""
    return _UNSPACED_START.match(word) is not None


def is_plain(piece: str) -> bool:
    """A word of nothing but the letters a to z."""
    return piece.isalpha() and piece.isascii() and len(piece) <= LONGEST_WORD


def is_shredded(word: str) -> bool:
    """Wherever it stands; in a line of base64 every word is."""
    if len(word) > LONGEST_WORD or is_unspaced(word):
        return True
    if len(word) < LEAST_HASH:
        return False
    return word.isdecimal() or len(_CHANGE.findall(word)) > 1


def gram_length(word: str) -> int:
    return UNSPACED if is_unspaced(word) else SHREDDED


def grams(word: str) -> list[str]:
    """One for each character of a shredded word, in their order."""
    length = gram_length(word)
    return [GRAM + word[start : start + length] for start in range(len(word))]


def _begun(text: str) -> str:
    """What is at the end and may go on in the next part."""
    return "" if not text or text[-1].isspace() else text.rsplit(None, 1)[-1]


def _units(piece: str) -> set[str]:
    """Of what stands between two spaces."""
    if _BASE64.fullmatch(piece):
        return {gram for word in WORD.findall(piece) for gram in grams(word)}
    found: set[str] = set()
    for link in _LINK.finditer(piece):
        words = WORD.findall(link[0])
        for word in words:
            if is_plain(word) or not is_shredded(word):
                found.add(word)
            else:
                found.update(grams(word))
        if len(words) > 1 and is_chain(link[0]):
            found.add(link[0])
    return found
