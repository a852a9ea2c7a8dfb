"""uvicorn as a guest in our loop: it takes no signals, opens no sockets and configures no log.

Connections are accepted as those of the mail ports are: ceilings first, then TLS with the certificate of the moment.
What a client may send, and how slowly, is bounded in connection.py. What it says of itself in X-Forwarded-For is not
believed.
"""

import asyncio
import contextlib
import math
import socket
import ssl
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import structlog
import uvicorn
from starlette.types import ASGIApp

from mailserver.auth.admission import Admission, Limits
from mailserver.clock import Clock
from mailserver.config.tree import ListenerConfig, TlsMode
from mailserver.listening import Listener, last_word
from mailserver.metrics import Metrics
from mailserver.web.connection import CHECK_SECONDS, HttpConnection

HANDSHAKE_SECONDS = 10.0
TOO_MANY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 10\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
KEEP_ALIVE_SECONDS = 30
HEADERS = [("X-Content-Type-Options", "nosniff")]

_log = structlog.get_logger("web")


class WebServer:
    """`start` for each listener, then `stop`."""

    def __init__(
        self,
        app: ASGIApp,
        limits: Limits,
        clock: Clock,
        metrics: Metrics,
        tls: Callable[[], ssl.SSLContext | None] = lambda: None,
        check_seconds: float = CHECK_SECONDS,
    ) -> None:
        self._clock = clock
        self._tls = tls
        self._metrics = metrics
        self._check_seconds = check_seconds
        self._admission = Admission(limits)
        self._guest = _Guest(_settings(app))
        self._serving: asyncio.Task[None] | None = None
        self._listeners: list[Listener] = []
        self._connecting: set[asyncio.Task[None]] = set()

    async def start(self, listener: ListenerConfig) -> list[Listener]:
        """Port 0 takes one free port for all addresses. Raises OSError."""
        opened = Listener.open(listener, self._clock, partial(self._admit, listener.tls))
        self._listeners.append(opened)
        if self._serving is None:
            self._serving = asyncio.create_task(self._guest.serve([]), name="web")
            await self._guest.up.wait()
        return [opened]

    async def stop(self, seconds: float) -> None:
        """Stop accepting, let running requests end; who is not done after `seconds` is cut off."""
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            await listener.close()
        for task in self._connecting:
            task.cancel()
        await asyncio.gather(*self._connecting, return_exceptions=True)
        serving, self._serving = self._serving, None
        if serving is None:
            return
        self._guest.config.timeout_graceful_shutdown = math.ceil(seconds)
        self._guest.should_exit = True
        await serving
        for connection in [*self._guest.server_state.connections]:
            connection.transport.abort()

    def reconfigure(self, limits: Limits) -> None:
        self._admission.limits = limits

    # ---- inside ----

    def _admit(self, mode: TlsMode, accepted: socket.socket, peer: str) -> None:
        limit = self._admission.refusal(peer, self._clock.monotonic())
        if limit is not None:
            _log.warning("connection refused", peer=peer, reason=limit)
            if mode is not TlsMode.IMPLICIT:
                last_word(accepted, TOO_MANY)
            accepted.close()
            return
        self._admission.enter(peer)
        task = asyncio.create_task(self._connect(mode, accepted, peer), name="http-connection")
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect(self, mode: TlsMode, accepted: socket.socket, peer: str) -> None:
        """The admission is given back by whoever has it last: the connection, or this, where none came to be."""
        connection: HttpConnection | None = None

        def make() -> HttpConnection:
            nonlocal connection
            connection = HttpConnection(
                self._guest.config,
                self._guest.server_state,
                {},
                metrics=self._metrics,
                check_seconds=self._check_seconds,
                left=partial(self._admission.leave, peer),
            )
            return connection

        context = self._tls() if mode is TlsMode.IMPLICIT else None
        try:
            if mode is TlsMode.IMPLICIT and context is None:
                raise OSError("no certificate")
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().connect_accepted_socket(
                make, accepted, ssl=context, ssl_handshake_timeout=HANDSHAKE_SECONDS if context else None
            )
        except OSError as fault:  # ssl.SSLError too; a failed handshake is everyday life
            _log.debug("no handshake", error=str(fault))
        finally:
            if connection is None or connection.transport is None:
                self._admission.leave(peer)
                accepted.close()


class _Guest(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """They are the daemon's."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        await self.on_tick(0)  # the Date of responses, before there are any
        self.up.set()


def _settings(app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=HttpConnection,  # never made by uvicorn itself
        ws="none",
        lifespan="off",
        loop="none",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        headers=HEADERS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
