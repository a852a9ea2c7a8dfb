"""Transactions on SQLite: one writer with group commit, a pool of readers, nothing awaited inside.

A write is a plain function on a Tx. Writes that wait at the same moment share one commit: each runs in a
savepoint of its own, so that one refusal undoes only itself, and all their callers wait for the one fsync.
The function, BEGIN and COMMIT are one call on the writer's thread: awaited apart, a cancelled BEGIN would
still run and leave its transaction open.

What a crash leaves: before COMMIT nothing of the group, after it all of it. Work given to `after_commit`
(renames, unlinks) may be missing after a crash and is finished at the next start.
"""

import asyncio
import errno
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import wait
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, cast

import aiosqlite
import structlog
from pysqlite3 import dbapi2 as sqlite

from mailserver.clock import Clock
from mailserver.errors import DatabaseUnusable, InsufficientStorage, InUse, Refusal, Unavailable
from mailserver.store.events import Event, ForeignCommit

if TYPE_CHECKING:
    from mailserver.store.disk import Disk
    from mailserver.store.disk_jobs import Job
    from mailserver.store.maildir import Maildir

P = ParamSpec("P")
T = TypeVar("T")
Value = str | int | float | bytes | None
Row = tuple[Any, ...]

OLDEST_SQLITE = (3, 51, 3)  # earlier ones lose committed pages when two connections checkpoint (WAL-reset)
BUSY_MILLISECONDS = 5000  # how long to wait for another process's transaction
GROUP_LIMIT = 128  # writes in one commit; bounds how long the first of them waits
CACHE_KIB = 4096  # page cache of the writer
READER_CACHE_KIB = 1024  # of each reader: lists of messages read pages once, the kernel's cache is as fast
CACHED_STATEMENTS = 512  # more than there are: a full cache of pysqlite3's throws out the newest, not the oldest
WAL_PAGES = 2000  # checkpoint when the log has grown to 8 MB

_log = structlog.get_logger("store")


def text_time(moment: datetime) -> str:
    """The one shape of the schema's DATETIME columns: UTC, seconds."""
    return moment.strftime("%Y-%m-%d %H:%M:%S")


@dataclass(frozen=True, slots=True)
class Moment:
    """The time of a transaction in the two shapes that columns have."""

    text: str
    milliseconds: int  # since the epoch

    @staticmethod
    def of(time: datetime) -> "Moment":
        return Moment(text_time(time), int(time.timestamp() * 1000))


class Rx:
    """One consistent snapshot."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def one(self, sql: str, *params: Value) -> Row | None:
        return cast(Row | None, self._connection.execute(sql, params).fetchone())

    def all(self, sql: str, *params: Value) -> list[Row]:
        return cast(list[Row], self._connection.execute(sql, params).fetchall())


class Tx(Rx):
    """One write, whole or not at all."""

    __slots__ = ("_disk", "after", "deliveries", "events", "known", "now", "now_ms")

    def __init__(self, connection: Any, moment: "Moment", disk: "Disk") -> None:
        super().__init__(connection)
        self.now = moment.text
        self.now_ms = moment.milliseconds
        self.events: list[Event] = []
        self.after: list[Callable[[], None]] = []
        self.deliveries: dict[str, list[tuple[str, str]]] = {}  # staged key → (folder, letters) it will appear in
        self.known: dict[str, int] = {}  # staged key → content id: recipients of one message share it
        self._disk = disk

    @property
    def files(self) -> "Maildir":
        return self._disk.maildir

    def run(self, sql: str, *params: Value) -> int:
        """Rows changed."""
        return cast(int, self._connection.execute(sql, params).rowcount)

    def insert(self, sql: str, *params: Value) -> int:
        """The new row's id."""
        return cast(int, self._connection.execute(sql, params).lastrowid)

    def many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        self._connection.executemany(sql, rows)

    def tell(self, event: Event) -> None:
        """Publish after commit."""
        self.events.append(event)

    def after_commit(self, work: Callable[[], None]) -> None:
        """Disk work that must not come before the commit; a later start finishes what a crash cut off."""
        self.after.append(work)

    def promise(self, job: "Job") -> None:
        """Disk work written down in this transaction and done after it, also across a crash."""
        self._disk.promise(self, job)

    def show(self, key: str, folder: str, letters: str) -> None:
        """The staged file appears in this folder after commit, also across a crash."""
        self.deliveries.setdefault(key, []).append((folder, letters))


