"""A multistatus as an answer: short ones whole, long ones in chunks while they are made. RFC 4918 §13."""

from collections.abc import AsyncIterator, Iterable

from mailserver.dav import xml_writer
from mailserver.dav.response import XML, Answer, Headers, Response, Streamed

STATUS = 207
_MINIMAL: Headers = (("Preference-Applied", "return=minimal"), ("Vary", "Prefer, Brief"))


def whole(pieces: Iterable[bytes], *, minimal: bool = False) -> Response:
    return Response(STATUS, xml_writer.multistatus(pieces), XML, headers(minimal=minimal))


async def answer(pieces: AsyncIterator[bytes], *, minimal: bool = False) -> Answer:
    """Whatever is refused before the first chunk is full is still answered with its own status."""
    chunks = xml_writer.streamed(pieces)
    first = await anext(chunks)
    if first.endswith(xml_writer.CLOSE_MULTISTATUS):
        return Response(STATUS, first, XML, headers(minimal=minimal))
    return Streamed(STATUS, _all(first, chunks), XML, headers(minimal=minimal))


def headers(*, minimal: bool) -> Headers:
    return _MINIMAL if minimal else ()


async def _all(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk
