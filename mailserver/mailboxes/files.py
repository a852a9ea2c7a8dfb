"""Message files for reading: opened with the first octets in one step, the rest read in threads."""

import asyncio
import os
from collections.abc import Coroutine
from io import FileIO
from typing import Any, TypeVar

from mailserver.mail.detail import Part
from mailserver.mailboxes import access
from mailserver.mailboxes.values import Detail, MessageGone
from mailserver.store import details, messages
from mailserver.store.database import Rx
from mailserver.store.maildir import Maildir
from mailserver.store.store import Store

T = TypeVar("T")

HEAD_OCTETS = 65_536  # read while opening: most messages are whole then


class MessageFile:
    """Stays readable when the message is removed; to be closed."""

    def __init__(self, store: Store, file: FileIO, size: int, head: bytes) -> None:
        self._store = store
        self._file = file
        self._head = head
        self.size = size  # octets

    async def read(self, offset: int, octets: int) -> bytes:
        """Fewer octets at the end of the message, none after it."""
        end = min(offset + octets, self.size)
        if end <= len(self._head) or offset >= end:
            return self._head[offset:end]
        return await self._store.in_thread(_read, self._file.fileno(), offset, end - offset)

    def close(self) -> None:
        self._file.close()


async def open_file(store: Store, mailbox_id: int, uid: int) -> MessageFile:
    """Raises MessageGone."""
    file, size, head = await _opened(store.read(_open, store.maildir, mailbox_id, uid))
    return MessageFile(store, file, size, head)


async def open_by_name(
    store: Store, user_id: int, where: str | int, uid: int, uidvalidity: int | None
) -> tuple[MessageFile, tuple[Part, ...]]:
    """A message and its parts, by the name of its mailbox or, of one that is open, by its id.

    Raises NoSuchMailbox, NotPermitted, MessageGone.
    """

    def read(rx: Rx) -> tuple[FileIO, int, bytes, tuple[Part, ...]]:
        mailbox = access.opened(rx, user_id, where)
        if uidvalidity not in {None, mailbox.uidvalidity}:
            raise MessageGone
        parts = next((found.parts for found in details.read(rx, mailbox.id, [uid], Detail.PARTS)), ())
        return *_open(rx, store.maildir, mailbox.id, uid), parts

    file, size, head, parts = await _opened(store.read(read))
    return MessageFile(store, file, size, head), parts


async def _opened(opening: Coroutine[Any, Any, T]) -> T:
    """What was opened is closed again where nobody waits for it any more, because the line dropped meanwhile."""
    task = asyncio.create_task(opening, name="open-message")
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.add_done_callback(_close)
        raise


def _close(opened: "asyncio.Task[Any]") -> None:
    if not opened.cancelled() and opened.exception() is None:
        opened.result()[0].close()


def _open(rx: Rx, maildir: Maildir, mailbox_id: int, uid: int) -> tuple[FileIO, int, bytes]:
    location = messages.locate(rx, mailbox_id, uid)
    if location is None:
        raise MessageGone
    try:
        fd = maildir.open(location.folder, location.key, location.letters)
    except FileNotFoundError as fault:
        raise MessageGone from fault
    return FileIO(fd, "rb"), location.size, _read(fd, 0, min(location.size, HEAD_OCTETS))


def _read(fd: int, offset: int, octets: int) -> bytes:
    read = os.pread(fd, octets, offset)
    while len(read) < octets and (more := os.pread(fd, octets - len(read), offset + len(read))):
        read += more
    return read
