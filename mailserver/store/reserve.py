"""Disk space kept back: on a full disk SQLite can not even delete, so nobody could make room.

The reserve is given up when a commit finds the disk full, and taken again when there is room. While it is
gone, and whenever little is free, new mail is put off.
"""

import os
from pathlib import Path

from mailserver.clock import Clock

RESERVE_OCTETS = 16 << 20
LOOK_SECONDS = 0.5  # between looks at the disk, which every message would ask for


class Reserve:
    def __init__(self, data: Path, min_free_octets: int, clock: Clock) -> None:
        self._path = data / "reserve"
        self._data = data
        self._min_free = min_free_octets
        self._to_take = min_free_octets + 2 * RESERVE_OCTETS  # free, before the disk can spare it
        self._clock = clock
        self._looked = float("-inf")  # monotonic
        self._had_room = True

    def free_octets(self) -> int:
        disk = os.statvfs(self._data)
        return disk.f_bavail * disk.f_frsize

    def has_room(self) -> bool:
        """As of at most LOOK_SECONDS ago. What was given up is for removals: nothing new is to use it up."""
        now = self._clock.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            needed = self._min_free if self._path.exists() else self._to_take
            self._looked, self._had_room = now, self.free_octets() >= needed
        return self._had_room

    def take(self) -> bool:
        """Allocate the reserve if it is not there and the disk can spare it."""
        if self._path.exists():
            return True
        if self.free_octets() < self._to_take:
            return False
        fd = os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(fd, 0, RESERVE_OCTETS)
        finally:
            os.close(fd)
        return True

    def give_up(self) -> bool:
        """True where there was a reserve to give."""
        self._looked, self._had_room = self._clock.monotonic(), False
        try:
            os.unlink(self._path)
        except FileNotFoundError:
            return False
        return True
