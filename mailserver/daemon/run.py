"""The server as one object: built from a configuration, started, reloaded, stopped.

start    lock → web listener → certificate → store (recovers what a crash left) → services → listeners; ready when all
         accept
reload   limits (daemon/taken_up.py), certificate; listeners that could not open for want of one
stop     listeners close → running commands end → services → store → web listener → lock
"""

import asyncio
import os
import secrets
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace

import structlog

from mailserver.auth.authenticator import Authenticator
from mailserver.auth.live_sessions import LiveSessions
from mailserver.clock import Clock, SystemClock
from mailserver.config.load import listeners
from mailserver.config.tree import Config, TlsConfig, TlsMode
from mailserver.daemon import contacts, dav_face, feeds, reading_faces, scheduling_parts, smtp_face
from mailserver.daemon.chores import do_chores
from mailserver.daemon.condition import Condition
from mailserver.daemon.correspondence import Correspondence
from mailserver.daemon.counting import counting
from mailserver.daemon.house import Faces, House
from mailserver.daemon.lock import Lock
from mailserver.daemon.outbound import Ground, MakeCarrier, Outbound
from mailserver.daemon.signing import Signing
from mailserver.daemon.taken_up import taken_up
from mailserver.daemon.web import Web
from mailserver.dns.resolver import DnsResolver
from mailserver.errors import BadValue, Refusal
from mailserver.mailboxes.outbox import Outbox
from mailserver.mailboxes.service import Mailboxes
from mailserver.metrics import Metrics
from mailserver.search.text_index import TextIndex
from mailserver.store.store import Store
from mailserver.tls.contexts import TlsContexts

SECRET_OCTETS = 32
WEB = "http"  # its name among the listeners
WEB_SECONDS = 2.0  # for running requests at the end of a stop
AFTER_SESSIONS = 1 / 3  # of the time to stop is kept for what comes after the sessions: logs, disk, database

_log = structlog.get_logger("daemon")


Furnish = Callable[[Store, AsyncExitStack], Awaitable[None]]


class CannotListen(Refusal):
    exit = 71  # EX_OSERR


