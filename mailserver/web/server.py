"""uvicorn as a guest in our loop: it takes no signals, opens no sockets of its own and configures no log.

A stranger's request is bounded: its header by h11 (16 KiB, or what one read brings), what nobody reads of its body by
uvicorn (64 KiB, then it is not taken from the network), its time by REQUEST_SECONDS, the number of connections by
MAX_CONNECTIONS. What a client says of itself in X-Forwarded-For is not believed.
"""

import asyncio
import contextlib
import math
import socket
from asyncio import TimerHandle, Transport
from collections.abc import Iterator
from functools import partial
from typing import Any

import structlog
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from mailserver.config.tree import WebConfig
from mailserver.listening import bind
from mailserver.metrics import Metrics

PROTOCOL = "http"  # as metrics name it
MAX_CONNECTIONS = 100  # at once; the next is sent away
TOO_MANY = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
KEEP_ALIVE_SECONDS = 5
REQUEST_SECONDS = 30.0  # from the connection or the last response to the end of the next one
HEADERS = [("X-Content-Type-Options", "nosniff")]

_log = structlog.get_logger("web")


class WebServer:
    """`start`, then `stop`."""

    def __init__(
        self, config: WebConfig, app: ASGIApp, metrics: Metrics, request_seconds: float = REQUEST_SECONDS
    ) -> None:
        self._config = config
        self._server = _Guest(_settings(app, metrics, request_seconds))
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> int:
        """The port it accepts on. Raises OSError."""
        sockets = [*bind(self._config.addresses, self._config.port)]
        port = int(sockets[0].getsockname()[1])
        self._serving = asyncio.create_task(self._server.serve(sockets), name="web")
        up = asyncio.create_task(self._server.up.wait(), name="web-up")
        await asyncio.wait({self._serving, up}, return_when=asyncio.FIRST_COMPLETED)
        if not up.done():
            up.cancel()
            await self._serving  # raises what kept it from starting
        return port

    async def stop(self, seconds: float) -> None:
        """Stop accepting, let running requests end; who is not done after `seconds` is cut off."""
        serving, self._serving = self._serving, None
        if serving is None:
            return
        self._server.config.timeout_graceful_shutdown = math.ceil(seconds)
        self._server.should_exit = True
        await serving
        for connection in [*self._server.server_state.connections]:
            connection.transport.abort()


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
        self.up.set()


class _Bounded(H11Protocol):
    """A connection that is counted, and whose client has to come to the point."""

    def __init__(self, *arguments: Any, metrics: Metrics, request_seconds: float, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._metrics = metrics
        self._request_seconds = request_seconds
        self._deadline: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(transport)
        self._metrics.entered(PROTOCOL)
        self._begin()
        if len(self.connections) > MAX_CONNECTIONS:
            transport.write(TOO_MANY)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        self._metrics.left(PROTOCOL)
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        self._begin()
        super().on_response_complete()

    def _begin(self) -> None:
        self._end()
        self._deadline = self.loop.call_later(self._request_seconds, self._too_slow)

    def _end(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        _log.info("connection closed: too slow", peer=self.client[0] if self.client else "")
        self.transport.abort()


def _settings(app: ASGIApp, metrics: Metrics, request_seconds: float) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=partial(_Bounded, metrics=metrics, request_seconds=request_seconds),  # type: ignore[arg-type] # called only
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
