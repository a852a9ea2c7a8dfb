"""Decompression that ends where it was told to: a small file may unpack to terabytes."""

import zlib

STEP = 65_536  # octets taken in, and unpacked, at once
MAX_MEMBERS = 100  # of one file; a program that writes more of them is no friend
GZIP = 16 + zlib.MAX_WBITS


class TooMuch(ValueError):  # noqa: N818 - a finding
    """More than the caller wanted."""


class NotGzip(ValueError):  # noqa: N818 - a finding
    """Damaged, cut off, or never gzip."""


def gunzip(data: bytes, max_octets: int) -> bytes:
    """All members of a gzip file (RFC 1952 §2.2). Raises TooMuch, NotGzip."""
    made, at = bytearray(), 0
    for _ in range(MAX_MEMBERS):
        at = _member(data, at, made, max_octets)
        if not data[at:].strip(b"\0"):  # padding, as some mail programs add
            return bytes(made)
    raise TooMuch(f"more than {MAX_MEMBERS} members")


def _member(data: bytes, at: int, made: bytearray, max_octets: int) -> int:
    """Unpack the member that begins at `at` onto `made`; where it ends."""
    unpacker = zlib.decompressobj(GZIP)
    while not unpacker.eof:
        pending = data[at : at + STEP]
        if not pending:
            raise NotGzip("not gzip, or cut off")
        at += len(pending)
        while pending and not unpacker.eof:
            made += _unpacked(unpacker, pending)
            if len(made) > max_octets:
                raise TooMuch(f"more than {max_octets} octets when unpacked")
            pending = unpacker.unconsumed_tail
    return at - len(unpacker.unused_data)


def _unpacked(unpacker: "zlib._Decompress", pending: bytes) -> bytes:
    try:
        return unpacker.decompress(pending, STEP)
    except zlib.error as fault:
        raise NotGzip(f"not gzip: {fault}") from fault
