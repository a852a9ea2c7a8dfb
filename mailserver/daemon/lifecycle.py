"""A daemon from start to stop as signals drive it: SIGTERM and SIGINT stop it, SIGHUP reloads.

A second SIGTERM or SIGINT, or a stop that takes longer than it may, ends the process on the spot: everything that
was acknowledged is durable at any moment, so that this loses nothing but manners.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable

import structlog

from mailserver.config.load import ConfigErrors, Loaded
from mailserver.config.tree import Config
from mailserver.daemon import process
from mailserver.daemon.notify import Notifier
from mailserver.daemon.run import Daemon
from mailserver.daemon.taken_up import waiting
from mailserver.errors import Refusal
from mailserver.log import Log

EXIT_CUT_SHORT = 75  # EX_TEMPFAIL

_log = structlog.get_logger("daemon")


class Lifecycle:
    def __init__(self, daemon: Daemon, log: Log, notifier: Notifier, read: Callable[[], Loaded]) -> None:
        """`read` gives the configuration as it is now; it may raise ConfigErrors."""
        self._daemon = daemon
        self._log = log
        self._notifier = notifier
        self._read = read
        self._ended = asyncio.Event()
        self._serving = False
        self._reload_wanted = False
        self._reloading: asyncio.Task[None] | None = None

    async def run(self, started: Callable[[], None] | None = None) -> None:
        """Start, serve until a signal, stop. `started` is called when everything accepts. Raises Refusal."""
        self._log.on_error = self._daemon.metrics.count_error
        async with _signals(self._end, self._reload):
            await self._daemon.start()
            lag = asyncio.create_task(process.watch_lag(), name="lag")
            self._serving = True
            process.settle_memory()
            try:
                self._notifier.ready(self._status())
                if started is not None:
                    started()
                await self._ended.wait()
            finally:
                lag.cancel()
                await self._stop()

    async def _stop(self) -> None:
        self._serving = False
        if self._reloading is not None:
            self._reloading.cancel()
            await asyncio.gather(self._reloading, return_exceptions=True)
        await self._notifier.stopping()
        _log.info("stopping")
        try:
            await asyncio.wait_for(self._daemon.stop(), self._daemon.config.server.shutdown_seconds)
        except TimeoutError:
            _log.error("not stopped in time; ending here, nothing acknowledged is lost")
            os._exit(EXIT_CUT_SHORT)  # threads that hang would keep the process for ever
        _log.info("stopped")

    def _end(self) -> None:
        if self._ended.is_set():
            _log.warning("stopped by force")
            os._exit(EXIT_CUT_SHORT)
        self._ended.set()

    def _reload(self) -> None:
        """While it starts everything is read anyway; a signal during a reload means one more."""
        self._reload_wanted = self._serving
        if self._serving and (self._reloading is None or self._reloading.done()):
            self._reloading = asyncio.create_task(self._reload_while_wanted(), name="reload")

    async def _reload_while_wanted(self) -> None:
        while self._reload_wanted:
            self._reload_wanted = False
            await self._reload_all()

    async def _reload_all(self) -> None:
        """Each part by itself: a fault in one leaves it as it was and does not hold up the others."""
        self._notifier.reloading()
        self._reopen_log()
        new = self._read_again()
        self._log.set_level(new.log.level)
        keys = waiting(self._daemon.config, new)
        if keys:
            _log.warning("changes that wait for a restart", keys=keys)
        try:
            await self._daemon.reconfigure(new)
        except Refusal as fault:
            _log.error("reload failed; the old one stays", error=fault.text)
        except Exception:  # systemd waits for the end of the reload, whatever becomes of it
            _log.exception("reload failed")
        _log.info("reloaded")
        self._notifier.ready(self._status())

    def _read_again(self) -> Config:
        """Where it has faults, what holds already: a certificate is read again all the same."""
        try:
            return self._read().config
        except ConfigErrors as wrong:
            _log.error("configuration not reloaded", faults=wrong.faults)
            return self._daemon.config

    def _reopen_log(self) -> None:
        try:
            self._log.reopen()
        except OSError as fault:
            _log.error("log not reopened; the old file stays", error=str(fault))

    def _status(self) -> str:
        return "Serving " + ", ".join(f"{name} on {port}" for name, port in self._daemon.ports.items())


@contextlib.asynccontextmanager
async def _signals(end: Callable[[], None], reload: Callable[[], None]) -> AsyncIterator[None]:
    """From the first moment on, so that a signal during the start is not the default's sudden death."""
    loop = asyncio.get_running_loop()
    handlers = {signal.SIGTERM: end, signal.SIGINT: end, signal.SIGHUP: reload}
    for number, handle in handlers.items():
        loop.add_signal_handler(number, handle)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)
