"""A message on its way to the client: dots stuffed, the end marked, TOP cut off. RFC 1939 §3, §7.

A message is given as it is stored, octet for octet, so that what LIST says is what comes, signatures hold, and POP3
and IMAP show the same. Where its last line has no end, one is put behind it, because the end mark needs it.
"""

import re

_LINE_END = b"\r\n"
_EMPTY_LINE = re.compile(rb"\n\r?\n")


class Stuffer:
    """Puts a dot before each line that begins with one; pieces may be cut anywhere.

    A line begins after any LF: many clients read so, and a stored LF "." LF must not end the message for them.
    """

    def __init__(self) -> None:
        self._tail = _LINE_END  # the last two octets; at first those of the +OK line

    def feed(self, piece: bytes) -> bytes:
        stuffed = piece.replace(b"\n.", b"\n..")
        if piece[:1] == b"." and self._tail.endswith(b"\n"):
            stuffed = b"." + stuffed
        self._tail = (self._tail + piece[-2:])[-2:]
        return stuffed

    def finish(self) -> bytes:
        """The end of the reply."""
        return b".\r\n" if self._tail == _LINE_END else b"\r\n.\r\n"


class Whole:
    """Nothing is cut off."""

    done = False

    def feed(self, piece: bytes) -> bytes:
        return piece


class Top:
    """Header, empty line and the first `lines` lines of the body; `done` when no more is wanted."""

    def __init__(self, lines: int) -> None:
        self._left = lines  # of the body
        self._in_header = True
        self._tail = b"\n"  # where an empty line may have begun; a message may begin with one
        self.done = False

    def feed(self, piece: bytes) -> bytes:
        """What of the piece belongs to the reply."""
        start = self._body_start(piece) if self._in_header else 0
        if start is None:
            return piece
        self._in_header = False
        return piece[: self._end(piece, start)]

    def _body_start(self, piece: bytes) -> int | None:
        joined = self._tail + piece
        found = _EMPTY_LINE.search(joined)
        before, self._tail = len(self._tail), joined[-2:]
        return found.end() - before if found else None

    def _end(self, piece: bytes, at: int) -> int:
        lines = piece.count(b"\n", at)
        if lines < self._left:
            self._left -= lines
            return len(piece)
        for _ in range(self._left):
            at = piece.index(b"\n", at) + 1
        self.done = True
        return at
