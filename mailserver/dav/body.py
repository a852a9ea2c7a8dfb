"""A request's body, read when a method wants it and no further than it wants."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from mailserver.errors import BodyTooBig, Refusal, UnsupportedMediaType

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class ClientGone(ConnectionError):  # noqa: N818 - nothing went wrong here
    """The client hung up in the middle of its request: nobody is left to be answered."""


class Body:
    def __init__(self, receive: Receive, headers: Mapping[str, str]) -> None:
        self._receive = receive
        self._headers = headers
        self._length = int(headers.get("content-length", "0"))  # digits only: the server refused anything else
        self._ended = self._length == 0 and "transfer-encoding" not in headers

    @property
    def is_empty(self) -> bool:
        """Known without reading; a chunked body may turn out to be empty all the same."""
        return self._ended

    async def read(self, most: int, too_big: type[Refusal] = BodyTooBig) -> bytes:
        """All of it; `most` octets. Raises `too_big` before more is taken than that, UnsupportedMediaType."""
        return b"".join([piece async for piece in self.pieces(most, too_big)])

    async def pieces(self, most: int, too_big: type[Refusal] = BodyTooBig) -> AsyncIterator[bytes]:
        """As they come. Raises `too_big`, UnsupportedMediaType, ClientGone."""
        if self._ended:
            return
        if self._headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
            # what a few kilobytes unpack to has no bound; clients of calendars send none
            raise UnsupportedMediaType("Send the body without Content-Encoding")
        total = self._length
        while not self._ended:
            if total > most:
                raise too_big(f"At most {most} octets are taken here")
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            self._ended = not message.get("more_body", False)
            piece = bytes(message.get("body", b""))
            if not self._length:
                total += len(piece)
            if total > most:
                raise too_big(f"At most {most} octets are taken here")
            yield piece
