"""Content lines and components of iCalendar as they stand in the octets. RFC 5545 §3.1, §3.4, RFC 6868.

Nothing is interpreted but the shape: values stay as sent, `span` of a component leads back to its octets. Programs in
use also write bare LF, CR CR LF, empty lines, control characters and a lone quote: all of it is taken.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from mailserver.errors import InvalidCalendarData

MAX_LINES = 100_000  # of one object, folded ones counted; a year of a busy calendar has fewer
MAX_STREAM_LINES = 5_000_000  # of a file with many objects
MAX_COMPONENTS = 20_000  # of one object
MAX_STREAM_COMPONENTS = 500_000
MAX_DEPTH = 10  # VCALENDAR, VEVENT, PARTICIPANT, VLOCATION … : four are in use
SHOWN = 60  # characters of a bad line that an answer quotes

_BOM = b"\xef\xbb\xbf"
_LOGICAL = re.compile(r"[^\r\n]*(?:\r*\n[ \t][^\r\n]*)*(?:\r*\n|\Z)")
_FOLD = re.compile(r"\r*\n[ \t]")
_HEAD = r'([A-Za-z0-9_.-]+)((?:;[^":;\r\n]*(?:"[^"\r\n]*"[^":;\r\n]*)*)*):'
_LINE = re.compile(_HEAD + r"([^\r\n]*)((?:\r*\n[ \t][^\r\n]*)*)(?:\r*\n|\Z)")  # a value with its folds
_JOINED = re.compile(_HEAD + "(.*)", re.DOTALL)
_LOOSE = re.compile("([A-Za-z0-9_.-]+)(;[^:]*):(.*)", re.DOTALL)  # a quote in a name is never closed
_PARAMETER = re.compile(r';([^=";:,]*)=?((?:"[^"]*"|[^";:])*)')
_PARAMETER_VALUE = re.compile(r'(?:"[^"]*"|[^",])+|(?<=,)(?=,|$)|^(?=,|$)')
_CARETS = re.compile(r"\^([n'^])")
_UNCARETED = {"n": "\n", "'": '"', "^": "^"}
_CONTROLS = re.compile(rb"\x00|\r(?!\r*\n)")  # others come out of Outlook's texts; in XML they are replaced
_NO_CHARACTERS = re.compile("[\ufffe\uffff]")
_ESCAPES = re.compile(r"\\(.)", re.DOTALL)


class Line(NamedTuple):
    """One content line, unfolded."""

    name: str  # upper case
    raw_params: str  # as sent, from the first ";" on
    value: str  # as sent: TEXT still has its backslashes

    @property
    def params(self) -> dict[str, tuple[str, ...]]:
        """Names in upper case; values without quotes, carets decoded. RFC 6868."""
        return _params(self.raw_params) if self.raw_params else {}

    def param(self, name: str) -> str | None:
        """The first value of a parameter."""
        if not self.raw_params:
            return None
        values = _params(self.raw_params).get(name)
        return values[0] if values else None

    @property
    def text(self) -> str:
        """The value as TEXT, RFC 5545 §3.3.11."""
        return unescaped(self.value)


@dataclass(frozen=True, slots=True)
class Component:
    """What stands between BEGIN and END."""

    name: str  # upper case
    lines: tuple[Line, ...]  # in their order, without BEGIN and END
    components: tuple["Component", ...]
    span: tuple[int, int]  # of its octets, from BEGIN up to and with the line end after END

    def line(self, name: str) -> Line | None:
        """The first line of this name (upper case)."""
        for line in self.lines:
            if line.name == name:
                return line
        return None

    def all(self, name: str) -> list[Line]:
        return [line for line in self.lines if line.name == name]

    def value(self, name: str) -> str | None:
        line = self.line(name)
        return line.value if line else None

    def text(self, name: str) -> str | None:
        line = self.line(name)
        return line.text if line else None

    def named(self, name: str) -> list["Component"]:
        """Components right below, of this name (upper case)."""
        return [component for component in self.components if component.name == name]


def parse(data: bytes) -> Component:
    """The one VCALENDAR of an object. Raises InvalidCalendarData, with the line's number in its words."""
    calendars = _read(data, MAX_LINES, MAX_COMPONENTS)
    if len(calendars) != 1:
        raise InvalidCalendarData("there are several VCALENDAR in it" if calendars else "there is no VCALENDAR in it")
    return calendars[0]


def parse_stream(data: bytes) -> tuple[Component, ...]:
    """All VCALENDARs of a file. Raises InvalidCalendarData."""
    return _read(data, MAX_STREAM_LINES, MAX_STREAM_COMPONENTS)


def unescaped(value: str) -> str:
    """TEXT without its backslashes, RFC 5545 §3.3.11; one before any other character only goes away."""
    return _ESCAPES.sub(lambda m: "\n" if m[1] in "nN" else m[1], value) if "\\" in value else value


def text_list(value: str) -> list[str]:
    r"""The values of a list of TEXT such as CATEGORIES: cut at the commas that have no backslash."""
    return [unescaped(part) for part in re.findall(r"(?:[^\\,]|\\.)+", value, re.DOTALL)]


