"""Message content as DATA wants it: each line ends in CRLF, with a dot before a dot at its beginning. RFC 5321 §4.5.2.

No bare CR or LF ever leaves us: another server might take what stands around it for the end of the message and the rest
for commands (SMTP smuggling, CVE-2023-51764).
"""

END = b".\r\n"


class DotStuffer:
    """Takes the content cut anywhere."""

    def __init__(self) -> None:
        self._held = b""  # a CR whose LF may come with the next piece
        self._begins_line = True

    def feed(self, piece: bytes) -> bytes:
        data = self._held + piece
        self._held = b"\r" if data.endswith(b"\r") else b""
        return self._stuffed(data[: len(data) - len(self._held)])

    def finish(self) -> bytes:
        """What was held back, the last line's end where the content lacks it, and the end of data."""
        last = self._stuffed(self._held)
        return last + (END if self._begins_line else b"\r\n" + END)

    def _stuffed(self, data: bytes) -> bytes:
        if not data:
            return b""
        data = _normalised(data)
        begins, self._begins_line = self._begins_line, data.endswith(b"\r\n")
        stuffed = data.replace(b"\r\n.", b"\r\n..")
        return b"." + stuffed if begins and data.startswith(b".") else stuffed


def _normalised(data: bytes) -> bytes:
    ends = len(data) - len(data.translate(None, b"\r\n"))
    if ends == 2 * data.count(b"\r\n"):
        return data
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
