"""IMAP strings as they stand in ready-made replies: quoted where that is possible, else literals. RFC 9051 §4.3."""

import re
from collections.abc import Iterable

NIL = b"NIL"

_SPECIAL = re.compile(rb'[\x00\r\n"\\\x80-\xff]')
_UNQUOTABLE = re.compile(rb"[\x00\r\n\x80-\xff]")  # 8-bit may be quoted only for clients that enabled UTF-8
_ESCAPED = re.compile(rb'(["\\])')


def string(value: bytes) -> bytes:
    """Never raises: NUL, which neither form can carry, is left out."""
    if not _SPECIAL.search(value):
        return b'"%b"' % value
    if _UNQUOTABLE.search(value):
        value = value.replace(b"\x00", b"")
        return b"{%d}\r\n%b" % (len(value), value)
    return b'"%b"' % _ESCAPED.sub(rb"\\\1", value)


def nstring(value: bytes) -> bytes:
    """NIL for what is missing or empty."""
    return string(value) if value else NIL


def nstrings(*values: bytes) -> list[bytes]:
    """As `nstring` of each; one look through all of them is cheaper and nearly always enough."""
    if is_plain(b"".join(values)):
        return [b'"%b"' % value if value else NIL for value in values]
    return [nstring(value) for value in values]


def is_plain(value: bytes) -> bool:
    """Whether nothing but quotes around it is needed."""
    return _SPECIAL.search(value) is None


def parenthesized(items: Iterable[bytes]) -> bytes:
    """(a b c), NIL where there is nothing."""
    joined = b" ".join(items)
    return b"(%b)" % joined if joined else NIL
