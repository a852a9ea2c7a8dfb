"""Message content on the wire: where DATA ends, dots taken out, and what happens to a bare CR or LF.

Only CRLF "." CRLF ends DATA (RFC 5321 §4.1.1.4); anything that another server might take for an end, such as
LF "." LF, is content here and makes the content improper. Reads may be cut anywhere; time is linear in octets.
"""

END = b"\r\n.\r\n"
_STUFFED = b"\r\n."


class DataReader:
    """Takes the octets after 354 and gives the content back, dots unstuffed, RFC 5321 §4.5.2."""

    def __init__(self) -> None:
        self._held = b"\r\n"  # octets that may begin END; at first the line end of the DATA command itself
        self._before = 2  # of them that are not content
        self.rest: bytes | None = None  # what followed END, once it has come

    def feed(self, data: bytes) -> bytes:
        """Content in pieces; never ends between CR and LF. Not to be called again once `rest` is there."""
        data = self._held + data
        dot = data.find(_STUFFED)
        end = data.find(END, dot) if dot >= 0 else -1
        if end >= 0:
            self.rest = data[end + len(END) :]
            data = data[: end + 2]
        else:
            keep = _beginning_of_end(data)
            self._held = data[len(data) - keep :]
            data = data[: len(data) - keep]
            if not data:
                return b""
        before, self._before = self._before, 0
        if dot != end:  # most content has no dot to take out: one search less
            data = data.replace(_STUFFED, b"\r\n")
        return data[before:]


def _beginning_of_end(data: bytes) -> int:
    """How many of the last octets may be the first ones of END."""
    return next((n for n in (4, 3, 2, 1) if data.endswith(END[:n])), 0)


class LineEnds:
    """Looks at every line end of one content; `normalise` turns the bare ones into CRLF, else they are only noticed."""

    def __init__(self, normalise: bool) -> None:
        self._normalise = normalise
        self._held = b""  # a CR whose LF may come with the next piece
        self.improper = False  # a CR or LF stood alone somewhere

    def feed(self, data: bytes) -> bytes:
        if self._held:
            data, self._held = self._held + data, b""
        if data.endswith(b"\r"):
            data, self._held = data[:-1], b"\r"
        return self._looked_at(data)

    def finish(self) -> bytes:
        """What was held back, when no more will come."""
        data, self._held = self._held, b""
        return self._looked_at(data)

    def _looked_at(self, data: bytes) -> bytes:
        ends = len(data) - len(data.translate(None, b"\r\n"))
        if ends == 2 * data.count(b"\r\n"):
            return data
        self.improper = True
        return _normalised(data) if self._normalise else data


def _normalised(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
