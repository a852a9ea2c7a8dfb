"""Message files for reading: opened with the first octets in one step, the rest read in threads.

Most messages are whole then; some are kept for a while. Octets never change, and UIDs are not used twice.
"""

import asyncio
import contextlib
import os
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from functools import partial
from io import FileIO
from typing import Any, TypeVar

from mailserver.mail.detail import Part
from mailserver.mailboxes import access
from mailserver.mailboxes.values import Detail, MessageGone
from mailserver.store import details, messages
from mailserver.store.database import Rx
from mailserver.store.maildir import Maildir
from mailserver.store.messages import Location
from mailserver.store.store import Store

T = TypeVar("T")

HEAD_OCTETS = 65_536  # read while opening: most messages are whole then
MAX_OPEN = 16  # files opened in one step of a thread
MAX_KEPT_OCTETS = 4 << 20  # of whole messages

Opened = tuple[FileIO | None, int, bytes]  # its size and its beginning; no file where that is all of it


class MessageFile:
    """Stays readable when the message is removed; to be closed."""

    def __init__(self, store: Store, file: FileIO | None, size: int, head: bytes) -> None:
        """Without `file` the head is all of it."""
        self._store = store
        self._file = file
        self._head = head
        self.size = size  # octets

    async def read(self, offset: int, octets: int) -> bytes:
        """Fewer octets at the end of the message, none after it."""
        end = min(offset + octets, self.size)
        if self._file is None or end <= len(self._head) or offset >= end:
            return self._head[offset:end]
        return await self._store.in_thread(_read, self._file.fileno(), offset, end - offset)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


class Files:
    """Of all mailboxes; the least lately used of what is kept goes first."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: OrderedDict[tuple[int, int], bytes] = OrderedDict()  # whole messages by mailbox and UID
        self.kept_octets = 0

    async def open(self, mailbox_id: int, uids: Sequence[int]) -> dict[int, MessageFile]:
        """By UID; messages that are gone are left out. At most MAX_OPEN at once."""
        files = {uid: MessageFile(self._store, None, len(whole), whole) for uid, whole in self._find(mailbox_id, uids)}
        missing = [uid for uid in uids if uid not in files]
        if missing:
            opening = self._store.read(_open_all, self._store.maildir, mailbox_id, missing)
            opened = await _opened(opening, lambda opened: (file for file, _, _ in opened.values()))
            for uid, (file, size, head) in opened.items():
                files[uid] = MessageFile(self._store, file, size, head)
                if file is None:
                    self._keep((mailbox_id, uid), head)
        return files

    def _find(self, mailbox_id: int, uids: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        for uid in uids:
            if (whole := self._kept.get((mailbox_id, uid))) is not None:
                self._kept.move_to_end((mailbox_id, uid))
                yield uid, whole

    def _keep(self, key: tuple[int, int], whole: bytes) -> None:
        if key not in self._kept:
            self._kept[key] = whole
            self.kept_octets += len(whole)
        while self.kept_octets > MAX_KEPT_OCTETS:
            _, oldest = self._kept.popitem(last=False)
            self.kept_octets -= len(oldest)


async def open_by_name(
    store: Store, user_id: int, where: str | int, uid: int, uidvalidity: int | None
) -> tuple[MessageFile, tuple[Part, ...]]:
    """A message and its parts, by the name of its mailbox or, of one that is open, by its id.

    Raises NoSuchMailbox, NotPermitted, MessageGone.
    """

    def read(rx: Rx) -> tuple[FileIO | None, int, bytes, tuple[Part, ...]]:
        mailbox = access.opened(rx, user_id, where)
        if uidvalidity not in {None, mailbox.uidvalidity}:
            raise MessageGone
        parts = next((found.parts for found in details.read(rx, mailbox.id, [uid], Detail.PARTS)), ())
        return *_open(rx, store.maildir, mailbox.id, uid), parts

    file, size, head, parts = await _opened(store.read(read), lambda opened: (opened[0],))
    return MessageFile(store, file, size, head), parts


async def _opened(opening: Coroutine[Any, Any, T], files: Callable[[T], Iterable[FileIO | None]]) -> T:
    """What was opened is closed again where nobody waits for it any more, because the line dropped meanwhile."""
    task = asyncio.create_task(opening, name="open-message")
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.add_done_callback(partial(_close, files))
        raise


def _close(files: Callable[[T], Iterable[FileIO | None]], opened: "asyncio.Task[T]") -> None:
    for file in files(opened.result()) if not opened.cancelled() and opened.exception() is None else ():
        if file is not None:
            file.close()


def _open(rx: Rx, maildir: Maildir, mailbox_id: int, uid: int) -> Opened:
    opened = _open_all(rx, maildir, mailbox_id, [uid])
    if uid not in opened:
        raise MessageGone
    return opened[uid]


def _open_all(rx: Rx, maildir: Maildir, mailbox_id: int, uids: Sequence[int]) -> dict[int, Opened]:
    """Messages that are gone are left out; what was opened is closed where one of them can not be read."""
    opened: dict[int, Opened] = {}
    try:
        for uid, location in messages.locate_all(rx, mailbox_id, uids):
            with contextlib.suppress(FileNotFoundError):
                opened[uid] = _open_at(maildir, location)
    except BaseException:
        for file, _, _ in opened.values():
            if file is not None:
                file.close()
        raise
    return opened


def _open_at(maildir: Maildir, location: Location) -> Opened:
    fd = maildir.open(location.folder, location.key, location.letters)
    file = FileIO(fd, "rb")
    try:
        head = _read(fd, 0, min(location.size, HEAD_OCTETS))
    except BaseException:
        file.close()
        raise
    if len(head) < location.size:
        return file, location.size, head
    file.close()
    return None, location.size, head


def _read(fd: int, offset: int, octets: int) -> bytes:
    read = os.pread(fd, octets, offset)
    while len(read) < octets and (more := os.pread(fd, octets - len(read), offset + len(read))):
        read += more
    return read
