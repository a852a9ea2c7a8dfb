"""HTML to plain text for previews and searching, in one linear pass. Never for showing: nothing is made safe here."""

import re
from html import unescape

# Every alternative reaches its own end or the end of the text, so nothing is ever read twice.
_MARKUP = re.compile(
    r"<(?:!--.*?(?:-->|\Z)|(?P<hidden>style|script|title|template|noscript)\b.*?(?:</(?P=hidden)|\Z)[^>]*+>?"
    r"|/?(?P<name>[a-z][a-z0-9]*+)[^>]*+>?|[!?][^>]*+>?)",
    re.IGNORECASE | re.DOTALL,
)
_ENDLESS = re.compile(r"&#[xX]?[0-9a-fA-F]{11,}+;?")  # unescape raises on thousands of digits
# They stand inside a word's text; everything else separates words.
_INLINE = frozenset(
    (
        *("a", "abbr", "b", "big", "code", "em", "font", "i", "ins", "mark", "q", "s", "small", "span", "strike"),
        *("strong", "sub", "sup", "tt", "u", "wbr"),
    )
)


def text_of(html: str) -> str:
    """The words in their order; white space is not looked after."""
    return unescape(_ENDLESS.sub("\ufffd", _MARKUP.sub(_replacement, html)))


def _replacement(markup: re.Match[str]) -> str:
    name = markup["name"]
    return "" if name is None or name.lower() in _INLINE else "\n"
