"""What SEARCH looks through: decoded headers and decoded text parts, folded for comparison. RFC 9051 §6.4.4.

HTML is searched as the words it shows, without its markup: a search for "table" is not for every newsletter, and
words are found through entities and tags. Text is read in windows that overlap by the length of what is looked
for, so that a part of any size is searched in bounded memory.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mailserver.mail import charsets, encoded_words, headers, transfer
from mailserver.mail.casemap import fold
from mailserver.mail.detail import Part
from mailserver.mail.headers import MAX_HEADER_OCTETS
from mailserver.mail.html_text import HtmlText

WINDOW_OCTETS = 1 << 18  # read and decoded at once

_EMBEDDED = frozenset({"message/rfc822", "message/global"})

Read = Callable[[int, int], bytes]  # octets [start, end); fewer at the end of the file


@dataclass(frozen=True, slots=True)
class MessageOctets:
    read: Read
    header_octets: int
    parts: tuple[Part, ...]


def field_text(header: bytes, name: str) -> str | None:
    """The folded text of all fields of this name, NUL between them; None where there is none."""
    wanted = name.encode("utf-8", "replace").lower()
    values = [_text(value) for _, field, value in headers.split(header) if field.lower() == wanted]
    return fold("\0".join(values)) if values else None


def _text(value: bytes) -> str:
    return encoded_words.decode(headers.unfolded(value))


def header_has(message: MessageOctets, name: str, text: str) -> bool:
    found = field_text(_header(message), name)
    return found is not None and fold(text) in found


def body_has(message: MessageOctets, text: str) -> bool:
    """In a text part, or in the header of an embedded message."""
    needle = fold(text)
    return not needle or any(
        needle in window for part in body_texts(message) for window in _overlapping(part, len(needle) - 1)
    )


def text_has(message: MessageOctets, text: str) -> bool:
    return fold(text) in header_text(message) or body_has(message, text)


def header_text(message: MessageOctets) -> str:
    """The folded "name: value" of all fields, NUL between them."""
    return _header_text(_header(message))


def body_texts(message: MessageOctets) -> Iterator[Iterator[str]]:
    """The folded text of each part that is searched, in pieces that are cut anywhere."""
    for part in message.parts:
        if part.media_type in _EMBEDDED:
            yield iter((_embedded_header(message, part),))
        elif part.media_type == "text/html":
            yield map(fold, _shown(_decoded(message, part)))
        elif part.media_type.startswith("text/"):
            yield map(fold, _decoded(message, part))


def _header(message: MessageOctets) -> bytes:
    return message.read(0, min(message.header_octets, MAX_HEADER_OCTETS))


def _header_text(header: bytes) -> str:
    lines = [f"{name.decode('ascii', 'replace')}: {_text(value)}" for _, name, value in headers.split(header)]
    return fold("\0".join(lines))


def _embedded_header(message: MessageOctets, part: Part) -> str:
    start = message.read(part.body_start, min(part.end, part.body_start + MAX_HEADER_OCTETS))
    return _header_text(start[: headers.header_octets(start)])


def _overlapping(pieces: Iterator[str], overlap: int) -> Iterator[str]:
    tail = ""
    for piece in pieces:
        window = tail + piece
        yield window
        tail = window[-overlap:] if overlap else ""


def _decoded(message: MessageOctets, part: Part) -> Iterator[str]:
    text = charsets.decoder(part.charset)
    undo = transfer.decoder(part.encoding)
    for start in range(part.body_start, part.end, WINDOW_OCTETS):
        octets = message.read(start, min(part.end, start + WINDOW_OCTETS))
        yield text.decode(undo.feed(octets))
    yield text.decode(undo.end(), final=True)


def _shown(pieces: Iterator[str]) -> Iterator[str]:
    html = HtmlText()
    for piece in pieces:
        yield html.feed(piece)
    yield html.end()
