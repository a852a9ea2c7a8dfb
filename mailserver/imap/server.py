"""Listeners for IMAP: who may connect, with which TLS, and how everybody is sent home."""

import asyncio
import itertools
import socket
import ssl
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import structlog

from mailserver.auth.admission import Admission
from mailserver.auth.authenticator import Authenticator
from mailserver.auth.live_sessions import LiveSessions
from mailserver.clock import Clock
from mailserver.config.tree import ImapConfig, ListenerConfig, TlsMode
from mailserver.imap.commands.table import COMMANDS
from mailserver.imap.connection import HANDSHAKE_SECONDS, Connection, ConnectionLost
from mailserver.imap.session import Session, Surroundings
from mailserver.listening import Listener, last_word
from mailserver.mailboxes.service import Mailboxes
from mailserver.store.store import Store

LOST_SECONDS = 0.5  # from a dropped line to the end of a session that still waits for a lock, the disk, a password

_log = structlog.get_logger("imap")


class ImapServer:
    def __init__(
        self,
        config: ImapConfig,
        hostname: str,
        store: Store,
        mailboxes: Mailboxes,
        authenticator: Authenticator,
        live: LiveSessions,
        clock: Clock,
        tls: Callable[[], ssl.SSLContext | None],
    ) -> None:
        self._admission = Admission(config)
        self._clock = clock
        self._tls = tls
        self._around = Surroundings(
            config, hostname, store, mailboxes, authenticator, live, clock, tls, COMMANDS, itertools.count(1)
        )
        self._listeners: list[Listener] = []
        self._connections: dict[asyncio.Task[None], Session | None] = {}  # None: still in its handshake

    async def start(self, config: ListenerConfig) -> list[Listener]:
        """Listen on all addresses; port 0 takes one free port for all of them. Raises OSError."""
        listener = Listener.open(config, self._clock, partial(self._admit, config.tls))
        self._listeners.append(listener)
        return [listener]

    async def stop(self, seconds: float) -> None:
        """Stop accepting, let running commands end, say BYE; whoever is not done after `seconds` is cut off."""
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            await listener.close()
        running = set(self._connections)
        for task, session in list(self._connections.items()):
            if session is None:
                task.cancel()
            else:
                session.bye(b"Server is shutting down")
        if running:
            _done, late = await asyncio.wait(running, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    def reconfigure(self, config: ImapConfig) -> None:
        """Ceilings hold at once; sessions keep to what they began with."""
        self._admission.limits = config
        self._around = replace(self._around, config=config)

    @property
    def connections(self) -> int:
        return len(self._connections)

    # ---- inside ----

    def _admit(self, mode: TlsMode, accepted: socket.socket, peer: str) -> None:
        limit = self._admission.refusal(peer, self._clock.monotonic())
        if limit is not None:
            _log.warning("connection refused", peer=peer, reason=limit)
            if mode is not TlsMode.IMPLICIT:
                last_word(accepted, b"* BYE [UNAVAILABLE] Too many connections\r\n")
            accepted.close()
            return
        self._admission.enter(peer)
        task = asyncio.create_task(self._serve(accepted, mode), name="imap-connection")
        self._connections[task] = None
        task.add_done_callback(lambda done: self._gone(done, peer))

    def _gone(self, task: "asyncio.Task[None]", peer: str) -> None:
        del self._connections[task]
        self._admission.leave(peer)
        if not task.cancelled() and (fault := task.exception()) is not None:
            _log.error("connection ended by a fault", peer=peer, exc_info=fault)

    async def _serve(self, accepted: socket.socket, mode: TlsMode) -> None:
        connection = Connection()
        try:
            await self._connect(accepted, connection, mode)
        except OSError as fault:  # ssl.SSLError too; a failed handshake is everyday life
            accepted.close()
            _log.debug("no handshake", error=str(fault))
            return
        session = Session(connection, self._around, offers_tls=mode is TlsMode.STARTTLS and self._tls() is not None)
        task = asyncio.current_task()
        if task is not None:
            self._connections[task] = session
            connection.when_lost(lambda: _end_soon(task))
        try:
            await session.serve()
        except ConnectionLost:
            connection.abort()
        except asyncio.CancelledError:
            connection.abort()
            raise

    async def _connect(self, accepted: socket.socket, connection: Connection, mode: TlsMode) -> None:
        loop = asyncio.get_running_loop()
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        context = self._tls() if mode is TlsMode.IMPLICIT else None
        if mode is TlsMode.IMPLICIT and context is None:
            raise OSError("no certificate")
        await loop.connect_accepted_socket(
            lambda: connection,
            accepted,
            ssl=context,
            ssl_handshake_timeout=HANDSHAKE_SECONDS if context else None,
        )


def _end_soon(task: "asyncio.Task[None]") -> None:
    """Sessions notice by themselves when they next write or read; what waits for something else is cut short."""
    asyncio.get_running_loop().call_later(LOST_SECONDS, task.cancel)
