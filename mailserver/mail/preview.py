"""The beginning of a message's text, which clients show in lists of messages. RFC 8970."""

import re
from collections.abc import Iterable

from mailserver.mail import charsets, encoded_words, transfer
from mailserver.mail.detail import Part
from mailserver.mail.html_text import text_of
from mailserver.mail.octets import Octets

PREVIEW_CHARACTERS = 200  # RFC 8970 §3.1
FEW_OCTETS = 256  # in which all of a plain part's preview mostly is
CUT = 8  # characters at the end of them that may come of an escape cut in two
PREVIEW_OCTETS = 2 * 1024  # of a plain part that are decoded for it
PREVIEW_HTML_OCTETS = 16 * 1024  # of an HTML part: styles come first
PREVIEW_PARTS = 3  # that are tried

_READABLE = {"text/plain": PREVIEW_OCTETS, "text/html": PREVIEW_HTML_OCTETS}
_INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]++")
# Newsletters fill the preview with invisible characters, so that nothing of the letter is seen in it.
_FILLING = re.compile("(?:[\u034f\u200c\u200d\u2007][ \u00a0]*+){2,}+")


def preview(message: Octets, parts: Iterable[Part]) -> str:
    """The beginning of the first of these parts that can be read, white space made single; "" where none can."""
    readable = [part for part in parts if part.media_type in _READABLE]
    for part in readable[:PREVIEW_PARTS]:
        if shown := _first_words(message, part) or _beginning(message, part):
            return shown
    return ""


def _first_words(message: Octets, part: Part) -> str:
    """As `_beginning`, where few octets are enough to know it, as they nearly always are; else ""."""
    if part.media_type == "text/html":
        return ""
    text = _text(message, part, FEW_OCTETS)
    words = " ".join(text.split())
    known = len(words) > PREVIEW_CHARACTERS + CUT and text.isascii() and words.isprintable()
    return words[:PREVIEW_CHARACTERS].rstrip() if known else ""


def _beginning(message: Octets, part: Part) -> str:
    text = _text(message, part, _READABLE[part.media_type])
    if not text.isascii():
        text = _FILLING.sub(" ", _INVISIBLE.sub("", text))
    words = " ".join(text.split(None, PREVIEW_CHARACTERS // 2)[: PREVIEW_CHARACTERS // 2])
    return encoded_words.clean(words[: 2 * PREVIEW_CHARACTERS])[:PREVIEW_CHARACTERS].rstrip()


def _text(message: Octets, part: Part, octets: int) -> str:
    """What the first octets of a text/* body say, HTML without its markup."""
    end = min(part.end, part.body_start + octets)
    data = transfer.decode(message[part.body_start : end], part.encoding)
    if end < part.end:
        data = _without_cut_character(data)
    text = charsets.decode(data, part.charset)
    return text_of(text) if part.media_type == "text/html" else text


def _without_cut_character(data: bytes) -> bytes:
    """Without the beginning of a UTF-8 character whose end was not read."""
    for back in range(1, min(4, len(data)) + 1):
        octet = data[-back]
        if octet >= 0xC0:
            return data[:-back]
        if octet < 0x80:
            break
    return data
