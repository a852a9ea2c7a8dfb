"""Message flags and keywords: one immutable, interned value per distinct set. RFC 9051 §2.3.2."""

from collections.abc import Iterable
from enum import Enum
from functools import lru_cache

SYSTEM_FLAGS = ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft")
MAX_INTERNED = 4096  # distinct sets kept; beyond it sets are made anew, still equal

_CANONICAL = {flag.lower(): flag for flag in SYSTEM_FLAGS}
_ORDER = {flag: place for place, flag in enumerate(SYSTEM_FLAGS)}


class FlagMode(Enum):
    """What a STORE does with the flags it names, RFC 9051 §6.4.6."""

    REPLACE = "replace"
    ADD = "add"
    REMOVE = "remove"


def canonical(flag: str) -> str:
    """System flags in their usual spelling whatever the client's case; keywords as they are."""
    return _CANONICAL.get(flag.lower(), flag)


class FlagSet:
    """Flags of a message: system flags first in a fixed order, then keywords by name without case.

    `text` is the column's form (comma separated), `wire` the form between the parentheses of FLAGS (...).
    """

    __slots__ = ("names", "text", "wire")

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.text = ",".join(names)
        self.wire = " ".join(names).encode("ascii")

    @staticmethod
    def of(names: Iterable[str]) -> "FlagSet":
        unique = {name.lower(): name for name in map(canonical, names)}
        return _intern(tuple(sorted(unique.values(), key=_place)))

    @staticmethod
    def from_text(text: str) -> "FlagSet":
        """The value of a `flags` column written by `text`."""
        return _from_text(text)

    def __contains__(self, flag: str) -> bool:
        """Keywords match without case, RFC 9051 §2.3.2."""
        return flag in self.names or any(flag.lower() == name.lower() for name in self.names)

    def __or__(self, other: "FlagSet") -> "FlagSet":
        return FlagSet.of((*other.names, *self.names))  # the first spelling of a keyword stays

    def __sub__(self, other: "FlagSet") -> "FlagSet":
        gone = {name.lower() for name in other.names}
        return FlagSet.of(name for name in self.names if name.lower() not in gone)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FlagSet) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"FlagSet({self.text!r})"

    @property
    def seen(self) -> bool:
        return "\\Seen" in self.names

    @property
    def deleted(self) -> bool:
        return "\\Deleted" in self.names

    @property
    def keywords(self) -> tuple[str, ...]:
        return tuple(name for name in self.names if not name.startswith("\\"))


def _place(flag: str) -> tuple[int, str]:
    return _ORDER.get(flag, len(SYSTEM_FLAGS)), flag.lower()


@lru_cache(MAX_INTERNED)
def _intern(names: tuple[str, ...]) -> FlagSet:
    return FlagSet(names)


@lru_cache(MAX_INTERNED)
def _from_text(text: str) -> FlagSet:
    return FlagSet.of(text.split(",")) if text else _intern(())


EMPTY = _intern(())
