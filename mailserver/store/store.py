"""The store: the database and the files below one data folder, behind transactions."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Concatenate, ParamSpec, TypeVar

import structlog

from mailserver.clock import Clock
from mailserver.config.tree import StoreConfig
from mailserver.errors import InsufficientStorage, Refusal
from mailserver.store import migrate as migrations
from mailserver.store import poke, recovery
from mailserver.store.database import Database, Rx, Tx, as_refusal, check_version, connect
from mailserver.store.disk import Disk
from mailserver.store.events import Event, ForeignCommit
from mailserver.store.maildir import Maildir
from mailserver.store.reserve import Reserve
from mailserver.store.staging import Incoming, Staged, Staging
from mailserver.store.upkeep import Upkeep

P = ParamSpec("P")
T = TypeVar("T")
X = TypeVar("X")

DATABASE = "mail.db"

_log = structlog.get_logger("store")


class Store:
    """`async with await Store.open(…) as store:`, or close it yourself."""

    def __init__(self, data: Path, clock: Clock, config: StoreConfig, hostname: str) -> None:
        self.data = data
        self.clock = clock
        self.config = config
        self.maildir = Maildir(data)
        self._staging = Staging(self.maildir.staging, clock, hostname)
        self._disk = Disk(self.maildir, self._staging)
        self._reserve = Reserve(data, config.min_free_bytes, clock)
        self._database = Database(data / DATABASE, clock, self._disk, config.readers)
        self._threads = ThreadPoolExecutor(config.file_threads, "store-files")
        self._upkeep: Upkeep | None = None
        self._poke: poke.Listener | None = None
        self._serving = False

    @classmethod
    async def open(
        cls,
        data: Path,
        clock: Clock,
        *,
        config: StoreConfig | None = None,
        hostname: str = "localhost",
        migrate: bool = True,
        serving: bool = False,
    ) -> "Store":
        """Open, and create what is missing.

        `migrate`: bring the schema up to date first. `serving`: this process holds the data folder's lock; it
        finishes what a crash left, hears of other processes' commits and does the upkeep. Raises
        DatabaseUnusable and leaves nothing open.
        """
        store = cls(data, clock, config or StoreConfig(), _name_part(hostname))
        try:
            await store._start(migrate, serving)
        except BaseException:
            await store._abandon()
            raise
        return store

    async def close(self) -> None:
        if self._poke is not None:
            self._poke.stop()
        if self._upkeep is not None:
            await self._upkeep.stop()
        try:
            await self.settle()
        except Refusal as fault:  # promised work stays written down: the next start does it again
            _log.warning("disk work not settled", error=str(fault))
        await self._database.close()
        self._disk.close()
        self._threads.shutdown(wait=True)
        self._staging.close()

    async def __aenter__(self) -> "Store":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # ---- transactions ----

    async def read(self, fn: Callable[Concatenate[Rx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """One consistent snapshot for all of fn's queries."""
        return await self._database.read(fn, *args, **kwargs)

    async def write(self, fn: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """One transaction, durable when this returns; what a Refusal raised inside undoes is this one alone."""
        try:
            result = await self._database.write(fn, *args, **kwargs)
        except InsufficientStorage:
            if not await self.in_thread(self._reserve.give_up):
                raise
            result = await self._database.write(fn, *args, **kwargs)
        self._tell_daemon()
        return result

    async def write_prepared(self, prepare: Callable[[], X], fn: Callable[[Tx, X], T]) -> T:
        """`prepare` in a thread for files, then `fn` with what it made in a transaction; durable when this returns.

        What `prepare` raises is raised here, an OSError as the Refusal it stands for. One wait for both: the
        thread hands over to the writer, the loop is woken once.
        """
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._threads.submit(self._prepare, prepare, fn, done)
        result = await done
        self._tell_daemon()
        return result

    def _prepare(self, prepare: Callable[[], X], fn: Callable[[Tx, X], T], done: "asyncio.Future[T]") -> None:
        try:
            ready = prepare()
        except Exception as fault:
            refusal = as_refusal(fault) if isinstance(fault, OSError) else fault
            done.get_loop().call_soon_threadsafe(_fail, done, refusal)
        else:
            self._database.submit(lambda tx: fn(tx, ready), done)

    def subscribe(self, hear: Callable[[Event], None]) -> Callable[[], None]:
        """Hear of every commit, on the loop, in commit order, before its writer does. Returns unsubscribe."""
        return self._database.subscribe(hear)

    async def exclusively(self, fn: Callable[..., T]) -> T:
        """Run on the writer's raw connection, outside any transaction: migrations and checks."""
        return await self._database.exclusively(fn)

    # ---- files ----

    async def in_thread(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """For file work and anything that may take more than a few milliseconds of CPU.

        A caller that is cancelled goes when the thread is done: it will close what the thread still holds, and a
        descriptor closed under a write is soon another file's.
        """
        running = asyncio.get_running_loop().run_in_executor(self._threads, partial(fn, *args, **kwargs))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait([running])
            running.exception()  # retrieved: nobody waits for it any more
            raise

    def incoming(self) -> Incoming:
        """`async with store.incoming() as incoming:` discards what was not staged."""
        return Incoming(self.maildir.staging, self._on_disk)

    async def stage(self, incoming: Incoming, header: bytes | None = None, skip: int = 0) -> Staged:
        """Make `header` + the incoming octets from `skip` on a durable file that a transaction may name.

        Raises InsufficientStorage and leaves nothing behind.
        """
        [staged] = await self._staged(lambda: [self.stage_here(incoming, header, skip)])
        return staged

    async def stage_all(self, incoming: Sequence[Incoming]) -> list[Staged]:
        """`stage` of several small ones, in one turn of a thread: all of them or none. Discards the octets."""
        try:
            return await self._staged(partial(self._stage_all_here, incoming))
        finally:
            for each in incoming:
                await each.discard()

    async def stage_bytes(self, message: bytes) -> Staged:
        [staged] = await self._staged(lambda: [self._staging.stage_bytes(message)])
        return staged

    def _stage_all_here(self, incoming: Sequence[Incoming]) -> list[Staged]:
        staged: list[Staged] = []
        try:
            for each in incoming:
                staged.append(self.stage_here(each))
        except BaseException:
            for done in staged:
                self._staging.unstage(done.key)
            raise
        return staged

    def stage_here(self, incoming: Incoming, header: bytes | None = None, skip: int = 0) -> Staged:
        """`stage` for who is in a thread already, as in write_prepared. Raises OSError too."""
        self.require_room()
        return self._staging.stage(incoming, header, skip)

    async def unstage(self, staged: Staged) -> None:
        """Remove a staged file that no transaction will name: its delivery was refused."""
        await self.in_thread(self._staging.unstage, staged.key)

    def new_key(self) -> str:
        return self._staging.new_key()

    async def recover(self) -> recovery.Recovered:
        """Finish what a crash left; only for the holder of the data folder's lock."""
        with self._staging.alone() as alone:
            return await self._database.write(recovery.recover, alone=alone)

    def require_room(self) -> None:
        """Raises InsufficientStorage where the disk can not take more mail."""
        if not self._reserve.has_room():
            raise InsufficientStorage

    async def settle(self) -> None:
        """Sync what disk jobs touched and forget them."""
        if self._disk.unsettled:
            await self.in_thread(self._disk.catch_up)
            await self._database.write(self._disk.settle)

    async def look_for_foreign_commits(self) -> None:
        if await self._database.heard_foreign_commit():
            self._database.publish(ForeignCommit())

    # ---- inside ----

    async def _start(self, migrate: bool, serving: bool) -> None:
        self.maildir.prepare()
        self._staging.open()
        await self.in_thread(self._prepare_schema, migrate)
        await self._database.open()
        if serving:
            await self._serve()

    def _prepare_schema(self, migrate: bool) -> None:
        """On a connection of its own: pysqlite3's statement cache never lets go of what filled it first."""
        check_version()
        with closing(connect(self.data / DATABASE)) as connection:
            if migrate:
                migrations.up(connection)
            else:
                migrations.require_current(connection)

    async def _serve(self) -> None:
        await self.recover()
        await self.in_thread(self._reserve.take)
        self._serving = True
        self._upkeep = Upkeep(self)
        self._poke = poke.Listener(self.data, self._upkeep.poked)
        self._poke.start()
        self._upkeep.start()

    async def _abandon(self) -> None:
        with contextlib.suppress(ValueError):  # connections that never opened
            await self._database.close()
        self._disk.close()
        self._threads.shutdown(wait=False)
        self._staging.close()

    async def _staged(self, stage: Callable[[], list[Staged]]) -> list[Staged]:
        made: list[Staged] = []
        try:
            self.require_room()
            await self.in_thread(lambda: made.extend(stage()))
            return made
        except asyncio.CancelledError:
            for staged in made:  # nobody will name it
                self._staging.unstage(staged.key)
            raise
        except OSError as fault:
            raise as_refusal(fault) from fault

    def _tell_daemon(self) -> None:
        if not self._serving:
            poke.send(self.data)

    async def _on_disk(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`in_thread`, a fault of the disk as the Refusal it stands for."""
        try:
            return await self.in_thread(fn, *args, **kwargs)
        except OSError as fault:
            raise as_refusal(fault) from fault

    def take_reserve(self) -> bool:
        return self._reserve.take()


def _fail(done: "asyncio.Future[T]", fault: Exception) -> None:
    if not done.done():
        done.set_exception(fault)


def _name_part(hostname: str) -> str:
    """A host name as part of a Maildir key."""
    return "".join(c if c.isascii() and (c.isalnum() or c in ".-") else "_" for c in hostname)[:100] or "localhost"
