"""FETCH items that are octets of the message: windows of its file, streamed in pieces. RFC 9051 §6.4.5."""

from collections.abc import Sequence
from typing import Literal

from mailserver.imap.session import Session
from mailserver.imap.wire.fetch_items import BodySection, Partial, SectionText
from mailserver.mail import headers, sections
from mailserver.mail.detail import Part
from mailserver.mailboxes.files import MessageFile
from mailserver.serving.connection import ConnectionLost

PIECE_OCTETS = 262_144  # of a message in memory at once
MAX_HEADER_OCTETS = 1 << 20  # of a header whose fields are chosen; what lies beyond is no header any more

_FIELDS = (SectionText.HEADER_FIELDS, SectionText.HEADER_FIELDS_NOT)
_TEXTS: dict[SectionText, Literal["HEADER", "TEXT", "MIME"] | None] = {
    SectionText.ALL: None,
    SectionText.HEADER: "HEADER",
    SectionText.HEADER_FIELDS: "HEADER",
    SectionText.HEADER_FIELDS_NOT: "HEADER",
    SectionText.TEXT: "TEXT",
    SectionText.MIME: "MIME",
}


def needs_parts(item: BodySection) -> bool:
    """All but the whole message lie where the parts say."""
    return bool(item.section.part) or item.section.text is not SectionText.ALL


async def send(s: Session, file: MessageFile, item: BodySection, parts: Sequence[Part]) -> None:
    """`BODY[…] {n}` and the octets; NIL for a part that is not there, "" for a partial past the end."""
    found = await locate(file, item, parts)
    if found is None:
        s.write(b"%b NIL" % item.wire)
    elif isinstance(found, bytes):
        s.write(b"%b {%d}\r\n%b" % (item.wire, len(found), found))
    else:
        await _stream(s, file, item.wire, found)


async def locate(file: MessageFile, item: BodySection, parts: Sequence[Part]) -> bytes | sections.Window | None:
    """Where the octets lie in the file, or themselves where they are a choice of fields; None: not there."""
    section = item.section
    window = sections.window(parts, section.part, _TEXTS[section.text]) if needs_parts(item) else (0, file.size)
    if window is None:
        return None
    return await _fields(file, item, window) if section.text in _FIELDS else _cut(window, item.partial)


async def _fields(file: MessageFile, item: BodySection, window: sections.Window) -> bytes:
    start, end = window
    block = await file.read(start, min(end - start, MAX_HEADER_OCTETS))
    exclude = item.section.text is SectionText.HEADER_FIELDS_NOT
    octets = headers.select(block, item.section.fields, exclude=exclude)
    first, last = _cut((0, len(octets)), item.partial)
    return octets[first:last]


async def _stream(s: Session, file: MessageFile, name: bytes, window: sections.Window) -> None:
    """Once the size is told, exactly so many octets must follow: a file that is short ends the connection."""
    start, end = window
    s.write(b"%b {%d}\r\n" % (name, end - start))
    while start < end:
        piece = await file.read(start, min(end - start, PIECE_OCTETS))
        if not piece:
            s.connection.abort()
            raise ConnectionLost
        s.write(piece)
        start += len(piece)
        if s.connection.behind:
            await s.drain()


def _cut(window: sections.Window, partial: Partial | None) -> sections.Window:
    return window if partial is None else sections.cut(window, partial.start, partial.octets)
