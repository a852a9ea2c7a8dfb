"""Content lines as octets: folded at 75 octets, never inside a character. RFC 5545 §3.1, RFC 6868."""

import re
from collections.abc import Iterable, Mapping

from mailserver.ical.lines import Component, Line

MAX_LINE_OCTETS = 75  # without the line end
PRODID = "-//mailserver//calendars//EN"

_TEXT = re.compile(r"[\\;,\n]|\r\n?")
_ESCAPED = {"\\": "\\\\", ";": "\\;", ",": "\\,"}
_CARETED = {"^": "^^", "\n": "^n", '"': "^'"}
_TO_CARET = re.compile(r'[\^\n"]')
_TO_QUOTE = re.compile("[:;,]")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")  # all but LF, which carets and backslashes carry


def escaped(text: str) -> str:
    """TEXT with its backslashes, RFC 5545 §3.3.11."""
    return _TEXT.sub(lambda match: _ESCAPED.get(match[0], "\\n"), text)


def line(name: str, value: str, params: Mapping[str, str] | None = None) -> bytes:
    """One content line; `value` is as it shall stand there, parameters get quotes and carets. RFC 6868."""
    return folded("".join((name, *(f";{key}={quoted(text)}" for key, text in (params or {}).items()), ":", value)))


def folded(content: str) -> bytes:
    """A whole content line with its folds and its line end."""
    octets = content.encode()
    if len(octets) <= MAX_LINE_OCTETS:
        return octets + b"\r\n"
    pieces, at, room = [], 0, MAX_LINE_OCTETS
    while at < len(octets):
        end = at + room
        while end < len(octets) and octets[end] & 0xC0 == 0x80:  # not between the octets of a character
            end -= 1
        pieces.append(octets[at:end])
        at, room = end, MAX_LINE_OCTETS - 1
    return b"\r\n ".join(pieces) + b"\r\n"


def relined(line: Line) -> bytes:
    """A line that was read, as it was but for its folds."""
    return folded(f"{line.name}{line.raw_params}:{line.value}")


def component(name: str, lines: Iterable[bytes], components: Iterable[bytes] = ()) -> bytes:
    """A component of finished lines and components."""
    return b"".join((b"BEGIN:%b\r\n" % name.encode(), *lines, *components, b"END:%b\r\n" % name.encode()))


def calendar(components: Iterable[bytes], *, method: str | None = None, prodid: str = PRODID) -> bytes:
    """A whole VCALENDAR."""
    head = [line("VERSION", "2.0"), line("PRODID", prodid), line("CALSCALE", "GREGORIAN")]
    return component("VCALENDAR", head + ([line("METHOD", method)] if method else []), components)


def rewritten(tree: Component) -> bytes:
    """A component that was read, folded anew."""
    return component(tree.name, map(relined, tree.lines), map(rewritten, tree.components))


def quoted(text: str) -> str:
    """A parameter value as it is written."""
    careted = _TO_CARET.sub(lambda match: _CARETED[match[0]], _CONTROL.sub("", text))
    return f'"{careted}"' if _TO_QUOTE.search(careted) else careted
