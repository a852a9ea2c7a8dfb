"""Cuts the client's octets into command lines, however the network cut them. RFC 2449 §4."""

MAX_OVERLONG = 65_536  # octets of a line that is too long anyway; more is no longer a line


class LineTooLong(Exception):  # noqa: N818 - an answer for the client
    """A whole line came and was dropped: it was longer than allowed."""


class NotALine(Exception):  # noqa: N818
    """No end of a line within reason: nothing that follows can be trusted."""


class LineFramer:
    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0  # octets that hold no line end
        self._dropped = 0  # octets of an overlong line already thrown away

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def next(self, limit: int) -> bytes | None:
        """The next line without its end; None: not there yet. Raises LineTooLong, NotALine.

        `limit`: octets with the line end. A bare LF ends a line too: people type into `nc`, and nothing here can be
        smuggled by it.
        """
        end = self._buffer.find(b"\n", self._searched)
        if end < 0:
            self._drop_overlong(limit)
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        overlong = self._dropped > 0 or end >= limit
        self._searched = self._dropped = 0
        if overlong:
            raise LineTooLong
        return line.removesuffix(b"\r")

    def _drop_overlong(self, limit: int) -> None:
        if self._dropped or len(self._buffer) > limit:
            self._dropped += len(self._buffer)
            self._buffer.clear()
        self._searched = len(self._buffer)
        if self._dropped > MAX_OVERLONG:
            raise NotALine
