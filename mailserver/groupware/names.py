"""Segments of DAV paths and texts of collections: what may be in them. Pure."""

from mailserver.errors import BadValue
from mailserver.store.collections import Family

MAX_SLUG_OCTETS = 255
MAX_HREF_OCTETS = 1000
MAX_NAME = 500  # characters
MAX_DESCRIPTION = 20_000  # characters
MAX_COLOR = 64  # characters
MAX_TIMEZONE_OCTETS = 65_536

# Segments of a home that are something else there: scheduling (RFC 6638 §2.1, §2.2), the directory of users.
RESERVED = {Family.CALENDARS: frozenset({"inbox", "outbox"}), Family.ADDRESSBOOKS: frozenset({"directory"})}


def require_slug(family: Family, slug: str) -> None:
    """Raises BadValue."""
    require_segment(slug, MAX_SLUG_OCTETS)
    if "/" in slug:
        raise BadValue("The name of a calendar or address book has no '/'")
    if slug in RESERVED[family]:
        raise BadValue(f"The name {slug} is taken by the server")


def require_href(href: str) -> None:
    """Raises BadValue."""
    require_segment(href, MAX_HREF_OCTETS)


def require_segment(segment: str, max_octets: int) -> None:
    """A client's own name, kept as it is: any UTF-8 without control characters, and no dots alone.

    A "/" in it is %2F in a path: names are no paths of ours, and some clients make them of UIDs that have one.
    """
    try:
        octets = len(segment.encode())
    except UnicodeEncodeError:
        raise BadValue("A name in a path is UTF-8") from None
    if not 1 <= octets <= max_octets or segment in {".", ".."} or not _is_plain(segment):
        raise BadValue(f"A name in a path has 1 to {max_octets} octets and no control character")


def require_text(what: str, text: str | None, limit: int, *, lines: bool = False) -> None:
    """Raises BadValue. `lines`: may have more than one."""
    if text is None:
        return
    if len(text) > limit:
        raise BadValue(f"The {what} has at most {limit:,} characters")
    if not _is_plain(text.translate(_LINES) if lines else text):
        raise BadValue(f"The {what} has control characters")


_LINES = {ord(each): None for each in "\t\r\n"}


def _is_plain(text: str) -> bool:
    return not any(each < " " or each == "\x7f" for each in text)
