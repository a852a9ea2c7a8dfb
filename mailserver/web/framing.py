"""Where a request begins and ends, strictly: pure, and before any parser sees an octet. RFC 9112.

Two programs that do not agree where a request ends can be made to see different requests (smuggling). Whatever a
parser might be lenient about is refused here with 400 and the connection ends: Content-Length beside
Transfer-Encoding, or twice, or not digits; other codings than chunked; chunk extensions and trailers; bare CR or LF,
NUL, folded lines, space before a colon; no Host, or two. Heads are handed on whole, bodies as they come.
"""

import re
from enum import Enum, auto

MAX_HEAD_OCTETS = 32 * 1024  # request line and header; an If header with many lock tokens is long
MAX_TARGET_OCTETS = 8 * 1024
MAX_HEADERS = 100
SMALL_CHUNK = 64  # octets; below it a chunk is more work than it carries
MAX_SMALL_CHUNKS = 1000  # of one body
MAX_BODY_OCTETS = 128 * 1024 * 1024  # what nothing here wants more of; each method has its own, lower bound

# That applications here may look at and the parser knows; CONNECT and TRACE are for nobody.
METHODS = frozenset(
    b"GET HEAD POST PUT PATCH DELETE OPTIONS PROPFIND PROPPATCH MKCOL MKCALENDAR COPY MOVE LOCK UNLOCK REPORT ACL "
    b"SEARCH BIND UNBIND REBIND LINK UNLINK".split()
)

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_HEAD = re.compile(
    rb"(?:\r\n)?(%b) ([\x21-\x7e]+) HTTP/1\.([01])\r\n((?:%b:[\t\x20-\x7e\x80-\xff]*\r\n)*)\r\n" % (_TOKEN, _TOKEN)
)
# Taken whole and stripped afterwards: a lazy value before optional space would be quadratic in spaces.
_FIELD = re.compile(rb"(?im)^(content-length|transfer-encoding|host|upgrade):([^\r]*)\r\n")
_UPGRADE = re.compile(rb"(?im)^upgrade:[^\r]*\r\n")
_LENGTH = re.compile(rb"[0-9]{1,15}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n")
_CHUNK_LINE = 10  # octets of the longest
# NUL, an empty line ended by LF alone, the first octets of TLS: its end would be waited for in vain
_HOPELESS = re.compile(rb"\x00|\n\n|\A[^\x21-\x7e\r]|\A\r[^\n]")
NOT_A_CHUNK = "Not the size of a chunk; chunk extensions are not taken"


class BadFraming(Exception):  # noqa: N818 - an answer, and the end of the connection
    def __init__(self, status: int, text: str) -> None:
        self.status = status
        self.text = text
        super().__init__(text)


class _State(Enum):
    HEAD = auto()
    BODY = auto()  # so many octets
    CHUNK_SIZE = auto()
    CHUNK = auto()  # so many octets, and CR LF
    LAST = auto()  # CR LF after the last chunk


