"""COMPRESS=DEFLATE: both directions of one connection as raw DEFLATE streams. RFC 4978, RFC 1951.

What a session costs: 64 KiB for what we send (window and hash of a size of our choice), and up to 40 KiB for what it
receives (the client chooses; 32 KiB is the largest window there is). What a few octets inflate to is handed over in
pieces of a bounded size, so that a bomb fills nobody's memory.
"""

import zlib

LEVEL = 1  # listings shrink to a tenth with any; higher ones cost three times as much for a fortieth
WINDOW_BITS, MEMORY_LEVEL = 13, 6  # 2^(13+2) + 2^(6+9) octets
LARGEST_WINDOW_BITS = 15


class Garbled(Exception):  # noqa: N818 - the client's mistake
    """What came in is no DEFLATE stream, or goes on behind its end; nothing after it can be read."""


class Deflate:
    def __init__(self) -> None:
        self._deflater = zlib.compressobj(LEVEL, zlib.DEFLATED, -WINDOW_BITS, MEMORY_LEVEL)
        self._inflater = zlib.decompressobj(-LARGEST_WINDOW_BITS)
        self._waiting = b""  # received, not inflated yet

    @property
    def held(self) -> int:
        """Octets received and not inflated yet."""
        return len(self._waiting)

    def deflate(self, data: bytes) -> bytes:
        """All of it, ready to be read by the client at once."""
        return self._deflater.compress(data) + self._deflater.flush(zlib.Z_SYNC_FLUSH)

    def feed(self, data: bytes) -> None:
        self._waiting += data

    def inflate(self, most: int) -> bytes:
        """The next octets, `most` at most; b"" when more has to come in first. Raises Garbled."""
        try:
            data = self._inflater.decompress(self._waiting, most)
        except zlib.error as fault:
            raise Garbled from fault
        self._waiting = self._inflater.unconsumed_tail
        if self._inflater.eof and not data:
            raise Garbled
        return data
