"""The server as one object: built from a configuration, started, reloaded, stopped.

start    lock → certificate → store (recovers what a crash left) → services → listeners; ready when all accept
reload   certificate; listeners that could not open for want of one
stop     listeners close → running commands end → services → store → lock
"""

import asyncio
import os
import secrets
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Protocol

import structlog

from mailserver.auth.authenticator import Authenticator
from mailserver.auth.live_sessions import LiveSessions
from mailserver.clock import Clock, SystemClock
from mailserver.config.load import listeners
from mailserver.config.tree import Config, ListenerConfig, TlsConfig, TlsMode
from mailserver.daemon.chores import do_chores
from mailserver.daemon.lock import Lock
from mailserver.delivery.deliver import LocalDelivery
from mailserver.delivery.submission import Submission
from mailserver.errors import BadValue, Refusal
from mailserver.imap.server import ImapServer
from mailserver.mailboxes.service import Mailboxes
from mailserver.smtp.faces import SmtpRole
from mailserver.smtp.server import SmtpServer
from mailserver.store.store import Store
from mailserver.tls.contexts import TlsContexts

SECRET_OCTETS = 32
AFTER_SESSIONS = 1 / 3  # of the time to stop is kept for what comes after the sessions: logs, disk, database

_log = structlog.get_logger("daemon")


Furnish = Callable[[Store, AsyncExitStack], Awaitable[None]]


class Server(Protocol):
    """What the servers of all protocols have in common."""

    async def stop(self, seconds: float) -> None: ...


class CannotListen(Refusal):
    exit = 71  # EX_OSERR


class Daemon:
    """`start`, then whatever, then `stop`; a start that fails leaves nothing behind."""

    def __init__(self, config: Config, clock: Clock | None = None, furnish: Furnish | None = None) -> None:
        """`furnish`: done when the store stands and before anybody connects; registers what it wants closed."""
        self.config = config
        self._furnish = furnish
        self.ports: dict[str, int] = {}  # listener → the port it has
        self._clock = clock or SystemClock()
        self._open = AsyncExitStack()  # what is to be closed, last opened first
        self._servers: dict[str, Callable[[ListenerConfig], Awaitable[int]]] = {}
        self._stopping: list[Server] = []

    @property
    def store(self) -> Store:
        return self._store

    async def start(self) -> None:
        """Returns when all listeners accept. Raises Refusal with a text for whoever started it."""
        try:
            await self._build()
            await self._listen()
        except BaseException:
            await self.stop()
            raise
        _log.info("ready", **self.ports)

    def reload_certificate(self, config: TlsConfig) -> None:
        """New connections get the new one. Raises BadValue and keeps the old."""
        self._tls.reload(config)

    async def open_missing(self) -> None:
        """Listeners that waited for a certificate."""
        await self._listen()

    async def stop(self) -> None:
        """Stop accepting, let running commands end, write everything down. Harmless when called twice."""
        seconds = self.config.server.shutdown_seconds * (1 - AFTER_SESSIONS)
        servers, self._stopping = self._stopping, []
        for outcome in await asyncio.gather(*(each.stop(seconds) for each in servers), return_exceptions=True):
            if isinstance(outcome, Exception):
                _log.error("server did not stop cleanly", exc_info=outcome)
        await self._open.aclose()
        self.ports = {}

    # ---- inside ----

    async def _build(self) -> None:
        config, clock = self.config, self._clock
        lock = Lock(config.server.data)
        lock.take()
        self._open.callback(lock.release)
        self._tls = _certificate(config.tls)
        self._store = store = await Store.open(
            config.server.data, clock, config=config.store, hostname=config.server.hostname, serving=True
        )
        self._open.push_async_callback(store.close)
        chores = asyncio.create_task(do_chores(store, config, clock), name="chores")
        self._open.push_async_callback(_end, chores)
        if self._furnish is not None:
            await self._furnish(store, self._open)
        mailboxes = Mailboxes(store, clock, config.store)
        self._open.push_async_callback(mailboxes.close)
        authenticator = await Authenticator.open(store, clock, config.auth, secrets.token_bytes(SECRET_OCTETS))
        self._open.push_async_callback(authenticator.close)
        live = LiveSessions(store)
        self._open.push_async_callback(live.close)
        self._build_servers(store, mailboxes, authenticator, live)

    def _build_servers(
        self, store: Store, mailboxes: Mailboxes, authenticator: Authenticator, live: LiveSessions
    ) -> None:
        config, clock, tls = self.config, self._clock, self._tls
        hostname = config.server.hostname
        inbound = LocalDelivery(store, clock, hostname, config.smtp, config.delivery, config.queue)
        submission = Submission(store, clock, hostname, config.smtp, config.delivery, config.queue)
        mx = SmtpServer(SmtpRole.MX, config.smtp, hostname, store, inbound, authenticator, live, clock, tls)
        msa = SmtpServer(SmtpRole.SUBMISSION, config.smtp, hostname, store, submission, authenticator, live, clock, tls)
        imap = ImapServer(config.imap, hostname, store, mailboxes, authenticator, live, clock, tls)
        self._stopping = [mx, msa, imap]
        self._servers = {
            "smtp": lambda listener: _start(mx, listener),
            "submission": lambda listener: _start(msa, listener),
            "submissions": lambda listener: _start(msa, listener),
            "imap": lambda listener: _start(imap, listener),
            "imaps": lambda listener: _start(imap, listener),
        }

    async def _listen(self) -> None:
        for name, listener in listeners(self.config).items():
            if not listener.enabled or name in self.ports:
                continue
            if listener.tls is TlsMode.IMPLICIT and self._tls() is None:
                _log.warning("listener stays closed: no certificate", listener=name)
                continue
            try:
                self.ports[name] = await self._servers[name](listener)
            except OSError as fault:
                reason = os.strerror(fault.errno).lower() if fault.errno else str(fault)
                raise CannotListen(
                    f"Port {listener.port} ({name}): {reason}; stop the other program or set listeners.{name}.port"
                ) from fault


async def _start(server: SmtpServer | ImapServer, listener: ListenerConfig) -> int:
    [started] = await server.start(listener)
    return int(started.sockets[0].getsockname()[1])


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _certificate(config: TlsConfig) -> TlsContexts:
    """A broken certificate closes what needs one, not the server: mail from outside still comes in."""
    try:
        return TlsContexts(config)
    except BadValue as fault:
        _log.error("no TLS: the certificate can not be used", error=fault.text)
        return TlsContexts(TlsConfig(minimum_version=config.minimum_version))
