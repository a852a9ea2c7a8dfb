"""HTML to plain text for previews and searching, in linear time. Never for showing: nothing is made safe here."""

import re
from html import unescape

LONGEST_MARKUP = 1 << 20  # characters kept while waiting for the end of a comment or a style; then it ends anyway

# Every alternative reaches its own end or the end of the text, so nothing is ever read twice.
_MARKUP = re.compile(
    r"<(?:!--.*?(?:-->|\Z)|(?P<hidden>style|script|title|template|noscript)\b.*?(?:</(?P=hidden)|\Z)[^>]*+>?"
    r"|/?(?P<name>[a-z][a-z0-9]*+)[^>]*+>?|[!?][^>]*+>?)",
    re.IGNORECASE | re.DOTALL,
)
_BEGUN_TAG = re.compile(r"</?\Z")  # no markup yet
_BEGUN_ENTITY = re.compile(r"&(?:#[xX]?[0-9a-fA-F]*|[0-9A-Za-z]*)\Z")
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
    return _unescaped(_MARKUP.sub(_replacement, html))


def _replacement(markup: re.Match[str]) -> str:
    name = markup["name"]
    return "" if name is None or name.lower() in _INLINE else "\n"


def _unescaped(text: str) -> str:
    return unescape(_ENDLESS.sub("\ufffd", text))


class HtmlText:
    """As `text_of`, for HTML that comes in pieces, cut anywhere."""

    def __init__(self) -> None:
        self._rest = ""  # of the end: what may turn out to be something else

    def feed(self, html: str) -> str:
        html = self._rest + html
        begun = _BEGUN_TAG.search(html)
        self._rest = begun[0] if begun else ""
        text = _MARKUP.sub(self._replacement, html.removesuffix(self._rest))
        if entity := _BEGUN_ENTITY.search(text):
            self._rest = entity[0] + self._rest
            text = text[: entity.start()]
        return _unescaped(text) + (self.end() if len(self._rest) > LONGEST_MARKUP else "")

    def end(self) -> str:
        html, self._rest = self._rest, ""
        return text_of(html)

    def _replacement(self, markup: re.Match[str]) -> str:
        if markup.end() < len(markup.string):
            return _replacement(markup)
        self._rest = markup[0] + self._rest
        return ""
