"""Transfer encodings undone piece by piece, to the same octets as mail.transfer in one go. RFC 2045 §6.7, §6.8."""

import string
from collections.abc import Callable
from typing import Protocol

from mailserver.mail import transfer

LONGEST_LINE = 1 << 20  # of quoted-printable, octets kept while waiting for its end; RFC 2045 §6.7 allows 76

_DIGITS = (string.ascii_letters + string.digits + "+/").encode("ascii")
_NOT_DIGITS = bytes(set(range(256)) - set(_DIGITS))


class Decoder(Protocol):
    def feed(self, octets: bytes) -> bytes: ...
    def end(self) -> bytes:
        """What was kept back for want of more."""


def decoder(encoding: str) -> Decoder:
    """For a lower-case encoding; unknown ones are left as they are."""
    return _DECODERS.get(encoding, Identity)()


class Identity:
    def feed(self, octets: bytes) -> bytes:
        return octets

    def end(self) -> bytes:
        return b""


class Base64:
    def __init__(self) -> None:
        self._rest = b""

    def feed(self, octets: bytes) -> bytes:
        digits = self._rest + octets.translate(None, _NOT_DIGITS)
        whole = len(digits) // 4 * 4
        self._rest = digits[whole:]
        return transfer.decode_base64(digits[:whole])

    def end(self) -> bytes:
        return transfer.decode_base64(self._rest)


class QuotedPrintable:
    def __init__(self) -> None:
        self._rest = b""

    def feed(self, octets: bytes) -> bytes:
        """Whole lines: only where a line ends nothing can be cut in two."""
        buffer = self._rest + octets
        cut = buffer.rfind(b"\n") + 1
        if not cut and len(buffer) > LONGEST_LINE:
            escape = buffer.rfind(b"=", len(buffer) - 3)
            cut = escape if escape >= 0 else len(buffer)
        self._rest = buffer[cut:]
        return transfer.decode_quoted_printable(buffer[:cut])

    def end(self) -> bytes:
        return transfer.decode_quoted_printable(self._rest)


_DECODERS: dict[str, Callable[[], Decoder]] = {"base64": Base64, "quoted-printable": QuotedPrintable}
