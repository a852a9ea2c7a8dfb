"""The rest of the world in a process of its own: the mail hosts of any number of domains, and their DNS.

    python -m tests.bench.outbound_peer HOSTS [tls]

Its first line says where it listens, as JSON; each line it is sent is answered with what came since the last one.
"""

import asyncio
import json
import ssl
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import cast

import uvloop

from tests.authority import Authority
from tests.zone import Zone

HOSTNAME = "mail.example.test"  # of the server that sends
END = b"\r\n.\r\n"


def domain(number: int) -> str:
    return f"peer{number}.example"


@dataclass(slots=True)
class Count:
    connections: int = 0
    messages: int = 0
    octets: int = 0


class Host(asyncio.Protocol):
    """Takes everything at once, PIPELINING included; keeps no more of a message than its last octets."""

    def __init__(self, count: Count, tls: ssl.SSLContext | None) -> None:
        self._count = count
        self._tls = tls
        self._is_secure = False
        self._pending = b""
        self._replies = b""
        self._is_leaving = False
        self._take: Callable[[bytes], None] = self._commands

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if not self._is_secure:
            self._count.connections += 1
            self._transport.write(b"220 mx.test ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._take(data)

    def _commands(self, data: bytes) -> None:
        *lines, self._pending = (self._pending + data).split(b"\r\n")
        self._replies = b""
        for line in lines:
            self._command(line[:4].upper())
        self._transport.write(self._replies)
        if self._is_leaving:
            self._transport.close()

    def _command(self, verb: bytes) -> None:
        if verb == b"EHLO":
            offer = b"250-STARTTLS\r\n" if self._tls is not None and not self._is_secure else b""
            self._replies += b"250-mx.test\r\n250-PIPELINING\r\n" + offer
            self._replies += b"250-SIZE 99999999\r\n250-8BITMIME\r\n250 DSN\r\n"
        elif verb == b"STAR":
            self._replies += b"220 2.0.0 go ahead\r\n"
            self._securing = asyncio.ensure_future(self._secure())
        elif verb == b"DATA":
            self._take = self._content
            self._replies += b"354 go ahead\r\n"
        elif verb == b"QUIT":
            self._replies += b"221 2.0.0 bye\r\n"
            self._is_leaving = True
        else:
            self._replies += b"250 2.0.0 ok\r\n"

    def _content(self, data: bytes) -> None:
        self._count.octets += len(data)
        self._pending = (self._pending + data)[-len(END) :] if len(data) < len(END) else data[-len(END) :]
        if self._pending == END:
            self._pending, self._take = b"", self._commands
            self._count.messages += 1
            self._transport.write(b"250 2.0.0 taken\r\n")

    async def _secure(self) -> None:
        assert self._tls is not None
        self._is_secure = True
        loop = asyncio.get_running_loop()
        secured = await loop.start_tls(self._transport, self, self._tls, server_side=True)
        assert secured is not None
        self._transport = cast(asyncio.Transport, secured)


async def main(hosts: int, with_tls: bool) -> None:
    loop, count = asyncio.get_running_loop(), Count()
    tls = Authority().issue("mx.test").server_context() if with_tls else None
    server = await loop.create_server(lambda: Host(count, tls), "0.0.0.0", 0)
    async with Zone({HOSTNAME: {"A": "127.0.0.1"}}) as zone:
        for number in range(hosts):
            zone.set(domain(number), "MX", f"10 mx.{domain(number)}.")
            zone.set(f"mx.{domain(number)}", "A", f"127.0.1.{number + 1}")
        told = {"smtp": server.sockets[0].getsockname()[1], "dns": zone.server}
        while True:
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()
            if not await loop.run_in_executor(None, sys.stdin.readline):
                break
            told = asdict(count) | {"questions": len(zone.asked)}
            zone.asked.clear()
            count.connections = count.messages = count.octets = 0
    server.close()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2:] == ["tls"]))