class Framing:
    """`add` octets as they come, `take` what may be parsed."""

    def __init__(self) -> None:
        self._state = _State.HEAD
        self._buffer = bytearray()  # not taken yet
        self._left = 0  # octets of the body, or of the chunk with its line end
        self._total = 0  # of a chunked body
        self._small_chunks = 0

    @property
    def is_between(self) -> bool:
        """Nothing has come of a request that is not complete."""
        return self._state is _State.HEAD and not self._buffer

    @property
    def in_head(self) -> bool:
        return self._state is _State.HEAD

    @property
    def waiting(self) -> int:
        """Octets that were added and not taken."""
        return len(self._buffer)

    @property
    def left(self) -> int:
        """Octets of the body still to come, as far as they are announced."""
        return self._left

    def add(self, data: bytes) -> None:
        self._buffer += data

    def take(self, *, may_begin: bool) -> bytes:
        """Of one request at most; `may_begin`: the next one may. Raises BadFraming, after which nothing is trusted."""
        pieces, at = list[bytes](), 0
        while at < len(self._buffer) and (self._state is not _State.HEAD or may_begin):
            end = _END[self._state](self, at)
            if end is None:
                break
            piece, at = bytes(self._buffer[at:end]), end
            may_begin = may_begin and self._state is not _State.HEAD
            pieces.append(_READ[self._state](self, piece))
        del self._buffer[:at]
        return b"".join(pieces)

    # ---- where what begins here ends; None: more must come ----

    def _head_end(self, at: int) -> int | None:
        buffer = self._buffer
        end, waiting = buffer.find(b"\r\n\r\n", at), len(buffer) - at
        if end < 0 and waiting > MAX_TARGET_OCTETS and buffer.find(b"\n", at, at + MAX_TARGET_OCTETS) < 0:
            raise BadFraming(414, "The request line is too long")
        if (end - at if end >= 0 else waiting) > MAX_HEAD_OCTETS:
            raise BadFraming(431, f"The header has more than {MAX_HEAD_OCTETS} octets")
        if end < 0 and _HOPELESS.search(buffer, at):
            raise BadFraming(400, "Not a request as RFC 9112 has it")
        return end + 4 if end >= 0 else None

    def _body_end(self, at: int) -> int:
        return min(at + self._left, len(self._buffer))

    def _size_end(self, at: int) -> int | None:
        end = self._buffer.find(b"\n", at, at + _CHUNK_LINE)
        if end < 0 and len(self._buffer) - at >= _CHUNK_LINE:
            raise BadFraming(400, NOT_A_CHUNK)
        return end + 1 if end >= 0 else None

    def _last_end(self, at: int) -> int | None:
        return at + 2 if len(self._buffer) - at >= 2 else None

    # ---- what they mean ----

    def _head(self, head: bytes) -> bytes:
        found = _HEAD.fullmatch(head)
        if found is None:
            raise BadFraming(400, "Not a request as RFC 9112 has it")
        if found[1] not in METHODS:
            raise BadFraming(501, "No such method here")
        if len(found[2]) > MAX_TARGET_OCTETS:
            raise BadFraming(414, "The request line is too long")
        if found[4].count(b"\n") > MAX_HEADERS:
            raise BadFraming(431, f"The header has more than {MAX_HEADERS} fields")
        fields: dict[bytes, list[bytes]] = {}
        for name, value in _FIELD.findall(found[4]):
            fields.setdefault(name.lower(), []).append(value.strip(b" \t"))
        _check_host(fields.get(b"host", []), found[3])
        self._begin_body(fields.get(b"content-length", []), fields.get(b"transfer-encoding", []), found[3])
        return _UPGRADE.sub(b"", head) if b"upgrade" in fields else head  # nothing is offered to upgrade to

    def _begin_body(self, lengths: list[bytes], codings: list[bytes], minor: bytes) -> None:
        if codings:
            if lengths or minor == b"0" or len(codings) > 1 or codings[0].lower() != b"chunked":
                raise BadFraming(400, "Transfer-Encoding is chunked, in HTTP/1.1, without Content-Length")
            self._state, self._total, self._small_chunks = _State.CHUNK_SIZE, 0, 0
        elif lengths:
            if len(lengths) > 1 or _LENGTH.fullmatch(lengths[0]) is None:
                raise BadFraming(400, "Content-Length is one number of octets")
            self._expect(int(lengths[0]), _State.BODY)

    def _body(self, piece: bytes) -> bytes:
        self._left -= len(piece)
        if not self._left:
            self._state = _State.HEAD if self._state is _State.BODY else _State.CHUNK_SIZE
        return piece

    def _size(self, line: bytes) -> bytes:
        found = _CHUNK.fullmatch(line)
        if found is None:
            raise BadFraming(400, NOT_A_CHUNK)
        size = int(found[1], 16)
        self._total += size
        self._small_chunks += size < SMALL_CHUNK
        if self._small_chunks > MAX_SMALL_CHUNKS:
            raise BadFraming(400, "Too many small chunks")
        self._state = _State.LAST
        self._expect(size, _State.CHUNK)
        return line

    def _last(self, line: bytes) -> bytes:
        if line != b"\r\n":
            raise BadFraming(400, "Trailers are not taken")
        self._state = _State.HEAD
        return line

    def _expect(self, octets: int, state: _State) -> None:
        if max(octets, self._total) > MAX_BODY_OCTETS:
            raise BadFraming(413, f"A body has at most {MAX_BODY_OCTETS} octets")
        if octets:
            # the line end after a chunk is handed on with it; the parser checks that it is one
            self._state, self._left = state, octets + (2 if state is _State.CHUNK else 0)


_END = {
    _State.HEAD: Framing._head_end,
    _State.BODY: Framing._body_end,
    _State.CHUNK_SIZE: Framing._size_end,
    _State.CHUNK: Framing._body_end,
    _State.LAST: Framing._last_end,
}
_READ = {
    _State.HEAD: Framing._head,
    _State.BODY: Framing._body,
    _State.CHUNK_SIZE: Framing._size,
    _State.CHUNK: Framing._body,
    _State.LAST: Framing._last,
}


def _check_host(hosts: list[bytes], minor: bytes) -> None:
    if len(hosts) > 1 or (minor == b"1" and not hosts):
        raise BadFraming(400, "One Host field belongs to a request")
