"""Text that strangers wrote, made fit for a line of ours: nothing in it can end the line, or the field."""

import re

MAX_TEXT = 1000  # characters
MAX_WORD = 200  # characters without a space in it: longer ones are cut in pieces, so that lines stay short
MAX_ADDRESS_OCTETS = 900  # RFC 5321 §4.5.3.1 allows 320

_LONG_WORD = re.compile(rf"(\S{{{MAX_WORD}}})(?=\S)")


def plain(text: str, limit: int = MAX_TEXT) -> str:
    """One line of visible characters and single spaces, no word longer than MAX_WORD."""
    visible = "".join(character if character.isprintable() else " " for character in text[: 2 * limit])
    return _LONG_WORD.sub(r"\1 ", " ".join(visible.split()))[:limit].rstrip()


def plain_address(address: str) -> str:
    """An address in one piece, of visible characters."""
    visible = "".join(character for character in address if character.isprintable())
    return visible.encode("utf-8")[:MAX_ADDRESS_OCTETS].decode("utf-8", "ignore").strip()