@dataclass(slots=True)
class _Write(Generic[T]):
    fn: Callable[[Tx], T]
    done: "asyncio.Future[T]"
    tx: Tx | None = None
    result: T | None = None
    error: BaseException | None = None
    events: list[Event] = field(default_factory=list)


def connect(path: Path, *, read_only: bool = False) -> Any:
    """A connection with the pragmas every one of ours must have, read back because a wrong one is silent."""
    connection = sqlite.connect(str(path), isolation_level=None, cached_statements=CACHED_STATEMENTS)
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA cache_size = -{READER_CACHE_KIB if read_only else CACHE_KIB}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {0 if read_only else WAL_PAGES}")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
        if connection.execute("PRAGMA foreign_keys").fetchone() != (1,):
            raise DatabaseUnusable("SQLite was built without foreign keys")
    except sqlite.DatabaseError as fault:
        connection.close()
        raise as_refusal(fault) from fault
    return connection


def check_version() -> None:
    if sqlite.sqlite_version_info < OLDEST_SQLITE:
        needed = ".".join(map(str, OLDEST_SQLITE))
        raise DatabaseUnusable(f"SQLite {sqlite.sqlite_version} is too old: pysqlite3 with {needed} or later is needed")


def as_refusal(fault: Exception) -> Refusal:
    """SQLite's and the disk's errors in the words of the refusals: full, busy, damaged or broken."""
    name = getattr(fault, "sqlite_errorname", "") or ""
    if name.startswith("SQLITE_FULL") or getattr(fault, "errno", 0) in {errno.ENOSPC, errno.EDQUOT}:
        return InsufficientStorage()
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return InUse()
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return DatabaseUnusable("The database is damaged: run 'mailserver db check'")
    return Unavailable()


