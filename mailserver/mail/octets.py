"""A message to be read: bytes in memory, or a mapped file read in windows so that a large one never fills memory."""

import mmap
from typing import Protocol

COPIED_OCTETS = 1024 * 1024  # a mapped file up to here is copied whole
FIRST_WINDOW = 4 * 1024  # octets of a larger one that are copied to begin with
WINDOW = 256 * 1024  # and at most
LARGE = 64 * 1024  # a window whose pages are worth giving back at once


class Octets(Protocol):
    """What a scanner needs of a message; `bytes` is one as it is."""

    def __len__(self) -> int: ...

    def __getitem__(self, window: slice, /) -> bytes: ...

    def find(self, needle: bytes, start: int, end: int, /) -> int: ...

    def count(self, needle: bytes, start: int, end: int, /) -> int: ...


class MappedOctets:
    """A mapped file, opened for reading. mmap has no count of its own, and its find compares at every octet.

    Pages are given back as soon as a window was read: mapped pages count as the process's memory.
    """

    __slots__ = ("_map",)

    def __init__(self, mapped: mmap.mmap) -> None:
        self._map = mapped

    def __len__(self) -> int:
        return len(self._map)

    def __getitem__(self, window: slice, /) -> bytes:
        octets = self._map[window]
        self._give_back(window.start or 0, len(octets))
        return octets

    def find(self, needle: bytes, start: int, end: int, /) -> int:
        """Windows grow from small to large: what is near costs little. They overlap by the needle less one."""
        end, size = min(end, len(self._map)), FIRST_WINDOW
        while start < end:
            window = self._map[start : min(start + size + len(needle) - 1, end)]
            if (at := window.find(needle)) >= 0:
                return start + at
            self._give_back(start, size)
            start, size = start + size, min(size * 2, WINDOW)
        return -1

    def count(self, needle: bytes, start: int, end: int, /) -> int:
        """Of a needle of one octet: a longer one could lie across two windows."""
        end, found = min(end, len(self._map)), 0
        for low in range(start, end, WINDOW):
            found += self._map[low : min(low + WINDOW, end)].count(needle)
            self._give_back(low, WINDOW)
        return found

    def _give_back(self, start: int, octets: int) -> None:
        if octets >= LARGE:
            page = start - start % mmap.PAGESIZE
            self._map.madvise(mmap.MADV_DONTNEED, page, min(octets + start - page, len(self._map) - page))


def octets_of(message: bytes | mmap.mmap) -> Octets:
    if isinstance(message, bytes):
        return message
    return message[:] if len(message) <= COPIED_OCTETS else MappedOctets(message)
