"""The file of the text index, beside mail.db: opened, made anew where it can not be used, replaced by a better one.

It has connections and threads of its own, so that indexing never holds the writer that acknowledges mail, and is
synced lazily (synchronous=NORMAL): a power cut takes the last batches and their position together.

On disk: nothing, or a file of another version, or a damaged one → made anew, empty. `search.db.new` is an index being
built; it is never continued, and takes the place of the other by one rename.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import structlog
from pysqlite3 import dbapi2 as sqlite

from mailserver.errors import Refusal
from mailserver.store import word_tables
from mailserver.store.database import BUSY_MILLISECONDS, CACHED_STATEMENTS, Rx, as_refusal
from mailserver.store.word_tables import Ix

P = ParamSpec("P")
T = TypeVar("T")

FILE = "search.db"
BEING_BUILT = "search.db.new"
READERS = 2
CACHE_KIB = 1024  # page cache of one connection

_log = structlog.get_logger("search")


class DamagedIndex(Refusal):
    """It is missing, not ours or not readable; everything in it can be made again."""

    exit = 1

    def __init__(self, why: str) -> None:
        super().__init__(f"The search index can not be used: {why}; 'mailserver index rebuild' makes it anew")


class WordIndex:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._threads = ThreadPoolExecutor(READERS + 1, "search")
        self._writing = asyncio.Lock()
        self._writer: Any = None
        self._readers: asyncio.LifoQueue[Any] = asyncio.LifoQueue()
        self._fault: Refusal | None = None  # why it can not be used

    async def open(self) -> None:
        """Also once more, after a fault. Raises Refusal where the disk does not let us."""
        await self._exchange(_usable)

    async def close(self) -> None:
        async with self._writing:
            await self._disconnect()
        self._threads.shutdown(wait=False)

    async def read(self, fn: Callable[Concatenate[Rx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """One consistent snapshot for all of fn's queries. Raises DamagedIndex, Refusal."""
        self._require_use()
        connection = await self._readers.get()

        def whole() -> T:
            with _snapshot(connection) as rx:
                return fn(rx, *args, **kwargs)

        async def returning() -> T:
            try:
                return await self.in_thread(whole)
            finally:
                self._readers.put_nowait(connection)

        return await asyncio.shield(returning())

    async def write(self, fn: Callable[Concatenate[Ix, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Whole or not at all. Raises DamagedIndex, Refusal."""

        def whole() -> T:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                result = fn(Ix(self._writer), *args, **kwargs)
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise
            return result

        async def alone() -> T:
            async with self._writing:
                self._require_use()
                return await self.in_thread(whole)

        return await asyncio.shield(alone())

    async def empty(self) -> None:
        """Throw everything away."""
        await self._exchange(_fresh)

    async def replace_by(self, other: "WordIndex") -> None:
        """Take over the other's file; the other is closed."""
        await other.close()

        def renamed(path: Path) -> Any:
            _remove(path)
            os.replace(other.path, path)
            return _usable(path)

        await self._exchange(renamed)

    async def in_thread(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """On one of the index's own threads."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: fn(*args, **kwargs))
        except sqlite.DatabaseError as fault:
            raise _meaning(fault) from fault

    # ---- inside ----

    async def _exchange(self, connect: Callable[[Path], Any]) -> None:
        """Not cut off in the middle by who waits for it."""
        await asyncio.shield(self._exchange_alone(connect))

    async def _exchange_alone(self, connect: Callable[[Path], Any]) -> None:
        async with self._writing:
            await self._disconnect()
            try:
                await self._connect(connect)
                self._fault = None
            except Refusal as fault:
                self._fault = fault
                raise

    async def _connect(self, connect: Callable[[Path], Any]) -> None:
        opened = [await self.in_thread(connect, self.path)]
        try:
            opened += [await self.in_thread(_connection, self.path) for _ in range(READERS)]
        except Refusal:
            await self.in_thread(_close, opened)
            raise
        self._writer = opened.pop(0)
        for connection in opened:
            self._readers.put_nowait(connection)

    async def _disconnect(self) -> None:
        """When nobody reads any more."""
        if self._writer is None:
            return
        readers = [await self._readers.get() for _ in range(READERS)]
        writer, self._writer = self._writer, None
        await self.in_thread(_close, [*readers, writer])

    def _require_use(self) -> None:
        if self._fault is not None:
            raise self._fault


@contextlib.contextmanager
def _snapshot(connection: Any) -> Iterator[Rx]:
    connection.execute("BEGIN")
    try:
        yield Rx(connection)
    finally:
        connection.execute("COMMIT")


def _meaning(fault: Exception) -> Exception:
    return DamagedIndex(str(fault)) if _is_damage(fault) else as_refusal(fault)


def _is_damage(fault: Exception) -> bool:
    name = getattr(fault, "sqlite_errorname", "") or ""
    if name == "SQLITE_ERROR":  # half of its tables are gone
        return str(fault).startswith(("no such table", "vtable constructor failed"))
    return name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))


def look(path: Path, fn: Callable[Concatenate[Rx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Read an index that another process may be using. Raises DamagedIndex where there is none that can be used."""
    try:
        with closing(_connect_to(path)) as connection, _snapshot(connection) as rx:
            return fn(rx, *args, **kwargs)
    except sqlite.DatabaseError as fault:
        raise _meaning(fault) from fault


def file_octets(path: Path) -> int:
    """With its log."""
    return sum(file.stat().st_size for file in _files(path) if file.exists())


def _connect_to(path: Path) -> Any:
    """Raises DamagedIndex."""
    if not path.exists():
        raise DamagedIndex("there is none")
    try:
        connection = _connection(path)
    except sqlite.DatabaseError as fault:
        if _is_damage(fault):
            raise DamagedIndex(str(fault)) from fault
        raise
    if word_tables.is_current(connection):
        return connection
    connection.close()
    raise DamagedIndex("it is of another version")


def _usable(path: Path) -> Any:
    """The writer's connection to the index that is there; to an empty one where that is none."""
    try:
        return _connect_to(path)
    except DamagedIndex as fault:
        if path.exists():
            _log.warning("search index made anew", error=fault.text)
        return _fresh(path)


def _fresh(path: Path) -> Any:
    _remove(path)
    connection = _connection(path)
    word_tables.create(connection)
    return connection


def _connection(path: Path) -> Any:
    connection = sqlite.connect(
        str(path), isolation_level=None, cached_statements=CACHED_STATEMENTS, check_same_thread=False
    )
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
    except sqlite.DatabaseError:
        connection.close()
        raise
    return connection


def _close(connections: list[Any]) -> None:
    """The last one to close writes the log into the file."""
    for connection in connections:
        connection.close()


def _remove(path: Path) -> None:
    for file in _files(path):
        with contextlib.suppress(FileNotFoundError):
            file.unlink()


def _files(path: Path) -> list[Path]:
    return [path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm")]
