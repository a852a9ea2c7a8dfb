"""What is answered: whole, or in pieces that are written as the client reads them."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

XML = "application/xml; charset=utf-8"
TEXT = "text/plain; charset=utf-8"

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: bytes = b""
    content_type: str | None = None
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Streamed:
    """`pieces` of some tens of kilobytes; the next is asked for when the last has gone to a client that reads."""

    status: int
    pieces: AsyncIterator[bytes]
    content_type: str = XML
    headers: Headers = field(default=())


Answer = Response | Streamed


def text(status: int, words: str, headers: Iterable[tuple[str, str]] = ()) -> Response:
    return Response(status, f"{words}\n".encode(), TEXT, tuple(headers))
