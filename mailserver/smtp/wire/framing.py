"""Cuts the peer's octets into command lines; what is not a command (content, a TLS handshake) is taken as it is."""

MAX_OVERLONG = 1 << 20  # octets of a line that is too long anyway; more is no longer a line


class LineTooLong(Exception):  # noqa: N818 - an answer for the peer
    """A whole line came and was dropped: it was longer than allowed."""


class NotALine(Exception):  # noqa: N818
    """CR or LF stood alone, or no line end came at all: nothing after it can be trusted."""


class Framing:
    def __init__(self) -> None:
        self._buffer = b""
        self._dropped = 0  # octets of an overlong line already thrown away

    def __len__(self) -> int:
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def take(self) -> bytes:
        """Everything that is there, for whoever reads octets instead of lines."""
        data, self._buffer = self._buffer, b""
        return data

    def put_back(self, data: bytes) -> None:
        """Taken, and not for the taker: it comes before everything that is there now."""
        self._buffer = data + self._buffer

    def line(self, limit: int) -> bytes | None:
        """The next line without CRLF; None: not there yet. Raises LineTooLong, NotALine.

        `limit`: octets with CRLF. More are dropped while they come, never kept.
        """
        end = self._buffer.find(b"\n")
        if end < 0:
            self._drop_overlong(limit)
            return None
        line, self._buffer = self._buffer[:end], self._buffer[end + 1 :]
        dropped, self._dropped = self._dropped, 0
        if dropped or end >= limit:
            raise LineTooLong
        if line.find(b"\r") != end - 1 or not line:  # the only CR is the last octet
            raise NotALine
        return line[:-1]

    def _drop_overlong(self, limit: int) -> None:
        if self._dropped or len(self._buffer) > limit:
            self._dropped += len(self._buffer)
            self._buffer = b""
        if self._dropped > MAX_OVERLONG:
            raise NotALine
