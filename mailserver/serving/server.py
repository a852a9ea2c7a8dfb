"""The connections of one protocol: who may connect, with which TLS, and how everybody is sent home.

A protocol gives its sessions and what it says to who may not come in; what is left is the same for all.
"""

import asyncio
import socket
import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import ClassVar, Protocol

import structlog

from mailserver.auth.admission import Admission, Limits
from mailserver.clock import Clock
from mailserver.config.tree import ListenerConfig, TlsMode
from mailserver.listening import Listener, last_word
from mailserver.metrics import Metrics
from mailserver.serving.connection import HANDSHAKE_SECONDS, Connection, ConnectionLost

LOST_SECONDS = 0.5  # from a dropped line to the end of a session that still waits for a lock, the disk, a password


class Session(Protocol):
    async def serve(self) -> None:
        """Until the client leaves or has to. Raises ConnectionLost where nobody is left to be told anything."""

    def stop(self) -> None:
        """The server goes: say so and end when the running command is done."""


class Server(ABC):
    """`start` for each listener, then `stop`."""

    socket_options: ClassVar[tuple[tuple[int, int, int], ...]] = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)

    def __init__(
        self,
        protocol: str,
        limits: Limits,
        clock: Clock,
        tls: Callable[[], ssl.SSLContext | None],
        too_many: bytes,
        metrics: Metrics,
    ) -> None:
        """`too_many`: the line for a connection beyond a limit."""
        self._protocol = protocol
        self._admission = Admission(limits)
        self._clock = clock
        self._tls = tls
        self._too_many = too_many
        self._metrics = metrics
        self._log = structlog.get_logger(protocol)
        self._listeners: list[Listener] = []
        self._connections: dict[asyncio.Task[None], Session | None] = {}  # None: still in its handshake

    @abstractmethod
    def open_session(self, connection: Connection, *, offers_tls: bool) -> Session:
        """For a connection that stands; its `serve` is called next."""

    async def start(self, config: ListenerConfig) -> list[Listener]:
        """Listen on all addresses; port 0 takes one free port for all of them. Raises OSError."""
        listener = Listener.open(config, self._clock, partial(self._admit, config.tls))
        self._listeners.append(listener)
        return [listener]

    async def stop(self, seconds: float) -> None:
        """Stop accepting, let running commands end, say goodbye; whoever is not done after `seconds` is cut off."""
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            await listener.close()
        running = set(self._connections)
        for task, session in list(self._connections.items()):
            if session is None:
                task.cancel()
            else:
                session.stop()
        if running:
            _done, late = await asyncio.wait(running, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    def limit(self, limits: Limits) -> None:
        """Other ceilings for connections, from now on."""
        self._admission.limits = limits

    @property
    def connections(self) -> int:
        return len(self._connections)

    # ---- inside ----

    def _admit(self, mode: TlsMode, accepted: socket.socket, peer: str) -> None:
        limit = self._admission.refusal(peer, self._clock.monotonic())
        if limit is not None:
            self._log.warning("connection refused", peer=peer, reason=limit)
            if mode is not TlsMode.IMPLICIT:
                last_word(accepted, self._too_many)
            accepted.close()
            return
        self._admission.enter(peer)
        self._metrics.entered(self._protocol)
        task = asyncio.create_task(self._serve(accepted, mode), name=f"{self._protocol}-connection")
        self._connections[task] = None
        task.add_done_callback(lambda done: self._gone(done, peer))

    def _gone(self, task: "asyncio.Task[None]", peer: str) -> None:
        del self._connections[task]
        self._admission.leave(peer)
        self._metrics.left(self._protocol)
        if not task.cancelled() and (fault := task.exception()) is not None:
            self._log.error("connection ended by a fault", peer=peer, exc_info=fault)

    async def _serve(self, accepted: socket.socket, mode: TlsMode) -> None:
        connection = Connection()
        try:
            await self._connect(accepted, connection, mode)
        except OSError as fault:  # ssl.SSLError too; a failed handshake is everyday life
            accepted.close()
            self._log.debug("no handshake", error=str(fault))
            return
        session = self.open_session(connection, offers_tls=mode is TlsMode.STARTTLS and self._tls() is not None)
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
        for option in self.socket_options:
            accepted.setsockopt(*option)
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
