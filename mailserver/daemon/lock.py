"""One server per data folder: an advisory lock that the kernel takes back when the process ends, however it ends."""

import errno
import fcntl
import os
from pathlib import Path

from mailserver.errors import InUse

NAME = "lock"


class Lock:
    """Held from `take` to `release`. The file stays; its content is the holder's process id, for people."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._fd: int | None = None

    def take(self) -> None:
        """Make the data folder where it is missing, mode 0700. Raises InUse, OSError."""
        self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(self._data / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as fault:
            holder = os.pread(fd, 20, 0).decode("ascii", "replace").strip()
            os.close(fd)
            if fault.errno not in {errno.EWOULDBLOCK, errno.EACCES}:
                raise
            who = f"process {holder}" if holder else "another process"
            raise InUse(f"{self._data} is served by {who}; stop it, or choose another data folder") from None
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        self._fd = fd

    def release(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def __enter__(self) -> "Lock":
        self.take()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def is_served(data: Path) -> bool:
    """Whether a server runs on this data folder."""
    try:
        with Lock(data):
            return False
    except InUse:
        return True
