"""A tap on the shoulder between processes: whoever wrote to the database tells the daemon to look.

A datagram on a Unix socket in the data folder, without content: what changed is read from the database. A lost
one does no harm, the daemon looks by itself now and then.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

NAME = "poke"
MAX_PENDING = 64  # datagrams taken at once; they all mean the same


def send(data: Path) -> None:
    """Tell the daemon of this data folder, if one runs."""
    with contextlib.suppress(OSError), _short(data) as path, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        sender.sendto(b"", path)


class Listener:
    def __init__(self, data: Path, heard: Callable[[], None]) -> None:
        self._data = data
        self._heard = heard
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def start(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._data / NAME)
        with _short(self._data) as path:
            self._socket.bind(path)
        os.chmod(self._data / NAME, 0o600)
        self._socket.setblocking(False)
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._read)

    def stop(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._data / NAME)

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for _ in range(MAX_PENDING):
                self._socket.recv(1)
        self._heard()


@contextlib.contextmanager
def _short(data: Path) -> Iterator[str]:
    """The socket's path through a descriptor of its folder: socket addresses end at 107 octets, paths do not."""
    folder = os.open(data, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{NAME}"
    finally:
        os.close(folder)
