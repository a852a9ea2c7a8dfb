"""BINARY and BINARY.SIZE: parts without their transfer encoding, in bounded memory. RFC 9051 §6.4.5.1, RFC 3516.

The size and whether there is a NUL are told before the octets, so more than HELD_OCTETS are decoded twice, piece by
piece, rather than held. What is broken is decoded as far as it can be, as RFC 2045 §6.8 wants of base64; the size is
that of what is sent.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from mailserver.imap.session import Session
from mailserver.imap.wire.fetch_items import Binary, BinarySize, Partial
from mailserver.mail import sections, transfer
from mailserver.mail.detail import Part
from mailserver.mailboxes.files import MessageFile

PIECE_OCTETS = 131_072  # encoded octets read and decoded in one turn of the loop
HELD_OCTETS = 262_144  # decoded octets that are kept between telling their number and sending them
WHOLE = Partial(0, 2**63)


class Readable(Protocol):
    async def read(self, offset: int, octets: int) -> bytes: ...


def is_known(item: Binary | BinarySize, parts: Sequence[Part]) -> bool:
    """Whether its encoding can be undone; a part that is not there has none."""
    part = sections.part(parts, item.part) if item.part else None
    return part is None or transfer.is_known(part.encoding)


async def send(s: Session, file: MessageFile, item: Binary, parts: Sequence[Part]) -> None:
    """`BINARY[…] {n}` and the octets, `~{n}` where a NUL is among them; NIL for a part that is not there."""
    found = sections.window(parts, item.part)
    if found is None:
        s.write(b"%b NIL" % item.wire)
        return
    encoding, wanted = _encoding(parts, item.part), item.partial or WHOLE
    if min(wanted.octets, found[1] - found[0]) <= HELD_OCTETS:
        octets = b"".join([piece async for piece in decoded(file, found, encoding, wanted)])
        s.write(_announced(item, len(octets), has_nul=b"\0" in octets) + octets)
        return
    size, has_nul = 0, False
    async for piece in decoded(file, found, encoding, wanted):
        size += len(piece)
        has_nul = has_nul or b"\0" in piece
    s.write(_announced(item, size, has_nul=has_nul))
    async for piece in decoded(file, found, encoding, wanted):
        s.write(piece)
        if s.connection.behind:
            await s.drain()


def _announced(item: Binary, octets: int, *, has_nul: bool) -> bytes:
    return b"%b %b{%d}\r\n" % (item.wire, b"~" if has_nul else b"", octets)


async def send_size(s: Session, file: MessageFile, item: BinarySize, parts: Sequence[Part]) -> None:
    """`BINARY.SIZE[…] n`; 0 for a part that is not there, for which there is no NIL in the grammar."""
    start, end = sections.window(parts, item.part) or (0, 0)
    encoding = _encoding(parts, item.part)
    octets = end - start
    if encoding not in transfer.IDENTITY:
        octets = 0
        async for piece in decoded(file, (start, end), encoding, WHOLE):
            octets += len(piece)
    s.write(b"%b %d" % (item.wire, octets))


def _encoding(parts: Sequence[Part], number: str) -> str:
    """Of the whole message none: what its header tells is the encoding of its body."""
    part = sections.part(parts, number) if number else None
    return "binary" if part is None else part.encoding


async def decoded(file: Readable, window: sections.Window, encoding: str, wanted: Partial) -> AsyncIterator[bytes]:
    """The wanted octets; nothing behind them is read."""
    start, end = window
    if encoding in transfer.IDENTITY:
        first, last = sections.cut(window, wanted.start, wanted.octets)
        for at in range(first, last, PIECE_OCTETS):
            yield await file.read(at, min(last - at, PIECE_OCTETS))
        return
    undo, passed = transfer.decoder(encoding), 0
    for at in range(start, end, PIECE_OCTETS):
        octets = await file.read(at, min(end - at, PIECE_OCTETS))
        piece = undo.feed(octets)
        yield _within(piece, passed, wanted)
        passed += len(piece)
        if passed >= wanted.start + wanted.octets:
            return
    yield _within(undo.end(), passed, wanted)


def _within(piece: bytes, passed: int, wanted: Partial) -> bytes:
    """What of a piece lies in the window; `passed` octets came before it."""
    first = max(wanted.start - passed, 0)
    return piece[first : max(wanted.start + wanted.octets - passed, 0)]
