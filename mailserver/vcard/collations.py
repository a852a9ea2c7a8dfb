"""How texts are compared: the collations of RFC 6352 §8.3 and the four ways of matching of its §10.5.4."""

from collections.abc import Callable
from enum import StrEnum

from mailserver.mail.casemap import fold


class Collation(StrEnum):
    OCTET = "i;octet"  # RFC 4790 §9.3
    ASCII_CASEMAP = "i;ascii-casemap"  # RFC 4790 §9.2
    UNICODE_CASEMAP = "i;unicode-casemap"  # RFC 5051


class How(StrEnum):
    """match-type."""

    EQUALS = "equals"
    CONTAINS = "contains"
    STARTS_WITH = "starts-with"
    ENDS_WITH = "ends-with"


DEFAULT_COLLATION = Collation.UNICODE_CASEMAP  # RFC 6352 §8.3


def key(collation: Collation, text: str) -> str:
    """What is compared in the place of the text."""
    return _KEYS[collation](text)


def matches(how: How, value: str, wanted: str) -> bool:
    return _HOW[how](value, wanted)


def _ascii_lower(text: str) -> str:
    return text.lower() if text.isascii() else text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "replace")


_KEYS: dict[Collation, Callable[[str], str]] = {
    Collation.OCTET: lambda text: text,
    Collation.ASCII_CASEMAP: _ascii_lower,
    Collation.UNICODE_CASEMAP: fold,
}
_HOW: dict[How, Callable[[str, str], bool]] = {
    How.EQUALS: lambda value, wanted: value == wanted,
    How.CONTAINS: lambda value, wanted: wanted in value,
    How.STARTS_WITH: lambda value, wanted: value.startswith(wanted),
    How.ENDS_WITH: lambda value, wanted: value.endswith(wanted),
}
