"""Replies: a status line, and the lines of a multi-line one with its end. RFC 1939 §3, RFC 2449 §8."""

from collections.abc import Iterable

END = b".\r\n"


def ok(text: bytes = b"") -> bytes:
    return b"+OK %b\r\n" % text if text else b"+OK\r\n"


def err(text: str, code: str | None = None) -> bytes:
    """`code` is a response code such as "IN-USE", RFC 2449 §8."""
    words = f"[{code}] {text}" if code else text
    return b"-ERR %b\r\n" % words.encode("ascii", "replace")


def listing(lines: Iterable[bytes]) -> bytes:
    """Lines that never begin with a dot."""
    return b"".join([b"%b\r\n" % line for line in lines])


def challenge(text: bytes) -> bytes:
    """Of a SASL exchange, RFC 5034 §4."""
    return b"+ %b\r\n" % text
