"""Answers for as long as they hold, and no longer. Bounded in entries and octets; the least recently used go first."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

MAX_ENTRIES = 10_000
MAX_OCTETS = 8 * 1024 * 1024

Key = tuple[str, str]  # name in lower case, record type


class Lasting(Protocol):
    @property
    def ttl(self) -> int:
        """Seconds."""


R = TypeVar("R", bound=Lasting)


@dataclass(frozen=True, slots=True)
class _Entry(Generic[R]):
    reply: R
    expires_at: float  # of the monotonic clock
    octets: int  # of the message it came in


class Cache(Generic[R]):
    """`now` is seconds of one monotonic clock."""

    def __init__(self, *, max_entries: int = MAX_ENTRIES, max_octets: int = MAX_OCTETS) -> None:
        self._entries: OrderedDict[Key, _Entry[R]] = OrderedDict()
        self._octets = 0
        self._max_entries, self._max_octets = max_entries, max_octets

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Key, now: float) -> R | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.expires_at <= now:
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry.reply

    def put(self, key: Key, reply: R, octets: int, now: float) -> None:
        """`octets`: how large the message was, for the bound. A TTL of 0 is not kept."""
        if key in self._entries:
            self._drop(key)
        if reply.ttl <= 0:
            return
        self._entries[key] = _Entry(reply, now + reply.ttl, octets)
        self._octets += octets
        while len(self._entries) > self._max_entries or self._octets > self._max_octets:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: Key) -> None:
        self._octets -= self._entries.pop(key).octets
