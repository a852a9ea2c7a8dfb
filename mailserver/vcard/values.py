"""Values of vCards as text and back: escapes, lists, components, folding. RFC 2426 §4, RFC 6350 §3.2, §3.4."""

import re
from collections.abc import Iterable, Mapping

from mailserver.vcard.lines import Line

FOLD_OCTETS = 75  # RFC 6350 §3.2, without the line end

_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "N": "\n", "\\": "\\", ",": ",", ";": ";", ":": ":"}  # "\:" as older Apple programs write it
_TO_ESCAPE = re.compile(r"[\\,;\n]")
_WRITTEN = {"\\": "\\\\", ",": "\\,", ";": "\\;", "\n": "\\n"}
_SEPARATED = {
    ";": re.compile(r"((?:[^;\\]|\\.)*+)(;|\\?$)", re.DOTALL),
    ",": re.compile(r"((?:[^,\\]|\\.)*+)(,|\\?$)", re.DOTALL),
}
_PARAMETER_ESCAPE = re.compile('[\n^"]')  # RFC 6868
_PARAMETER_WRITTEN = {"\n": "^n", "^": "^^", '"': "^'"}


def text(value: str) -> str:
    """Without escapes. A backslash before anything else is a backslash."""
    return _ESCAPE.sub(_unescape, value) if "\\" in value else value


def _unescape(found: re.Match[str]) -> str:
    return _ESCAPED.get(found[1], found[0])


def split(value: str, separator: str) -> list[str]:
    """The parts between separators that are not escaped, still escaped themselves."""
    if "\\" not in value:
        return value.split(separator)
    found, position = list[str](), 0
    pattern = _SEPARATED[separator]
    while (part := pattern.match(value, position)) is not None:
        found.append(part[0][: -len(separator)] if part[2] == separator else part[0])
        position = part.end()
        if part[2] != separator:
            break
    return found


def components(value: str, count: int) -> list[str]:
    """The components of a structured value (N, ADR, ORG) as text, "" for each that is missing, lists by spaces."""
    parts = [" ".join(text(each).strip() for each in split(part, ",")).strip() for part in split(value, ";")]
    return parts + [""] * (count - len(parts))


def escaped(written: str) -> str:
    return _TO_ESCAPE.sub(lambda found: _WRITTEN[found[0]], written.replace("\r\n", "\n"))


def content_line(name: str, value: str, parameters: Mapping[str, Iterable[str]] | None = None, group: str = "") -> str:
    """Folded, with its line end; the value is written as it is."""
    start = f"{group}.{name}" if group else name
    written = "".join(f";{key}={','.join(map(_parameter, values))}" for key, values in (parameters or {}).items())
    return folded(f"{start}{written}:{value}")


def rewritten(line: Line, name: str | None = None) -> str:
    """A line that was read, as one of 3.0 or 4.0."""
    joined = dict[str, list[str]]()
    for key, values in line.parameters:
        joined.setdefault(key, []).extend(values)
    return content_line(name or line.name, line.value.replace("\n", "\\n"), joined, line.group or "")


def folded(line: str) -> str:
    """Lines of at most 75 octets, never cut inside a character."""
    octets = line.encode("utf-8")
    if len(octets) <= FOLD_OCTETS:
        return line + "\r\n"
    pieces, start, room = list[bytes](), 0, FOLD_OCTETS
    while start < len(octets):
        end = min(start + room, len(octets))
        while end < len(octets) and octets[end] & 0xC0 == 0x80:
            end -= 1
        pieces.append(octets[start:end])
        start, room = end, FOLD_OCTETS - 1
    return b"\r\n ".join(pieces).decode("utf-8") + "\r\n"


def _parameter(value: str) -> str:
    written = _PARAMETER_ESCAPE.sub(lambda found: _PARAMETER_WRITTEN[found[0]], value)
    return f'"{written}"' if any(each in written for each in ',;:"') else written
