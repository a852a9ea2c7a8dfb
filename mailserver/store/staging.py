"""Messages on their way in: durable before the commit that names them, visible after it.

    1  write staging/<key>, fsync it                a crash leaves a file without a row: deleted at the start
    2  fsync staging/ (once for a group of writes)  the same
    3  commit the row                               from here on the message is ours
    4  rename to <folder>/cur/<key>:2,              a crash leaves row and staged file: renamed at the start

The peer is answered after step 3; see store/recovery.py for the start.
"""

import contextlib
import fcntl
import itertools
import mmap
import os
import secrets
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from mailserver.clock import Clock
from mailserver.errors import BadContent
from mailserver.mail.describe import describe
from mailserver.mail.detail import MessageDetail

MEMORY_OCTETS = 262_144  # of one incoming message; more goes to a file while it arrives
COPY_OCTETS = 1 << 20  # copied at once from the spooled file to the staged one
CREATE_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
INCOMING_PREFIX = "incoming-"  # of files that never were messages; deleted at the start

T = TypeVar("T")
InThread = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Staged:
    """A durable file in staging/ that a transaction may name. What no transaction names is deleted."""

    key: str
    size: int
    detail: MessageDetail


class Incoming:
    """The octets of one message as they arrive: in memory while few, then in a file."""

    def __init__(self, staging: Path, in_thread: InThread) -> None:
        self._staging = staging
        self._in_thread = in_thread
        self._memory = bytearray()
        self._file: int | None = None
        self._path = ""
        self._head = b""
        self.size = 0

    async def write(self, data: bytes) -> None:
        self.size += len(data)
        self._memory += data
        if len(self._memory) > MEMORY_OCTETS:
            await self._in_thread(self._spill)

    def head(self, octets: int) -> bytes:
        """The first octets, at most MEMORY_OCTETS of them."""
        return self._head[:octets] if self._file is not None else bytes(self._memory[:octets])

    async def discard(self) -> None:
        """Forget the octets; harmless after they were staged."""
        self._memory = bytearray()  # not cleared: the traceback of a failed write may still hold a view of it
        if self._file is not None:
            fd, self._file = self._file, None
            await self._in_thread(_close_and_unlink, fd, self._path)

    async def __aenter__(self) -> "Incoming":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.discard()

    # ---- in a thread ----

    def _spill(self) -> None:
        if self._file is None:
            self._head = bytes(self._memory[:MEMORY_OCTETS])
            self._path = f"{self._staging}/{INCOMING_PREFIX}{secrets.token_hex(8)}"
            self._file = os.open(self._path, CREATE_FLAGS, 0o600)
        _write_all(self._file, self._memory)
        self._memory.clear()

    def write_to(self, fd: int, skip: int) -> None:
        """Append everything from `skip` on to another file."""
        if self._file is None:
            _write_all(fd, memoryview(self._memory)[skip:])
            return
        if self._memory:
            self._spill()
        at = skip
        while at < self.size:
            copied = os.copy_file_range(self._file, fd, min(COPY_OCTETS, self.size - at), at)
            if copied == 0:
                raise OSError(f"{self._path} ended at {at} of {self.size} octets")
            at += copied

    def pieces(self, skip: int) -> Iterator[bytes]:
        """Everything from `skip` on, at most COPY_OCTETS at once."""
        if self._file is not None and self._memory:
            self._spill()
        at = skip
        while at < self.size:
            if self._file is None:
                piece = bytes(memoryview(self._memory)[at : at + COPY_OCTETS])
            else:
                piece = os.pread(self._file, min(COPY_OCTETS, self.size - at), at)
            if not piece:
                raise OSError(f"{self._path} ended at {at} of {self.size} octets")
            yield piece
            at += len(piece)

    def whole(self, header: bytes | None, skip: int) -> bytes | None:
        """The octets write_to would write after `header`, where they are in memory."""
        if self._file is not None:
            return None
        return (header or b"") + memoryview(self._memory)[skip:] if header or skip else bytes(self._memory)


class Staging:
    """Makes files durable and remembers whether the folder must be synced before the next commit."""

    def __init__(self, folder: Path, clock: Clock, hostname: str) -> None:
        self._folder = folder
        self._clock = clock
        self._hostname = hostname
        self._fd: int | None = None
        self._unsynced = False
        self._process = secrets.token_hex(8)  # no other process, before or after, has these keys
        self._numbers = itertools.count(1)
        self._syncer = ThreadPoolExecutor(1, "store-sync")

    def open(self) -> None:
        """Every process that may have files here holds a shared lock on the folder; a crash lets go of it."""
        self._fd = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(self._fd, fcntl.LOCK_SH)

    @contextlib.contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether no other process has the folder open; nobody can open it until this is left."""
        if self._fd is None:
            raise ValueError("staging is not open")
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(self._fd, fcntl.LOCK_SH)  # a failed conversion gives up what was held
            yield False
            return
        try:
            yield True
        finally:
            fcntl.flock(self._fd, fcntl.LOCK_SH)

    def close(self) -> None:
        self._syncer.shutdown()
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def begin_sync(self) -> "Future[None] | None":
        """`sync` beside the caller, who waits for the result before the commit; None: nothing to sync."""
        return self._syncer.submit(self.sync) if self._unsynced else None

    def sync(self) -> None:
        """Before a commit: the names of all files staged until now survive a power cut."""
        if self._unsynced and self._fd is not None:
            self._unsynced = False  # first: a file that is staged while this runs sets it again
            try:
                os.fsync(self._fd)
            except OSError:
                self._unsynced = True  # for files whose commit comes later; this one's is refused
                raise

    def new_key(self) -> str:
        """Unique without trusting the clock; the time is for people who look at the folder."""
        return f"{int(self._clock.now().timestamp())}.{self._process}{next(self._numbers):x}.{self._hostname}"

    def stage(self, incoming: Incoming, header: bytes | None, skip: int) -> Staged:
        """Write, sync and scan one message; in a thread. What fails leaves no file."""
        whole = incoming.whole(header, skip)
        if whole is not None:
            return self.stage_bytes(whole)
        key = self.new_key()

        def fill(fd: int) -> None:
            _write_all(fd, header or b"")
            incoming.write_to(fd, skip)

        detail = self._write(key, fill, _describe_file)
        return Staged(key, detail.size, detail)

    def stage_bytes(self, message: bytes) -> Staged:
        key = self.new_key()
        detail = self._write(key, lambda fd: _write_all(fd, message), lambda _: describe(message))
        return Staged(key, len(message), detail)

    def unstage(self, key: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{self._folder}/{key}")

    def _write(self, key: str, fill: Callable[[int], None], scan: Callable[[int], MessageDetail]) -> MessageDetail:
        path = f"{self._folder}/{key}"
        fd = os.open(path, CREATE_FLAGS, 0o600)
        try:
            fill(fd)
            os.fsync(fd)  # an error here is told once only: never tried again on the same file
            detail = scan(fd)
        except BaseException:
            os.unlink(path)
            raise
        finally:
            os.close(fd)
        self._unsynced = True
        return detail


def _describe_file(fd: int) -> MessageDetail:
    if os.fstat(fd).st_size == 0:
        raise BadContent("The message is empty")
    with mmap.mmap(fd, 0, access=mmap.ACCESS_READ) as message:
        return describe(message)


def _write_all(fd: int, data: bytes | bytearray | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _close_and_unlink(fd: int, path: str) -> None:
    os.close(fd)
    with contextlib.suppress(OSError):  # the message may be accepted already; the next start deletes what stays
        os.unlink(path)
