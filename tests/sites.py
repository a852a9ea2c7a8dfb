"""A scripted HTTPS server of our own on loopback, for tests: what it answers at a path stands in `at`.

    async with Site(certificate.server_context()) as site:        # 127.0.0.2, any free port
        site.at["/.well-known/mta-sts.txt"] = answer(200, b"version: STSv1 …")
        ...
        assert [request.path for request in site.requests] == ["/.well-known/mta-sts.txt"]

A step is octets, sent as they are before the connection ends; a list of them, one for each request, the last one
stays; HANG for no answer until the client goes; Drip for octets that come one by one for ever.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Self

MAX_BODY = 10_000_000


class Ending(Enum):
    HANG = "hang"


HANG = Ending.HANG


@dataclass(frozen=True, slots=True)
class Drip:
    """`first`, then `piece` again and again."""

    first: bytes
    piece: bytes
    seconds: float = 0.0


Step = bytes | Ending | Drip


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    server_name: str | None  # SNI


def answer(status: int, body: bytes = b"", content_type: str = "text/plain", **headers: str) -> bytes:
    """A whole HTTP/1.1 answer; header names with _ for -."""
    lines = [f"HTTP/1.1 {status} Some words", f"Content-Length: {len(body)}", f"Content-Type: {content_type}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


class Site:
    def __init__(self, tls: ssl.SSLContext | None, address: str = "127.0.0.2", port: int = 0) -> None:
        self.address = address
        self.port = port
        self.at: dict[str, Step | list[Step]] = {}
        self.requests: list[Request] = []
        self.connections = 0  # also those that never became a request
        self._tls = tls
        self._name: str | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        if tls is not None:
            tls.sni_callback = self._named  # type: ignore[assignment]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, self.address, self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def _named(self, _: ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> None:
        self._name = name

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
                await self._answer(await self._request(reader), reader, writer)
        finally:
            writer.transport.abort()

    async def _request(self, reader: asyncio.StreamReader) -> Request:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(min(int(headers.get("content-length", 0)), MAX_BODY))
        request = Request(method, path, headers, body, self._name)
        self.requests.append(request)
        return request

    async def _answer(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        step = self.at.get(request.path, answer(404))
        if isinstance(step, list):
            step = step.pop(0) if len(step) > 1 else step[0]
        match step:
            case bytes():
                writer.write(step)
                await writer.drain()
                writer.close()
                await writer.wait_closed()
            case Drip():
                writer.write(step.first)
                while True:
                    writer.write(step.piece)
                    await writer.drain()
                    await asyncio.sleep(step.seconds)
            case Ending.HANG:
                await reader.read()
