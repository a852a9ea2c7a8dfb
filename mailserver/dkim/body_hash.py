"""Bodies as DKIM hashes them, in pieces: linear in time whatever is in them, and in bounded memory. RFC 6376 §3.4.

dkimpy wants the whole message as one value and looks for trailing blanks with a regular expression that takes the
square of their number. Its answers are right: these classes give the same octets, wherever the pieces are cut.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

MANY_LINES = 32_768  # empty lines written at once

_BLANKS = re.compile(rb"\t[\t ]*| [\t ]+")  # a space alone stays: most are
_LINE = b"\r\n"


class Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class SimpleBody:
    """Empty lines at the end are one. RFC 6376 §3.4.3."""

    whole_of_nothing = _LINE  # an empty body is one empty line

    def __init__(self, sink: Hash) -> None:
        self._sink = sink
        self._carry = b""  # what the next piece decides about: a CR, a blank
        self._lines = 0  # line ends in a row that nothing followed yet
        self._any = False  # something besides line ends was there

    def update(self, piece: bytes) -> None:
        text, self._carry = self._cut(self._carry + piece)
        self._write(text)

    def finish(self) -> None:
        """The end of the body. Nothing may follow."""
        self._write(self._carry)
        self._sink.update(_LINE if self._any else self.whole_of_nothing)

    def _cut(self, text: bytes) -> tuple[bytes, bytes]:
        at = len(text) - text.endswith(b"\r")
        return text[:at], text[at:]

    def _write(self, text: bytes) -> None:
        """All but the line ends at its end: whether they count is seen when something follows."""
        kept = text.rstrip(_LINE)
        end = len(text)
        while end > len(kept) and text.endswith(_LINE, 0, end):  # a bare CR or LF is no line end
            end -= 2
        if end:
            self._write_lines()
            self._sink.update(text[:end])
            self._any = True
        self._lines += (len(text) - end) // 2

    def _write_lines(self) -> None:
        while self._lines:
            now = min(self._lines, MANY_LINES)
            self._sink.update(_LINE * now)
            self._lines -= now


class RelaxedBody(SimpleBody):
    """Also: blanks in a row are one space, and none at the end of a line. RFC 6376 §3.4.4."""

    whole_of_nothing = b""

    def _cut(self, text: bytes) -> tuple[bytes, bytes]:
        text = _BLANKS.sub(b" ", text).replace(b" \r\n", _LINE)
        at = len(text) - text.endswith(b"\r")
        at -= text.endswith(b" ", 0, at)
        return text[:at], text[at:]


CANONICAL = {b"simple": SimpleBody, b"relaxed": RelaxedBody}


class Limited:
    """Hands on so many octets and counts all: what `l=` means. RFC 6376 §3.4.5."""

    def __init__(self, sink: Hash, limit: int | None) -> None:
        self._sink = sink
        self._limit = limit
        self.octets = 0

    def update(self, data: bytes) -> None:
        room = len(data) if self._limit is None else max(0, self._limit - self.octets)
        self._sink.update(data if room >= len(data) else data[:room])
        self.octets += len(data)

    def digest(self) -> bytes:
        return self._sink.digest()


@dataclass(frozen=True, slots=True)
class BodyKind:
    """How a signature wants the body hashed."""

    canonicalization: bytes = b"relaxed"  # a key of CANONICAL
    limit: int | None = None  # octets of the canonical body, as `l=` says


@dataclass(frozen=True, slots=True)
class BodyHash:
    sha256: bytes
    octets: int  # of the whole canonical body


RELAXED = BodyKind()


def body_hashes(kinds: Iterable[BodyKind], body: Iterable[bytes]) -> dict[BodyKind, BodyHash]:
    """Each kind once, in one walk over the pieces."""
    sinks = {kind: Limited(sha256(), kind.limit) for kind in kinds}
    bodies = [CANONICAL[kind.canonicalization](sink) for kind, sink in sinks.items()]
    for piece in body:
        for each in bodies:
            each.update(piece)
    for each in bodies:
        each.finish()
    return {kind: BodyHash(sink.digest(), sink.octets) for kind, sink in sinks.items()}
