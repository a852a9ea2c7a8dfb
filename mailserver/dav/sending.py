"""ASGI on both sides of an answer: header fields in, status and octets out."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from dataclasses import replace
from typing import Any

from mailserver.dav.response import Answer, Response, Streamed

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


async def send_answer(answer: Answer, send: Send, *, with_body: bool) -> None:
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in answer.headers]
    if answer.content_type is not None:
        headers.append((b"content-type", answer.content_type.encode()))
    start: MutableMapping[str, Any] = {"type": "http.response.start", "status": answer.status, "headers": headers}
    if isinstance(answer, Streamed) and with_body:
        await _stream(answer, start, send)
        return
    body = answer.body if isinstance(answer, Response) else b""
    if isinstance(answer, Response) and answer.status not in {204, 304}:  # RFC 9110 §8.6
        headers.append((b"content-length", b"%d" % len(body)))
    await send(start)
    await send({"type": "http.response.body", "body": body if with_body else b""})


async def begun(answer: Answer) -> Answer:
    """The first piece is made before the status is sent: what is refused until then still gets its answer."""
    if isinstance(answer, Response):
        return answer
    pieces = aiter(answer.pieces)
    first = await anext(pieces, b"")
    return replace(answer, pieces=_after(first, pieces))


async def _after(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in pieces:
        yield piece


async def _stream(answer: Streamed, start: MutableMapping[str, Any], send: Send) -> None:
    """`send` waits while the client does not read; a fault on the way ends the connection, so that nobody takes what
    came for the whole."""
    await send(start)
    async for piece in answer.pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def header_fields(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Names in lower case; several of one name are joined, RFC 9110 §5.3."""
    headers = dict[str, str]()
    for octets, value in raw:
        name = octets.decode("latin-1")
        decoded = value.decode("latin-1")
        headers[name] = f"{headers[name]}, {decoded}" if name in headers else decoded
    return headers
