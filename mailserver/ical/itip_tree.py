"""A calendar object as a tree that remembers its octets: what is not changed comes out as it went in.

Read by lines.py as everything is; here each line keeps the octets it stands in.

Scheduling changes single lines of objects that belong to people (a PARTSTAT, a SCHEDULE-STATUS) and must leave all
others alone: RFC 4791 §5.3.4. Nothing here is changed in place; an edit is a new tree that shares the rest.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from mailserver.errors import InvalidCalendarData
from mailserver.ical import lines
from mailserver.ical.lines import MAX_DEPTH, SHOWN
from mailserver.ical.write import folded, quoted


@dataclass(frozen=True, slots=True)
class Line:
    """A content line."""

    octets: bytes  # as it stands, folds and line end with it
    name: str  # upper case
    params: tuple[tuple[str, tuple[str, ...]], ...]  # name in upper case, values without quotes
    value: str  # escapes as they are

    def param(self, name: str, default: str = "") -> str:
        """The first value of the parameter."""
        return next((values[0] for each, values in self.params if each == name and values), default)

    def with_params(self, changed: dict[str, str | None]) -> "Line":
        """Parameters set, or taken away where the value is None; the line itself where that changes nothing."""
        wanted = {name: value for name, value in changed.items() if self.param(name) != (value or "")}
        gone = {name for name, value in changed.items() if value is None and name in dict(self.params)}
        if not wanted and not gone:
            return self
        kept = tuple((name, values) for name, values in self.params if name not in changed)
        added = tuple((name, (value,)) for name, value in changed.items() if value is not None)
        return line(self.name, self.value, (*kept, *added))


@dataclass(frozen=True, slots=True)
class Part:
    """A component, or all the octets (name "") around one calendar."""

    name: str  # upper case
    begin: bytes
    items: "tuple[Line | Part, ...]"
    end: bytes

    def lines(self, name: str) -> list[Line]:
        return [each for each in self.items if isinstance(each, Line) and each.name == name]

    def first(self, name: str) -> Line | None:
        return next((each for each in self.items if isinstance(each, Line) and each.name == name), None)

    def value(self, name: str, default: str = "") -> str:
        found = self.first(name)
        return default if found is None else found.value

    @property
    def parts(self) -> "list[Part]":
        return [each for each in self.items if isinstance(each, Part)]

    def mapped(self, change: "Callable[[Line | Part], Line | Part | None]") -> "Part":
        """Each line and component replaced; None takes it out."""
        changed = [change(each) for each in self.items]
        return replace(self, items=tuple(each for each in changed if each is not None))

    def with_line(self, new: Line) -> "Part":
        """Instead of the first line of its name, or as the last line before components inside."""
        return self.without({new.name}, keep_place_for=new)

    def with_lines(self, added: Sequence[Line]) -> "Part":
        """After the lines that are there, before components inside."""
        at = next((i for i, each in enumerate(self.items) if isinstance(each, Part)), len(self.items))
        return replace(self, items=(*self.items[:at], *added, *self.items[at:]))

    def without(self, names: Iterable[str], keep_place_for: Line | None = None) -> "Part":
        names = frozenset(names)
        items: list[Line | Part] = []
        waiting = keep_place_for
        for each in self.items:
            if not isinstance(each, Line) or each.name not in names:
                items.append(each)
            elif waiting is not None:
                items.append(waiting)
                waiting = None
        kept = replace(self, items=tuple(items))
        return kept if waiting is None else kept.with_lines([waiting])

    def render(self) -> bytes:
        out: list[bytes] = []
        _render(self, out)
        return b"".join(out)


def line(name: str, value: str, params: Iterable[tuple[str, tuple[str, ...]]] = ()) -> Line:
    """A new content line, folded. `value` is escaped already (write.escaped)."""
    params = tuple(params)
    written = "".join(f";{each}={','.join(map(quoted, values))}" for each, values in params)
    return Line(folded(f"{name}{written}:{value}"), name, params, value)


def part(name: str, items: "Iterable[Line | Part]") -> Part:
    return Part(name, f"BEGIN:{name}\r\n".encode(), tuple(items), f"END:{name}\r\n".encode())


def parse(data: bytes) -> Part:
    """The first calendar of the data. Raises InvalidCalendarData."""
    open_parts: list[tuple[str, bytes, list[Line | Part]]] = []
    for octets, read in _with_octets(data):
        if read.name == "BEGIN":
            if len(open_parts) == MAX_DEPTH:
                raise InvalidCalendarData(f"The object is nested deeper than {MAX_DEPTH} components")
            open_parts.append((_component_name(read), octets, []))
        elif read.name == "END":
            if not open_parts or open_parts[-1][0] != _component_name(read):
                raise InvalidCalendarData(f"END:{read.value.strip()[:SHOWN]} ends nothing")
            name, begin, items = open_parts.pop()
            closed = Part(name, begin, tuple(items), octets)
            if not open_parts:
                return _calendar(closed)
            open_parts[-1][2].append(closed)
        elif open_parts:
            open_parts[-1][2].append(Line(octets, read.name, tuple(read.params.items()), read.value))
    raise InvalidCalendarData("The object has no END:VCALENDAR")


def _component_name(read: lines.Line) -> str:
    return read.value.strip().upper()


def _calendar(found: Part) -> Part:
    if found.name != "VCALENDAR":
        raise InvalidCalendarData(f"The object is a {found.name[:SHOWN]}, not a VCALENDAR")
    return found


def _with_octets(data: bytes) -> Iterator[tuple[bytes, lines.Line]]:
    """Lines with the octets they stand in; empty lines stay with the line before, a byte order mark with the first."""
    start, held = 0, None
    for at, _, read in lines.content_lines(data):
        if held is not None:
            yield data[start:at], held
            start = at
        held = read
    if held is not None:
        yield data[start:], held


def _render(tree: Part, out: list[bytes]) -> None:
    out.append(tree.begin)
    for each in tree.items:
        if isinstance(each, Line):
            out.append(each.octets)
        else:
            _render(each, out)
    out.append(tree.end)
