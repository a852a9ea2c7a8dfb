"""Header text to Unicode: encoded words (RFC 2047), parameter values (RFC 2231) and raw 8-bit, tolerantly.

The result is NFC, without control characters and without halves of surrogates: safe to store and to show. It is
for people: nothing that is decided by an address may look at decoded text.
"""

import re

from mailserver.mail import charsets, transfer
from mailserver.mail.normalization import normalized
from mailserver.mail.parameters import Parameters

LONGEST_WORD = 64 * 1024  # octets inside one encoded word; RFC 2047 allows 75 in all, some senders never stop

_WORD = re.compile(rb"=\?([!->@-~]{1,60}+)\?([bBqQ])\?([^?]{0,%d}+)\?=" % LONGEST_WORD)
_DECODERS = {b"b": transfer.decode_base64, b"q": transfer.decode_q}
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_CONTROLS: dict[int, str | None] = dict.fromkeys((*range(32), *range(127, 160))) | dict.fromkeys(
    (9, 10, 13, 0x2028, 0x2029), " "
)


def decode(raw: bytes) -> str:
    """Unstructured header text, unfolded already. Never raises, linear in its input."""
    if b"=?" not in raw:
        return clean(charsets.guess(raw))
    return clean("".join(_pieces(raw)))


def _pieces(raw: bytes) -> list[str]:
    pieces: list[str] = []
    charset, octets = "", b""  # of words standing side by side: senders cut characters in two
    position = 0
    for word in _WORD.finditer(raw):
        gap = raw[position : word.start()]
        label = word[1].partition(b"*")[0].decode("ascii")  # a language may follow, RFC 2231 §5
        if label != charset or (gap and not (position and gap.isspace())):
            pieces.append(charsets.decode(octets, charset))
            charset, octets = label, b""
            if not (position and gap.isspace()):  # space between two words is not shown, RFC 2047 §6.2
                pieces.append(charsets.guess(gap))
        octets += _DECODERS[word[2].lower()](word[3])
        position = word.end()
    pieces.append(charsets.decode(octets, charset))
    pieces.append(charsets.guess(raw[position:]))
    return pieces


def clean(text: str) -> str:
    """NFC, line ends and tabs as spaces, other control characters left out."""
    if text.isascii():
        return text if text.isprintable() else text.translate(_CONTROLS)
    return normalized("NFC", text.translate(_CONTROLS))


def parameter(parameters: Parameters, name: bytes) -> str:
    """A parameter's decoded value, "" where there is none; the extended form wins, RFC 2231 §4.

    Encoded words in a quoted string are against RFC 2047 §5 and frequent: they are read too.
    """
    extended = parameters.get(name + b"*")
    if extended is None:
        return decode(parameters[name]) if name in parameters else ""
    charset, apostrophe, rest = extended.partition(b"'")
    if not apostrophe:
        charset, rest = b"", b"'" + extended
    octets = _PERCENT.sub(lambda found: bytes((int(found[1], 16),)), rest.partition(b"'")[2])
    return clean(charsets.decode(octets, charset.decode("ascii", "replace")))
