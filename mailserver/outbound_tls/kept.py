"""Rows that every delivery asks for, kept in memory until somebody writes them: a round through the database costs more
than all the rest of a decision."""

from collections.abc import Callable
from typing import Generic, TypeVar

from mailserver.store.database import Rx
from mailserver.store.events import Event, ForeignCommit
from mailserver.store.store import Store

T = TypeVar("T")

MAX_KEPT = 10_000  # rows; when there are more, all are read anew


class Kept(Generic[T]):
    def __init__(self, store: Store, read: Callable[[Rx, str], T]) -> None:
        self._store = store
        self._read = read
        self._rows: dict[str, T] = {}
        self._writes = 0
        self.close = store.subscribe(self._hear)

    async def get(self, key: str) -> T:
        if key in self._rows:
            return self._rows[key]
        writes = self._writes
        row = await self._store.read(self._read, key)
        if writes == self._writes:  # what was read while somebody wrote may be old already
            if len(self._rows) >= MAX_KEPT:
                self._rows.clear()
            self._rows[key] = row
        return row

    def drop(self, key: str) -> None:
        """After it was written."""
        self._writes += 1
        self._rows.pop(key, None)

    def _hear(self, event: Event) -> None:
        if isinstance(event, ForeignCommit):
            self._writes += 1
            self._rows.clear()
