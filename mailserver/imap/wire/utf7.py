"""Modified UTF-7, the mailbox names of IMAP4rev1. RFC 3501 §5.1.3.

Printable US-ASCII stands for itself, "&" is "&-", everything else is UTF-16BE in base64 between "&" and "-".
There is exactly one spelling of a name: no other is accepted, else one mailbox would have two names.
"""

import re
from binascii import a2b_base64, b2a_base64

_UNPRINTABLE = re.compile("[^\x20-\x7e]+")
_PIECE = re.compile(rb"([\x20-\x25\x27-\x7e]+)|&([A-Za-z0-9+,]*)-")
_TO_BASE64 = bytes.maketrans(b",", b"/")
_FROM_BASE64 = bytes.maketrans(b"/", b",")


class BadUtf7(ValueError):  # noqa: N818 - a client's mistake
    pass


def encode(name: str) -> bytes:
    """Raises UnicodeEncodeError, a ValueError, where the name holds a lone surrogate."""
    return _UNPRINTABLE.sub(_shifted, name.replace("&", "&-")).encode("ascii")


def decode(octets: bytes) -> str:
    """Raises BadUtf7 for anything that `encode` would not have written."""
    pieces: list[str] = []
    end = 0
    while end < len(octets):
        piece = _PIECE.match(octets, end)
        if piece is None:
            raise BadUtf7("not modified UTF-7")
        pieces.append(piece[1].decode("ascii") if piece[1] else _unshifted(piece[2]))
        end = piece.end()
    name = "".join(pieces)
    if encode(name) != octets:
        raise BadUtf7("not the shortest modified UTF-7")
    return name


def _shifted(text: re.Match[str]) -> str:
    base64 = b2a_base64(text[0].encode("utf-16-be"), newline=False).rstrip(b"=")
    return f"&{base64.translate(_FROM_BASE64).decode('ascii')}-"


def _unshifted(base64: bytes) -> str:
    if not base64:
        return "&"
    try:
        padded = base64.translate(_TO_BASE64) + b"=" * (-len(base64) % 4)
        return a2b_base64(padded, strict_mode=True).decode("utf-16-be")
    except ValueError:  # binascii.Error and UnicodeDecodeError are both
        raise BadUtf7("not base64 of UTF-16BE") from None
