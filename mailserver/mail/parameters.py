"""A structured MIME field: its value and its parameters, continuations joined. RFC 2045 §5.1, RFC 2231."""

import re
from collections.abc import Mapping
from itertools import count, islice, takewhile

from mailserver.mail.comments import without_comments

MAX_PARAMETERS = 100  # of one field; later ones are not read

# Names are lower case. A value in the extended form keeps it, charset'language'percent-encoded, under "name*":
# so RFC 2231 §6 wants it in BODYSTRUCTURE.
Parameters = Mapping[bytes, bytes]

_TOKEN = rb"[^\x00-\x20\x7f()<>@,;:\\\"/\[\]?=]"
_VALUE = re.compile(rb"[ \t\r\n]*+(%b++(?:/%b++)?)(?=[ \t\r\n;,]|\Z)" % (_TOKEN, _TOKEN))
_PARAMETER = re.compile(
    rb';[ \t\r\n]*+([^\x00-\x20\x7f;:="/\\]++)[ \t\r\n]*+=[ \t\r\n]*+'
    rb'(?:"((?:[^"\\]++|\\.)*+)"?|([^;\x00-\x20\x7f"]*+))',
    re.DOTALL,
)
_PIECE = re.compile(rb"([^*]+)\*([0-9]{1,3})(\*?)")
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_NOT_ATTRIBUTE_CHAR = re.compile(rb"[^!#$&+\-.0-9A-Z^_`a-z{|}~]")

NOTHING: Parameters = {}


def parse(field: bytes) -> tuple[bytes, Parameters]:
    """The value in lower case, b"" where it is unreadable, and the parameters. Never raises, linear.

    >>> parse(b'Text/Plain; Charset="utf-8"')
    (b'text/plain', {b'charset': b'utf-8'})
    """
    if b"(" in field:
        field = without_comments(field)
    value = _VALUE.match(field)
    if b"=" not in field:
        return (value[1].lower() if value else b""), NOTHING
    found: dict[bytes, bytes] = {}
    for parameter in islice(_PARAMETER.finditer(field), MAX_PARAMETERS):
        name, quoted, plain = parameter.groups()
        if quoted is not None:
            plain = _QUOTED_PAIR.sub(rb"\1", quoted) if b"\\" in quoted else quoted
        found.setdefault(name.lower(), plain)
    return (value[1].lower() if value else b""), _joined(found) if b"*" in field else found


def _joined(found: Parameters) -> Parameters:
    """name*0, name*1* … as one name, or one name* where a piece is in the extended form. RFC 2231 §3, §4.1."""
    joined: dict[bytes, bytes] = {}
    pieces: dict[bytes, dict[int, tuple[bytes, bool]]] = {}
    for name, value in found.items():
        if piece := _PIECE.fullmatch(name):
            pieces.setdefault(piece[1], {})[int(piece[2])] = (value, bool(piece[3]))
        else:
            joined[name] = value
    for name, numbered in pieces.items():
        run = [numbered[place] for place in takewhile(numbered.__contains__, count())]
        if any(extended for _, extended in run):
            value = b"".join(value if extended else _percent(value) for value, extended in run)
            joined.setdefault(name + b"*", value if run[0][1] else b"''" + value)
        elif run:
            joined.setdefault(name, b"".join(value for value, _ in run))
    return joined


def _percent(value: bytes) -> bytes:
    return _NOT_ATTRIBUTE_CHAR.sub(lambda found: b"%%%02X" % ord(found[0]), value)
