"""Content transfer encodings, read as tolerantly as they are written: in one go, or piece by piece to the same
octets. RFC 2045 §6.7, §6.8."""

import binascii
from collections.abc import Callable
from typing import Protocol

LONGEST_LINE = 1 << 20  # of quoted-printable, octets kept while waiting for its end; RFC 2045 §6.7 allows 76

_BASE64_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_BASE64 = bytes(octet for octet in range(256) if octet not in _BASE64_ALPHABET)


IDENTITY = frozenset(("7bit", "8bit", "binary"))  # encodings that change nothing, RFC 2045 §6.2


def is_known(encoding: str) -> bool:
    """Whether this lower case encoding can be undone; others are passed through as they are."""
    return encoding in IDENTITY or encoding in _DECODERS


def decode(data: bytes, encoding: str) -> bytes:
    """The octets meant; an identity or unknown encoding leaves them as they are. Never raises."""
    if encoding == "base64":
        return decode_base64(data)
    if encoding == "quoted-printable":
        return decode_quoted_printable(data)
    return data


def decode_base64(data: bytes) -> bytes:
    """Whatever is not of the alphabet is left out, padding in the middle included; missing padding is no fault."""
    digits = data.translate(None, _NOT_BASE64)
    over = len(digits) % 4
    if over == 1:  # six bits make no octet
        digits = digits[:-1]
    return binascii.a2b_base64(digits + b"==" if over else digits)


def decode_quoted_printable(data: bytes) -> bytes:
    return binascii.a2b_qp(data)


def decode_q(data: bytes) -> bytes:
    """The Q encoding of encoded words, where "_" is a space. RFC 2047 §4.2."""
    return binascii.a2b_qp(data, header=True)


class Decoder(Protocol):
    """For a body that comes in pieces, cut anywhere."""

    def feed(self, octets: bytes) -> bytes: ...
    def end(self) -> bytes:
        """What was kept back for want of more."""


def decoder(encoding: str) -> Decoder:
    """For a lower case encoding, as `decode`."""
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
        digits = self._rest + octets.translate(None, _NOT_BASE64)
        whole = len(digits) // 4 * 4
        self._rest = digits[whole:]
        return binascii.a2b_base64(digits[:whole])

    def end(self) -> bytes:
        return decode_base64(self._rest)


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
        return decode_quoted_printable(buffer[:cut])

    def end(self) -> bytes:
        return decode_quoted_printable(self._rest)


_DECODERS: dict[str, Callable[[], Decoder]] = {"base64": Base64, "quoted-printable": QuotedPrintable}