def _params(raw: str) -> dict[str, tuple[str, ...]]:
    params: dict[str, tuple[str, ...]] = {}
    for match in _PARAMETER.finditer(raw):
        name = match[1].upper()
        params[name] = params.get(name, ()) + _values(match[2])
    return params


def _values(raw: str) -> tuple[str, ...]:
    if "," not in raw and '"' not in raw and "^" not in raw:
        return (raw,)
    return tuple(
        _CARETS.sub(lambda m: _UNCARETED[m[1]], value.replace('"', "")) for value in _PARAMETER_VALUE.findall(raw)
    )


@dataclass(slots=True)
class _Open:
    """A component whose END has not come yet."""

    name: str
    start: int
    lines: list[Line]
    components: list[Component]


def _read(data: bytes, max_lines: int, max_components: int) -> tuple[Component, ...]:
    stack: list[_Open] = []
    done: list[Component] = []
    count = 0
    for start, end, line in content_lines(data, max_lines):
        if line.name == "BEGIN":
            count += 1
            if len(stack) == MAX_DEPTH or count > max_components:
                raise _fault(data, start, "too many components" if count > max_components else "nested too deeply")
            stack.append(_Open(_component_name(data, start, line, stack), start, [], []))
        elif line.name == "END":
            component = _closed(data, stack, start, end, line)
            (stack[-1].components if stack else done).append(component)
        elif stack:
            stack[-1].lines.append(line)
        else:
            raise _fault(data, start, f"{line.name[:SHOWN]} stands outside VCALENDAR")
    if stack:
        raise _fault(data, stack[-1].start, f"BEGIN:{stack[-1].name[:SHOWN]} has no END")
    return tuple(done)


def content_lines(data: bytes, max_lines: int = MAX_LINES) -> Iterator[tuple[int, int, Line]]:
    """(start, end with its line end, line) of each, where they stand in the octets. Raises InvalidCalendarData.

    Between an end and the next start are empty lines at most, before the first one a byte order mark.
    """
    _check_octets(data, max_lines)
    return _lines(data)


def _check_octets(data: bytes, max_lines: int) -> None:
    if data.count(b"\n") > max_lines:
        raise InvalidCalendarData(f"more than {max_lines} lines")
    if control := _CONTROLS.search(data):
        raise _fault(data, control.start(), f"a control character (0x{control[0][0]:02x})")


def _lines(data: bytes) -> Iterator[tuple[int, int, Line]]:
    """Each octet is one character here, so that offsets are those of octets and a fold may cut a UTF-8 sequence;
    characters are made of whole lines."""
    octets = data.decode("latin-1")
    is_ascii = data.isascii()
    at, length = len(_BOM) if data.startswith(_BOM) else 0, len(data)
    match_line = _LINE.match
    while at < length:
        match = match_line(octets, at)
        if match is None:
            line, end = _odd_line(data, octets, at)
        else:
            end = match.end()
            name, params, value, folds = match.groups()
            if folds:
                value += _FOLD.sub("", folds)
            line = Line(name.upper(), params, value)
        if line is not None:
            yield at, end, line if is_ascii else _decoded(data, at, line)
        at = end


def _odd_line(data: bytes, octets: str, at: int) -> tuple[Line | None, int]:
    """A line that is folded before its value, or has a lone quote; None for an empty one."""
    match = _LOGICAL.match(octets, at)
    end = match.end() if match else len(octets)
    text = _FOLD.sub("", octets[at:end]).rstrip("\r\n")
    content = _JOINED.fullmatch(text) or _LOOSE.fullmatch(text)
    if content is not None:
        return Line(content[1].upper(), content[2], content[3]), end
    if text.strip():
        raise _fault(data, at, f"not a content line: {text[:SHOWN]!a}")
    return None, end


def _decoded(data: bytes, at: int, line: Line) -> Line:
    if line.value.isascii() and line.raw_params.isascii():
        return line
    try:
        params, value = (text.encode("latin-1").decode() for text in (line.raw_params, line.value))
    except UnicodeDecodeError:
        raise _fault(data, at, "not UTF-8") from None
    if _NO_CHARACTERS.search(value) or _NO_CHARACTERS.search(params):
        raise _fault(data, at, "a character that is none (U+FFFE or U+FFFF)")
    return Line(line.name, params, value)


def _component_name(data: bytes, start: int, line: Line, stack: list[_Open]) -> str:
    name = line.value.strip().upper()
    if not stack and name != "VCALENDAR":
        raise _fault(data, start, f"{name[:SHOWN]!a} stands outside VCALENDAR")
    return name


def _closed(data: bytes, stack: list[_Open], start: int, end: int, line: Line) -> Component:
    name = line.value.strip().upper()
    if not stack or stack[-1].name != name:
        found = f"END:{name[:SHOWN]}"
        raise _fault(data, start, f"{found} where END:{stack[-1].name} is due" if stack else f"{found} without BEGIN")
    opened = stack.pop()
    return Component(name, tuple(opened.lines), tuple(opened.components), (opened.start, end))


def _fault(data: bytes, at: int, text: str) -> InvalidCalendarData:
    number = data.count(b"\n", 0, at) + 1
    return InvalidCalendarData(f"line {number}: {text}")
