"""A connection of uvicorn's that is bounded: what it may send, how slowly, and one request at a time.

Requests are framed strictly (framing.py) before httptools sees them, and a second one is not looked at before the
first is answered. Every CHECK_SECONDS the client has to have done its part: a header is complete after one such span,
a body or a response has moved by MIN_OCTETS; what the server itself works on is never cut off.
"""

from asyncio import TimerHandle, Transport
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mailserver.metrics import Metrics
from mailserver.web.framing import BadFraming, Framing

PROTOCOL = "http"  # as metrics name it
CHECK_SECONDS = 30.0
MIN_OCTETS = 16 * 1024  # that a body or a response moves by in CHECK_SECONDS
MAX_WAITING = 64 * 1024  # octets read and not taken by anybody; then no more are read
LINGER_SECONDS = 1.0  # from the answer to a request that can not be framed to the end of the connection
MAX_UNREAD = 1024 * 1024  # octets of a body that nobody wanted; with more to come the connection ends

Message = dict[str, Any]
Send = Callable[[Any], Awaitable[None]]

_log = structlog.get_logger("web")


class HttpConnection(HttpToolsProtocol):
    def __init__(
        self, *arguments: Any, metrics: Metrics, check_seconds: float, left: Callable[[], None], **named: Any
    ) -> None:
        """`left`: called once, when it is gone."""
        super().__init__(*arguments, **named)
        self._metrics = metrics
        self._check_seconds = check_seconds
        self._left = left
        self._framing = Framing()
        self._app = self.app
        self.app = self._serve  # the same, with what only the connection knows
        self._is_answering = False
        self._is_refused = False
        self._moved = 0  # octets, since the last look
        self._watch: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(transport)
        self._metrics.entered(PROTOCOL)
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._metrics.left(PROTOCOL)
        self._left()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        self._unset_keepalive_if_required()
        if self._framing.is_between and not self._is_answering:
            self._begin()
        self._framing.add(data)
        self._pump()

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._is_answering = True

    def on_response_complete(self) -> None:
        self._is_answering = False
        self._begin()
        super().on_response_complete()
        self.loop.call_soon(self._pump)

    def resume_writing(self) -> None:
        self._moved += MIN_OCTETS  # a buffer's worth has gone
        super().resume_writing()

    # ---- inside ----

    def _pump(self) -> None:
        """Hand on what may be parsed now; the rest waits, and the client with it."""
        if self.parser is None or self.transport.is_closing():
            return
        try:
            taken = self._framing.take(may_begin=not self._is_answering)
        except BadFraming as fault:
            self._refuse(fault)
            return
        if taken:
            if self._is_answering:
                self._moved += len(taken)
            super().data_received(taken)
        if self._framing.waiting > MAX_WAITING:
            self.flow.pause_reading()
        if self._is_unwanted():
            self.transport.close()

    def _is_unwanted(self) -> bool:
        """Answered already, and much of its body is still to come."""
        return not self._is_answering and not self._framing.in_head and self._framing.left > MAX_UNREAD

    def _refuse(self, fault: BadFraming) -> None:
        _log.info("request refused", status=fault.status, reason=fault.text, peer=self._peer())
        if self._is_answering:
            self.transport.close()
            return
        self.transport.write(_refusal(fault.status, f"{fault.text}\n".encode()))
        # closed at once with octets unread, the kernel would take the answer back from the client with a reset
        self._is_refused = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def send_400_response(self, msg: str) -> None:
        """What framing let pass and the parser does not."""
        self._refuse(BadFraming(400, "Not a request as RFC 9112 has it"))

    async def _serve(self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Send) -> None:
        """Answers end the connection where the rest of the request can not be taken for the next one, or is too much.

        A client that waits for 100 (RFC 9110 §10.1.1) and gets its answer instead may leave the body out.
        """
        expects, has_received = self.expect_100_continue, False

        async def heard() -> Any:
            nonlocal has_received
            has_received = True
            return await receive()

        async def told(message: Message) -> None:
            is_last = (expects and not has_received) or self._framing.left > MAX_UNREAD
            if is_last and message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        await self._app(scope, heard, told)

    def _begin(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._moved = 0
        self._watch = self.loop.call_later(self._check_seconds, self._look)

    def _look(self) -> None:
        """Is it the client that keeps us waiting?"""
        if self._is_slow():
            _log.info("connection closed: too slow", peer=self._peer())
            self.transport.abort()
        else:
            self._begin()

    def _is_slow(self) -> bool:
        if not self._framing.in_head:
            return self._moved < MIN_OCTETS and not self.flow.read_paused
        if not self._is_answering:
            return True
        return self.flow.write_paused and self._moved < MIN_OCTETS

    def _peer(self) -> str:
        return self.client[0] if self.client else ""


def _refusal(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d %b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n%b\r\n%b" % (
        status,
        HTTPStatus(status).phrase.encode(),
        len(body),
        b"Connection: close\r\nX-Content-Type-Options: nosniff\r\n",
        body,
    )
