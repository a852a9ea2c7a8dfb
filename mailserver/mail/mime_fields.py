"""Content-Type and Content-Transfer-Encoding with all that follows from them alone. RFC 2045 §5, §6.

Most entities have one of a few values, so what was read of a short one is kept.
"""

from functools import lru_cache
from typing import NamedTuple

import msgspec

from mailserver.mail import encoded_words, parameters
from mailserver.mail.comments import without_comments
from mailserver.mail.imap_strings import parenthesized, string
from mailserver.mail.parameters import Parameters

LONGEST_KEPT = 100  # octets of a field
MAX_KEPT = 500  # fields of each kind
LONGEST_ENCODING = 40
LONGEST_CHARSET = 60

_EMBEDDED = frozenset((b"message/rfc822", b"message/global"))


class ContentType(msgspec.Struct, frozen=True):
    media_type: bytes  # lower case "text/plain"
    parameters: Parameters
    is_text: bool
    is_multipart: bool
    embeds: bool  # the body is a message
    name: str  # media_type as text
    charset: str  # lower case, "" where none is given
    filename: str  # decoded, "" where none is given: older senders have it here
    imap_type: bytes  # "text" "plain" as in BODY
    imap_subtype: bytes  # "plain"
    imap_parameters: bytes


class Encoding(NamedTuple):
    name: str  # lower case
    imap: bytes  # as in BODY


def content_type(field: bytes) -> ContentType | None:
    """None where there is no type in it."""
    return _kept_type(field) if len(field) <= LONGEST_KEPT else _read_type(field)


def encoding(field: bytes) -> Encoding:
    if not field:
        return SEVEN_BIT
    return _kept_encoding(field) if len(field) <= LONGEST_KEPT else _read_encoding(field)


def imap_parameters(found: Parameters) -> bytes:
    """In parentheses, NIL where there is none."""
    return parenthesized([string(octets) for parameter in found.items() for octets in parameter])


def typed(media_type: bytes, found: Parameters = parameters.NOTHING) -> ContentType:
    """What follows from a lower case media type and its parameters."""
    media, _, subtype = media_type.partition(b"/")
    is_text = media == b"text"
    shown = found
    if is_text and b"charset" not in found and b"charset*" not in found:
        shown = {b"charset": b"us-ascii", **found}  # the default of text, RFC 2046 §4.1.2, said aloud
    imap_subtype = string(subtype)
    return ContentType(
        media_type=media_type,
        parameters=found,
        is_text=is_text,
        is_multipart=media == b"multipart",
        embeds=media_type in _EMBEDDED,
        name=media_type.decode("utf-8", "replace"),
        charset=_charset(found[b"charset"]) if b"charset" in found else "",
        filename=encoded_words.parameter(found, b"name"),
        imap_type=b"%b %b" % (string(media), imap_subtype),
        imap_subtype=imap_subtype,
        imap_parameters=imap_parameters(shown),
    )


def _charset(value: bytes) -> str:
    return value.strip(b" '\t").lower().decode("utf-8", "replace") if len(value) <= LONGEST_CHARSET else ""


def _read_type(field: bytes) -> ContentType | None:
    media_type, found = parameters.parse(field)
    return typed(media_type, found) if b"/" in media_type else None


def _read_encoding(field: bytes) -> Encoding:
    if b"(" in field:
        field = without_comments(field)
    words = field.lower().replace(b'"', b" ").replace(b";", b" ").split(None, 1)
    return _encoding(words[0][:LONGEST_ENCODING]) if words else SEVEN_BIT


def _encoding(name: bytes) -> Encoding:
    return Encoding(name.decode("utf-8", "replace"), string(name))


_kept_type = lru_cache(MAX_KEPT)(_read_type)
_kept_encoding = lru_cache(MAX_KEPT)(_read_encoding)

SEVEN_BIT = _encoding(b"7bit")
