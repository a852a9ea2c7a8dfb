"""What every command needs: the configuration, the data folder, and the store for the time of one command."""

import os
import pwd
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from mailserver.cli.capability_names import checked
from mailserver.config.load import PREFIX, ConfigErrors, Loaded, load
from mailserver.errors import Refusal

if TYPE_CHECKING:
    from mailserver.store.store import Store

DEFAULT_CONFIG = Path("/etc/mailserver/mailserver.toml")
DEFAULT_HOSTNAME = "localhost"  # for commands that only need the data folder

T = TypeVar("T")


class NoDatabase(Refusal):
    exit = 66  # EX_NOINPUT


@dataclass(slots=True)
class Context:
    file: Path | None  # as given
    data_given: Path | None
    environ: Mapping[str, str]
    _loaded: Loaded | None = None  # read once, while root's rights are still there

    def config_file(self) -> Path | None:
        """The file given, else the usual one where it is."""
        return self.file or (DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None)

    def strict(self) -> Loaded:
        """The configuration as `serve` needs it. Raises ConfigErrors."""
        file = self.config_file()
        if file is None and f"{PREFIX}SERVER__HOSTNAME" not in self.environ:
            raise ConfigErrors([f"{DEFAULT_CONFIG}: no such file; write one, or name another with --config"])
        return checked(load(file, self._environ()))

    def loaded(self) -> Loaded:
        """The configuration; where data folder or host name are given, a missing file is no fault."""
        if self._loaded is None:
            self._loaded = self._load()
        return self._loaded

    def _load(self) -> Loaded:
        if self.config_file() is not None:
            return self.strict()
        enough = {f"{PREFIX}SERVER__DATA", f"{PREFIX}SERVER__HOSTNAME"}
        if self.data_given is None and enough.isdisjoint(self.environ):
            raise ConfigErrors([f"{DEFAULT_CONFIG}: no such file; give --config FILE or --data FOLDER"])
        return load(None, {f"{PREFIX}SERVER__HOSTNAME": DEFAULT_HOSTNAME, **self._environ()})

    def data(self) -> Path:
        return self.loaded().config.server.data

    def run(self, work: "Callable[[Store], Awaitable[T]]", *, migrate: bool = True) -> T:
        """Open the store, work on it, close it. The daemon may run meanwhile and hears of what was written."""
        import asyncio

        from mailserver.clock import SystemClock
        from mailserver.store.store import Store

        config = self.loaded().config
        become_owner(config.server.data)  # after the imports: root's own Python may be closed to others
        quiet()

        async def whole() -> T:
            store = await Store.open(
                config.server.data,
                SystemClock(),
                config=config.store,
                hostname=config.server.hostname,
                migrate=migrate,
            )
            try:
                return await work(store)
            finally:
                await store.close()

        return asyncio.run(whole())

    @contextmanager
    def connection(self, *, create: bool) -> Iterator[Any]:
        """The database's raw connection, for what looks at or changes its schema. Raises NoDatabase unless `create`."""
        from mailserver.store.database import check_version, connect
        from mailserver.store.store import DATABASE

        check_version()
        data = self.data()
        become_owner(data)
        quiet()
        if create:
            data.mkdir(mode=0o700, parents=True, exist_ok=True)
        elif not (data / DATABASE).exists():
            raise NoDatabase(f"There is no database in {data}; check --data, or run 'mailserver migrate up'")
        with closing(connect(data / DATABASE)) as connection:
            yield connection

    def _environ(self) -> dict[str, str]:
        if self.data_given is None:
            return dict(self.environ)
        return {**self.environ, f"{PREFIX}SERVER__DATA": str(self.data_given.absolute())}


def quiet() -> None:
    """A command's log is its output; only what goes wrong is logged besides."""
    from mailserver.log import Log

    Log(level="error")


def become_owner(data: Path) -> None:
    """Root gives up its rights to the owner of the data folder: files of root's would lock the server out."""
    os.umask(0o077)
    if os.geteuid() != 0:
        return
    try:
        found = os.stat(data)
    except FileNotFoundError:
        return
    if found.st_uid == 0:
        return
    import importlib.readers  # noqa: F401 - the migrations are read with it, and root's Python may be closed to others

    try:
        os.initgroups(pwd.getpwuid(found.st_uid).pw_name, found.st_gid)
    except KeyError:  # an owner without a name, as in containers
        os.setgroups([])
    os.setgid(found.st_gid)
    os.setuid(found.st_uid)
