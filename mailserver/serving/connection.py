"""One client's octets: what it sent and we have not taken, what we wrote and it has not read.

A peer that does not read stops us at the transport's high-water mark and is dropped after STALL_SECONDS
without progress; a peer that sends faster than commands run is not read from until they have. Works on uvloop
and on asyncio: nothing here is more than transport and protocol.
"""

import asyncio
import ipaddress
import ssl
from collections.abc import Callable
from typing import cast

from mailserver.serving.deflate import Deflate
from mailserver.tls.channel_bindings import channel_bindings

READ_HIGH_WATER = 262_144  # octets received and not yet taken; then the socket is left alone
WRITE_HIGH_WATER = 262_144  # octets the peer has not read; then `drain` waits
FLUSH_OCTETS = 65_536  # so much is collected before it is handed to the transport
STALL_SECONDS = 300.0  # a peer that reads nothing for so long is dropped
CLOSE_SECONDS = 10.0  # for the last octets to go out; a peer that never reads keeps a TLS transport otherwise
HANDSHAKE_SECONDS = 30.0


class ConnectionLost(Exception):  # noqa: N818 - an event, not a mistake
    """The peer is gone; there is nobody left to answer."""


class Connection(asyncio.Protocol):
    """The transport's side calls the asyncio.Protocol methods; one session calls the others."""

    def __init__(self, stall_seconds: float = STALL_SECONDS) -> None:
        self.peer = ""  # address, without port
        self._transport: asyncio.Transport | None = None
        self._stall_seconds = stall_seconds
        self._inbox: list[bytes] = []
        self._inbox_octets = 0
        self._outbox: list[bytes] = []
        self._outbox_octets = 0
        self._ended = False  # no more will come
        self._lost = False
        self._woken = False
        self._reader: asyncio.Future[None] | None = None
        self._paused = False
        self._drainers: list[asyncio.Future[None]] = []
        self._layer: Deflate | None = None  # COMPRESS
        self._on_lost: Callable[[], None] = lambda: None

    # ---- asyncio.Protocol ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's are not instances of it
        self._transport = transport
        transport.set_write_buffer_limits(high=WRITE_HIGH_WATER)
        self.peer = str((transport.get_extra_info("peername") or ("",))[0])

    def data_received(self, data: bytes) -> None:
        self._inbox.append(data)
        self._inbox_octets += len(data)
        if self._inbox_octets > READ_HIGH_WATER:
            self.transport.pause_reading()
        self._wake_reader()

    def eof_received(self) -> bool:
        self._ended = True
        self._wake_reader()
        return not self.secure  # keep our half open so that answers still go out; TLS has no halves

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = self._lost = True
        self._wake_reader()
        self._wake_drainers()
        self._on_lost()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._wake_drainers()

    # ---- for the session ----

    @property
    def transport(self) -> asyncio.Transport:
        if self._transport is None:
            raise ConnectionLost
        return self._transport

    @property
    def secure(self) -> bool:
        return self._transport is not None and self._transport.get_extra_info("ssl_object") is not None

    @property
    def bindings(self) -> dict[str, bytes]:
        """TLS channel bindings by name; none in clear."""
        return channel_bindings(self.transport.get_extra_info("ssl_object"))

    @property
    def compressed(self) -> bool:
        return self._layer is not None

    @property
    def held(self) -> int:
        """Octets received and not yet taken; what of them is deflated counts as it is."""
        return self._inbox_octets + (self._layer.held if self._layer is not None else 0)

    @property
    def is_loopback(self) -> bool:
        """The peer is on this machine: logins without TLS may be allowed."""
        try:
            address = ipaddress.ip_address(self.peer.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return (mapped or address).is_loopback

    @property
    def behind(self) -> bool:
        """The peer has much to read yet: `drain` before writing more."""
        return self._paused or self._lost

    async def receive(self, seconds: float) -> bytes | None:
        """The next octets, b"" at their end, None when `wake` was called; what was written goes out first.

        Raises TimeoutError after `seconds` of silence, Garbled for what is no DEFLATE stream after `compress`.
        """
        await self.drain()
        while True:
            if self._layer is not None and (data := self._layer.inflate(READ_HIGH_WATER)):
                if len(data) == READ_HIGH_WATER:  # there is more, maybe a thousand times as much: others first
                    await asyncio.sleep(0)
                return data
            if not (self._inbox or self._woken or self._ended):
                await self._wait_for_input(seconds)
            if self._inbox and self._layer is None:
                return self._take()
            if self._inbox and self._layer is not None:
                self._layer.feed(self._take())  # and what it inflates to, if anything yet
                continue
            if self._woken:
                self._woken = False
                return None
            return b""

    def wake(self) -> None:
        """End the running `receive`, or the next one."""
        self._woken = True
        self._wake_reader()

    def write(self, data: bytes) -> None:
        """Collected; goes out with the next `receive`, `drain` or when it is much."""
        self._outbox.append(data)
        self._outbox_octets += len(data)
        if self._outbox_octets >= FLUSH_OCTETS:
            self.flush()

    def flush(self) -> None:
        if self._outbox and not self._lost:
            data = b"".join(self._outbox)
            self.transport.write(data if self._layer is None else self._layer.deflate(data))
        self._outbox.clear()
        self._outbox_octets = 0

    async def drain(self) -> None:
        """Flush, and wait while the peer is too far behind. Raises ConnectionLost."""
        self.flush()
        while self._paused and not self._lost:
            await self._wait_for_room()
        if self._lost:
            raise ConnectionLost

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Go on inside TLS. What came in clear and was not taken is thrown away. Raises ConnectionLost.

        Octets after STARTTLS that were taken for commands inside TLS are CVE-2011-0411.
        """
        loop = asyncio.get_running_loop()
        plain = self.transport
        plain.pause_reading()  # before the answer: the client's handshake must reach the TLS layer, not the inbox
        self._discard()
        self.flush()
        try:
            secured = await loop.start_tls(
                plain, self, context, server_side=True, ssl_handshake_timeout=HANDSHAKE_SECONDS
            )
        except OSError as fault:  # ssl.SSLError too: a scanner, an old client
            plain.abort()
            self.connection_lost(fault)  # the TLS layer tells it only of handshakes that succeeded
            raise ConnectionLost from fault
        if secured is None or self._lost:
            raise ConnectionLost
        self._transport = secured
        secured.set_write_buffer_limits(high=WRITE_HIGH_WATER)

    def compress(self, received: bytes) -> None:
        """Deflate both directions from here on; `received`: taken out already and not read, the stream's beginning."""
        self.flush()
        self._layer = Deflate()
        self._layer.feed(received)

    def when_lost(self, do: Callable[[], None]) -> None:
        """Called once when the line drops under the session; not when the session hangs up."""
        self._on_lost = do

    def close(self) -> None:
        """Send what is left, then hang up; at once if the peer does not read it."""
        if self._transport is None or self._lost:
            return
        self.flush()
        transport = self._transport
        transport.close()
        timer = asyncio.get_running_loop().call_later(CLOSE_SECONDS, transport.abort)
        self._on_lost = timer.cancel

    def abort(self) -> None:
        if self._transport is not None and not self._lost:
            self._transport.abort()

    # ---- inside ----

    async def _wait_for_input(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._reader = loop.create_future()
        timer = loop.call_later(seconds, _expire, self._reader)
        try:
            await self._reader
        finally:
            timer.cancel()
            self._reader = None

    async def _wait_for_room(self) -> None:
        loop = asyncio.get_running_loop()
        behind = self.transport.get_write_buffer_size()
        room = loop.create_future()
        self._drainers.append(room)
        timer = loop.call_later(self._stall_seconds, _expire, room)
        try:
            await room
        except TimeoutError:
            if self.transport.get_write_buffer_size() >= behind:
                self.abort()
                raise ConnectionLost from None
        finally:
            timer.cancel()
            self._drainers.remove(room)

    def _take(self) -> bytes:
        data = self._inbox[0] if len(self._inbox) == 1 else b"".join(self._inbox)
        if self._inbox_octets > READ_HIGH_WATER and not self._lost:
            self.transport.resume_reading()
        self._discard()
        return data

    def _discard(self) -> None:
        self._inbox.clear()
        self._inbox_octets = 0

    def _wake_reader(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _wake_drainers(self) -> None:
        for room in self._drainers:
            if not room.done():
                room.set_result(None)


def _expire(waiting: "asyncio.Future[None]") -> None:
    if not waiting.done():
        waiting.set_exception(TimeoutError())