class Daemon:
    """`start`, then whatever, then `stop`; a start that fails leaves nothing behind."""

    def __init__(
        self,
        config: Config,
        clock: Clock | None = None,
        furnish: Furnish | None = None,
        carrier: MakeCarrier | None = None,
    ) -> None:
        """`furnish`: done when the store stands and before anybody connects; registers what it wants closed.

        `carrier`: what takes mail to other servers; without it, what is for them waits in the queue.
        """
        self.config = config
        self._furnish = furnish
        self._carrier = carrier
        self.ports: dict[str, int] = {}  # listener → the port it has
        self.metrics = Metrics()
        self._clock = clock or SystemClock()
        self._condition = Condition(self._clock)
        self._open = AsyncExitStack()  # what is to be closed, last opened first
        self._faces = Faces()
        self._web: Web | None = None
        self._reconfigure: list[Callable[[Config], None]] = []  # those that take up changed limits

    @property
    def store(self) -> Store:
        return self._store

    async def start(self) -> None:
        """Returns when all listeners accept. Raises Refusal with a text for whoever started it."""
        try:
            await self._build()
            await self._listen()
            if WEB in self.ports:
                self.ports[WEB] = self.ports.pop(WEB)  # opened first, listed last
            self._condition.serves()
        except BaseException:
            await self.stop()
            raise
        _log.info("ready", **self.ports)

    async def reconfigure(self, config: Config) -> None:
        """Take up what can change while serving; `config` then holds what is in force.

        Raises Refusal when everything else is done, where the certificate can not be used (the old one stays) or a
        listener that waited for it can not open.
        """
        config = taken_up(self.config, config)
        self.config = replace(config, tls=self.config.tls)
        for take_up in self._reconfigure:
            take_up(config)
        self._tls.reload(config.tls)
        self.config = config
        await self._listen()

    async def stop(self) -> None:
        """Stop accepting, let running commands end, write everything down. Harmless when called twice."""
        await self._condition.stops()
        seconds = self.config.server.shutdown_seconds * (1 - AFTER_SESSIONS)
        servers, self._faces = self._faces.stopping, Faces()
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
        self._reconfigure = []
        await self._watched()
        self._tls = _certificate(config.tls)
        self._store = store = await Store.open(
            config.server.data, clock, config=config.store, hostname=config.server.hostname, serving=True
        )
        self._open.push_async_callback(store.close)
        self._condition.stands(store)
        self._open.callback(store.subscribe(counting(self.metrics)))
        chores = asyncio.create_task(do_chores(store, lambda: self.config, clock), name="chores")
        self._open.push_async_callback(_end, chores)
        if self._furnish is not None:
            await self._furnish(store, self._open)
        texts = await TextIndex.open(store, clock)
        self._open.push_async_callback(texts.close)
        mailboxes = Mailboxes(store, clock, config.store, texts)
        self._open.push_async_callback(mailboxes.close)
        outbox = Outbox(store, clock, config.submission.outbox)
        await outbox.start()
        self._open.push_async_callback(outbox.stop)
        self._reconfigure.append(lambda new: outbox.reconfigure(new.submission.outbox))
        authenticator = await Authenticator.open(
            store, clock, config.auth, secrets.token_bytes(SECRET_OCTETS), metrics=self.metrics
        )
        self._open.push_async_callback(authenticator.close)
        live = LiveSessions(store)
        self._open.push_async_callback(live.close)
        self._reconfigure.append(lambda new: authenticator.reconfigure(new.auth))
        resolver = DnsResolver(config.dns, clock)
        self._open.push_async_callback(resolver.close)
        self._reconfigure.append(lambda new: resolver.reconfigure(new.dns))
        signing = Signing(store, clock, resolver, config)
        self._open.push_async_callback(signing.close)
        self._reconfigure.append(signing.reconfigure)
        letters = await Correspondence.open(store, clock, config, resolver, signing.signer)
        self._reconfigure.append(letters.reconfigure)
        house = House(
            config,
            clock,
            self.metrics,
            self._tls,
            store,
            authenticator,
            live,
            self._open,
            self._reconfigure,
            self._faces,
        )
        scheduling = scheduling_parts.build(house, signing.signer, letters)
        smtp_face.build(house, signing.signer, letters, scheduling)
        reading_faces.build(house, mailboxes)
        await dav_face.build(house, self._web.mounts if self._web else None, scheduling)
        await contacts.keep(house)
        feeds.refresh(house, resolver)
        ground = Ground(store, resolver, signing.signer, letters, self._open, self._reconfigure)
        await self._build_outbound(ground)

    async def _watched(self) -> None:
        """Open before the store stands, and until it is closed: who watches sees both."""
        config = self.config.web
        if not config.enabled:
            return
        self._web = web = Web(config, dav_face.MOUNTS, self._condition, self.metrics, self._clock)
        try:
            self.ports[WEB] = await web.start()
        except OSError as fault:
            raise _cannot_listen(config.port, WEB, "web.port", fault) from fault
        self._open.push_async_callback(web.stop, WEB_SECONDS)
        self._reconfigure.append(lambda new: web.reconfigure(new.web))

    async def _build_outbound(self, ground: Ground) -> None:
        """Last: what it starts to send needs nothing that is still to come."""
        if self._carrier is None:
            return
        self._faces.stopping.append(await Outbound.open(ground, self._clock, self.config, self._carrier))

    async def _listen(self) -> None:
        for name, listener in listeners(self.config).items():
            if not listener.enabled or name in self.ports:
                continue
            if listener.tls is TlsMode.IMPLICIT and self._tls() is None:
                _log.warning("listener stays closed: no certificate", listener=name)
                continue
            try:
                self.ports[name] = await self._faces.open[name](listener)
            except OSError as fault:
                raise _cannot_listen(listener.port, name, f"listeners.{name}.port", fault) from fault


def _cannot_listen(port: int, name: str, key: str, fault: OSError) -> CannotListen:
    reason = os.strerror(fault.errno).lower() if fault.errno else str(fault)
    return CannotListen(f"Port {port} ({name}): {reason}; stop the other program or set {key}")


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
