"""One question to one resolver: UDP, and TCP when the answer does not fit."""

import asyncio

import dns.message

from mailserver.dns.messages import MAX_OCTETS, UDP_PAYLOAD, Unusable, is_truncated, parse
from mailserver.dns.servers import Server

MAX_STRAYS = 16  # datagrams that are not our answer before we stop listening


class _Datagrams(asyncio.DatagramProtocol):
    """What one socket receives. It is connected: only the server's datagrams arrive, and its refusal."""

    def __init__(self) -> None:
        self.received: asyncio.Queue[bytes | OSError] = asyncio.Queue(MAX_STRAYS)
        self.stray = ""  # why the last one was no answer

    def datagram_received(self, data: bytes, addr: object) -> None:
        if not self.received.full():
            self.received.put_nowait(data)

    def error_received(self, exc: OSError) -> None:  # type: ignore[override]  # asyncio sends no other
        if not self.received.full():
            self.received.put_nowait(exc)


async def ask(server: Server, query: dns.message.QueryMessage, seconds: float) -> tuple[dns.message.Message, int]:
    """The answer and its octets. Raises Unusable."""
    datagrams = _Datagrams()
    try:
        async with asyncio.timeout(seconds):
            message, octets = await _by_udp(server, query, datagrams)
            if is_truncated(message):
                return await _by_tcp(server, query)
            return message, octets
    except TimeoutError:
        only = f", only {datagrams.stray}" if datagrams.stray else ""
        raise Unusable(f"no answer within {seconds:.3g} s{only}") from None
    except OSError as fault:
        raise Unusable((fault.strerror or type(fault).__name__).lower()) from fault


async def _by_udp(
    server: Server, query: dns.message.QueryMessage, datagrams: _Datagrams
) -> tuple[dns.message.Message, int]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: datagrams, remote_addr=(server.address, server.port))
    try:
        transport.sendto(query.to_wire())
        for _ in range(MAX_STRAYS):
            wire = await datagrams.received.get()
            if isinstance(wire, OSError):
                raise wire
            try:
                return parse(wire, query), len(wire)
            except Unusable as stray:  # somebody guesses at our question, and the true answer may follow: RFC 5452 §4.5
                datagrams.stray = str(stray)
    finally:
        transport.close()
    raise Unusable(f"{MAX_STRAYS} datagrams and no answer, only {datagrams.stray}")


async def _by_tcp(server: Server, query: dns.message.QueryMessage) -> tuple[dns.message.Message, int]:
    """RFC 7766; one question on a connection."""
    reader, writer = await asyncio.open_connection(server.address, server.port, limit=UDP_PAYLOAD)
    try:
        wire = query.to_wire()
        writer.write(len(wire).to_bytes(2, "big") + wire)
        octets = int.from_bytes(await reader.readexactly(2), "big")
        if octets > MAX_OCTETS:
            raise Unusable(f"an answer of {octets} octets, more than {MAX_OCTETS}")
        return parse(await reader.readexactly(octets), query), octets
    except asyncio.IncompleteReadError as fault:
        raise Unusable("the connection ended within the answer") from fault
    finally:
        writer.transport.abort()
