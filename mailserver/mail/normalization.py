"""Unicode normalisation in linear time: Python's own is quadratic in a run of combining marks."""

import re
from typing import Literal
from unicodedata import normalize

Form = Literal["NFC", "NFKD"]

HALF_PIECE = 100  # characters; a piece has at most twice as many

# A piece ends before an ASCII character where one is near: those never compose with what stands before them.
_PIECE = re.compile(rf".{{1,{HALF_PIECE}}}+[^\x00-\x7f]{{0,{HALF_PIECE}}}+", re.DOTALL)


def normalized(form: Form, text: str) -> str:
    """A run of marks longer than a piece, which no language writes, is ordered piece by piece only."""
    if text.isascii():
        return text
    if len(text) <= 2 * HALF_PIECE:
        return normalize(form, text)
    return "".join([normalize(form, piece) for piece in _PIECE.findall(text)])
