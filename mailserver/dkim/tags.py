"""Lists of tags, as signatures, seals and key records are written. RFC 6376 §3.2.

What strangers write is bounded here, before anything looks at it twice: the library behind takes time with the square
of a run of blanks.
"""

import base64
import binascii
import re
from collections.abc import Mapping

MAX_OCTETS = 16_384  # of one signature field; the longest seen are a tenth of it
MAX_BLANKS = 200  # in a row
MAX_DIGITS = 12  # of a number; more is no time and no length

_TOO_BLANK = re.compile(rb"[\s]{%d}" % (MAX_BLANKS + 1))
_NAME = re.compile(rb"[A-Za-z][A-Za-z0-9_]*")
_BLANKS = re.compile(rb"\s+")
_NUMBER = re.compile(rb"[0-9]{1,%d}" % MAX_DIGITS)


class BadTags(Exception):  # noqa: N818 - a verdict
    """Its text says what is wrong, without the writer's own octets."""


def parse(value: bytes) -> dict[bytes, bytes]:
    """Values stripped of white space at both ends. Raises BadTags."""
    if len(value) > MAX_OCTETS:
        raise BadTags(f"longer than {MAX_OCTETS} octets")
    if _TOO_BLANK.search(value):
        raise BadTags(f"more than {MAX_BLANKS} blanks in a row")
    tags: dict[bytes, bytes] = {}
    parts = value.split(b";")
    if not parts[-1].strip():
        parts.pop()
    for part in parts:
        name, equals, content = part.partition(b"=")
        name = name.strip()
        if not equals or not _NAME.fullmatch(name):
            raise BadTags("not a list of tags")
        if name in tags:
            raise BadTags(f"{name.decode()[:10]}= is there twice")
        tags[name] = content.strip()
    return tags


def need(tags: Mapping[bytes, bytes], name: bytes) -> bytes:
    """Raises BadTags."""
    value = tags.get(name)
    if not value:
        raise BadTags(f"{name.decode()}= is missing")
    return value


def octets(tags: Mapping[bytes, bytes], name: bytes) -> bytes:
    """Of a base64 value. Raises BadTags."""
    try:
        return base64.b64decode(_BLANKS.sub(b"", need(tags, name)), validate=True)
    except (binascii.Error, ValueError):
        raise BadTags(f"{name.decode()}= is not base64") from None


def number(tags: Mapping[bytes, bytes], name: bytes) -> int | None:
    """None where it is not there. Raises BadTags."""
    value = tags.get(name)
    if value is None:
        return None
    if not _NUMBER.fullmatch(value):
        raise BadTags(f"{name.decode()}= is not a number")
    return int(value)


def words(value: bytes) -> tuple[bytes, ...]:
    """A list parted by colons, in lower case."""
    return tuple([word.strip().lower() for word in value.split(b":")])
