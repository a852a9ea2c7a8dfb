"""The message as it goes out: read from the spool in bounded pieces, or made of it for a server of seven bits."""

import mmap
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from mailserver.mail.headers import header_octets
from mailserver.mail.octets import MappedOctets, Octets
from mailserver.remote.content import Facts, examine, to_seven_bit, windows, without_signatures_of
from mailserver.store import spool
from mailserver.store.store import Store

SMALL_OCTETS = 262_144  # up to here a message is read at once and kept in memory while it is sent
PIECE_OCTETS = 65_536  # of content on its way to the server

# (header, reverse-path, body in pieces, octets of the body) → DKIM-Signature field lines, b"" for none
Sign = Callable[[bytes, str, Iterable[bytes], int], Awaitable[bytes]]


async def unsigned(header: bytes, reverse_path: str, body: Iterable[bytes], octets: int) -> bytes:
    """For whoever has no keys."""
    return b""


class Damaged(Exception):  # noqa: N818 - a state
    """The spool file is not what was accepted: half a message must not look like one."""


class Content:
    """`async with await Content.open(store, name) as content:` lets go of the file."""

    def __init__(self, store: Store, octets: Octets, facts: Facts, open_files: ExitStack, header: bytes | None) -> None:
        """`header`: in place of the message's own."""
        self._store = store
        self._octets = octets
        self.facts = facts
        self._open = open_files
        self._header = header
        self._start = header_octets(octets) if header is not None else 0

    @classmethod
    async def open(cls, store: Store, name: str, size: int) -> "Content":
        """`size`: octets that it has to have, 0 where nobody knows. Raises Damaged, OSError, FileNotFoundError too."""
        octets, facts, files = await store.in_thread(_read_spooled, store, name, size)
        return cls(store, octets, facts, files, None)

    async def seven_bit(self, sign: Sign, reverse_path: str) -> "Content":
        """The same, converted and signed anew. Raises CannotConvert, OSError."""
        octets, header, facts, files = await self._store.in_thread(_convert, self._store, self._octets)
        try:
            body_start = header_octets(octets)
            body = windows(octets, body_start, len(octets))
            signatures = await sign(header, reverse_path, body, len(octets) - body_start)
            whole = signatures + without_signatures_of(header, signatures)
            facts = Facts(len(whole) + len(octets) - body_start, is_ascii=True, header_is_ascii=True)
            return Content(self._store, octets, facts, files, whole)
        except BaseException:
            files.close()
            raise

    async def pieces(self) -> AsyncIterator[bytes]:
        if self._header:
            yield self._header
        for at in range(self._start, len(self._octets), PIECE_OCTETS):
            window = slice(at, min(at + PIECE_OCTETS, len(self._octets)))
            if isinstance(self._octets, bytes):
                yield self._octets[window]
            else:
                yield await self._store.in_thread(self._octets.__getitem__, window)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()


def _read_spooled(store: Store, name: str, size: int) -> tuple[Octets, Facts, ExitStack]:
    """In a thread."""
    with ExitStack() as files:
        octets = _octets_of(spool.open_file(store, name), files)
        if size and len(octets) != size:
            raise Damaged(f"it has {len(octets)} octets instead of {size}")
        return octets, examine(octets), files.pop_all()


def _octets_of(descriptor: int, files: ExitStack) -> Octets:
    files.callback(os.close, descriptor)
    size = os.fstat(descriptor).st_size
    if size > SMALL_OCTETS:
        return MappedOctets(files.enter_context(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)))
    return b"".join(iter(lambda: os.read(descriptor, SMALL_OCTETS), b""))


def _convert(store: Store, octets: Octets) -> tuple[Octets, bytes, Facts, ExitStack]:
    """In a thread."""
    pieces = to_seven_bit(octets)
    with ExitStack() as files:
        file = files.enter_context(tempfile.TemporaryFile(dir=store.data))
        file.writelines(pieces)
        file.flush()
        converted = _octets_of(os.dup(file.fileno()), files) if file.tell() > SMALL_OCTETS else _all_of(file.fileno())
        header = converted[: header_octets(converted)]
        return converted, header, Facts(len(converted), is_ascii=True, header_is_ascii=True), files.pop_all()


def _all_of(descriptor: int) -> bytes:
    return os.pread(descriptor, SMALL_OCTETS, 0)