class Database:
    """The writer, the readers and whoever wants to hear of changes."""

    def __init__(self, path: Path, clock: Clock, disk: "Disk", readers: int) -> None:
        self._path = path
        self._disk = disk
        self._clock = clock
        self._writer = aiosqlite.Connection(lambda: connect(path), iter_chunk_size=64)
        self._readers = [
            aiosqlite.Connection(lambda: connect(path, read_only=True), iter_chunk_size=64) for _ in range(readers)
        ]
        self._free: asyncio.LifoQueue[aiosqlite.Connection] = asyncio.LifoQueue()
        self._lock = threading.Lock()
        self._waiting: deque[_Write[Any]] = deque()
        self._working = False  # the writer's thread will look at what waits
        self._listeners: list[Callable[[Event], None]] = []
        self._version = 0

    async def open(self) -> None:
        await self._writer
        for reader in self._readers:
            await reader
            self._free.put_nowait(reader)
        self._version = await self._on_writer(_data_version)

    async def close(self) -> None:
        """Finish what was asked for, then close: aiosqlite's threads would otherwise keep the process alive."""
        await self._on_writer(lambda _: None)
        for reader in self._readers:
            await reader.close()
        await self._writer.close()

    def subscribe(self, hear: Callable[[Event], None]) -> Callable[[], None]:
        self._listeners.append(hear)
        return lambda: self._listeners.remove(hear)

    async def read(self, fn: Callable[Concatenate[Rx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run on a reader inside one read transaction: all of fn's queries see the same commit."""
        connection = await self._free.get()

        def whole() -> T:
            raw = connection._conn
            raw.execute("BEGIN")
            try:
                return fn(Rx(raw), *args, **kwargs)
            finally:
                raw.execute("COMMIT")

        try:
            done = _asked(connection, whole)
        except ValueError:
            self._free.put_nowait(connection)
            raise
        done.add_done_callback(lambda _: self._free.put_nowait(connection))
        try:
            return await asyncio.shield(done)  # a caller that is cancelled leaves the reader busy, not free
        except sqlite.DatabaseError as fault:
            raise as_refusal(fault) from fault

    async def write(self, fn: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run in a transaction and return when it is durable; a Refusal raised inside undoes it alone.

        Cancelling the caller does not undo the write.
        """
        done = asyncio.get_running_loop().create_future()
        self.submit(lambda tx: fn(tx, *args, **kwargs), done)
        return cast(T, await done)

    def submit(self, fn: Callable[[Tx], Any], done: "asyncio.Future[Any]") -> None:
        """`write` for any thread: `done` gets the result on its loop."""
        with self._lock:
            self._waiting.append(_Write(fn, done))
            if self._working:
                return
            self._working = True
        self._writer._tx.put_nowait((None, self._work))

    async def heard_foreign_commit(self) -> bool:
        """Whether another process wrote since this was last asked."""
        return await self._on_writer(self._heard)

    def publish(self, event: Event) -> None:
        for hear in tuple(self._listeners):
            try:
                hear(event)
            except Exception:  # a listener's fault must not undo or hide a commit that is done
                _log.exception("listener failed", event_type=type(event).__name__)

    async def exclusively(self, fn: Callable[[Any], T]) -> T:
        """Run on the writer's raw connection between groups: migrations, checks, backup."""
        return await self._on_writer(fn)

    async def _on_writer(self, fn: Callable[[Any], T]) -> T:
        return await _call(self._writer, lambda: fn(self._writer._conn))

    def _answer(self, group: list[_Write[Any]]) -> None:
        for write in group:
            for event in write.events:
                self.publish(event)
            if write.done.done():  # the caller was cancelled
                continue
            if write.error is None:
                write.done.set_result(write.result)
            else:
                write.done.set_exception(write.error)

    # ---- on the writer's thread ----

    def _work(self) -> None:
        """Commit group after group until nobody waits; one wake-up of the loop answers a whole group."""
        while group := self._next_group():
            try:
                self._commit(group)
            except Exception as fault:
                _log.exception("commit group failed")
                for write in group:
                    write.error = write.error or fault
            group[0].done.get_loop().call_soon_threadsafe(self._answer, group)

    def _next_group(self) -> list[_Write[Any]]:
        with self._lock:
            group = [self._waiting.popleft() for _ in range(min(GROUP_LIMIT, len(self._waiting)))]
            self._working = bool(group)
        return group

    def _heard(self, connection: Any) -> bool:
        version = _data_version(connection)
        changed, self._version = version != self._version, version
        return changed

    def _commit(self, group: list[_Write[Any]]) -> None:
        connection = self._writer._conn
        moment, foreign = Moment.of(self._clock.now()), False
        synced = self._disk.staging.begin_sync()  # the folder of the files that the group's rows name
        try:
            connection.execute("BEGIN IMMEDIATE")
            foreign = self._heard(connection)
            for write in group:
                self._run(connection, write, moment)
            if synced is not None:
                synced.result()
            connection.execute("COMMIT")
        except (sqlite.DatabaseError, OSError) as fault:
            _log.error("commit failed", error=str(fault))
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            for write in group:
                write.error = write.error or as_refusal(fault)
            if synced is not None:
                wait([synced])  # else the next group would not know that its files may need one more
        for write in group:
            if write.error is None and write.tx is not None:
                write.events = write.tx.events
                self._finish(write.tx)
        if foreign:  # first: what the group did comes after it
            group[0].events = [ForeignCommit(), *group[0].events]

    def _run(self, connection: Any, write: _Write[Any], moment: Moment) -> None:
        connection.execute("SAVEPOINT write")
        write.tx = Tx(connection, moment, self._disk)
        try:
            write.result = write.fn(write.tx)
        except Exception as fault:  # whatever it is goes to this caller alone; the group goes on
            write.error = as_refusal(fault) if isinstance(fault, sqlite.OperationalError | OSError) else fault
            if not connection.in_transaction:  # SQLite gave up the whole transaction (disk full, I/O error)
                raise
            connection.execute("ROLLBACK TO write")
        connection.execute("RELEASE write")

    def _finish(self, tx: Tx) -> None:
        for key, targets in tx.deliveries.items():
            _carefully(partial(self._disk.maildir.finish_delivery, key, targets))
        for work in tx.after:
            _carefully(work)


def _carefully(work: Callable[[], None]) -> None:
    try:
        work()
    except OSError as fault:  # committed all the same; the next start, or fsck, does it
        _log.error("disk work after commit failed", error=str(fault))


async def _call(connection: aiosqlite.Connection, fn: Callable[[], T]) -> T:
    """One call on the connection's own thread, however many statements it has."""
    return await _asked(connection, fn)


def _asked(connection: aiosqlite.Connection, fn: Callable[[], T]) -> "asyncio.Future[T]":
    """What aiosqlite's own method does, as a future: a task for each read costs as much as the read."""
    if not connection._running or connection._connection is None:
        raise ValueError("the database is closed")
    done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    connection._tx.put_nowait((done, fn))
    return done


def _data_version(connection: Any) -> int:
    return cast(int, connection.execute("PRAGMA data_version").fetchone()[0])
