"""Content lines of vCards: many cards in one stream, folded lines, groups, parameters. RFC 2425, 2426, 6350, 6868.

Versions 3.0 and 4.0 are read alike. Of 2.1 there are also bare types (`TEL;HOME`), QUOTED-PRINTABLE with soft line
breaks, other charsets and BASE64 blocks that are not indented. Nothing is changed: what is read here is for looking
at, the octets are what is kept.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mailserver.vcard.transfer import decoded

MAX_LINES = 20_000  # logical lines of one card
MAX_PARAMETERS = 200  # of one line
MAX_DEPTH = 8  # cards inside cards: AGENT of 2.1

_BEGIN = re.compile(rb"^BEGIN[ \t]*:[ \t]*VCARD[ \t]*\r*$", re.IGNORECASE)
_END = re.compile(rb"^END[ \t]*:[ \t]*VCARD[ \t]*\r*$", re.IGNORECASE)
_AGENT = re.compile(rb"^(?:[^.:;]*\.)?AGENT[^:]*:[ \t]*\r*$", re.IGNORECASE)
_LINE = re.compile(
    r'(?:([A-Za-z0-9_-]++)\.)?([A-Za-z0-9_-]++)[ \t]*+((?:;[^:;"]*+(?:"[^"]*+"[^:;"]*+)*+)*+):(.*)', re.DOTALL
)
_PLAIN = re.compile(r"(?:([A-Za-z0-9_-]++)\.)?([A-Za-z0-9_-]++)((?:;[^:;]*+)*+):(.*)", re.DOTALL)  # a quote is a letter
_PARAMETER = re.compile(r';([^=;]*+)(?:=((?:"[^"]*+"|[^;])*+))?')
_PARAMETER_VALUE = re.compile(r'"([^"]*)"|([^",]+)')
_CARET = re.compile(r"\^([n^'])")
_CARETS = {"n": "\n", "^": "^", "'": '"'}
_QUOTED_PRINTABLE = re.compile(rb"^[^:]*QUOTED-PRINTABLE[^:]*:", re.IGNORECASE)
_BASE64 = re.compile(rb"^[^:]*;(?:ENCODING=)?(?:BASE64|B)[;:]", re.IGNORECASE)
_BASE64_ONLY = re.compile(rb"[A-Za-z0-9+/]+=*")
_BOM = b"\xef\xbb\xbf"
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]")  # no XML answer can carry them, XML 1.0 §2.2
_ENCODINGS = frozenset({"QUOTED-PRINTABLE", "BASE64", "8BIT", "7BIT"})


class BadCard(ValueError):  # noqa: N818 - a finding
    """What is wrong, and at which line of the input, from 1."""

    def __init__(self, reason: str, number: int) -> None:
        super().__init__(f"line {number}: {reason}")
        self.reason = reason
        self.number = number


@dataclass(frozen=True, slots=True)
class Line:
    group: str | None  # as written: item1
    name: str  # upper case
    parameters: tuple[tuple[str, tuple[str, ...]], ...]  # names in upper case, values without quotes
    value: str  # still escaped; quoted-printable of 2.1 is undone
    number: int  # of its first physical line, from 1

    def values_of(self, parameter: str) -> tuple[str, ...]:
        return tuple([value for name, values in self.parameters if name == parameter for value in values])

    @property
    def types(self) -> frozenset[str]:
        """TYPE in lower case, also where a list came in one pair of quotes (RFC 6350 §5.6 as clients write it)."""
        return frozenset(each.strip().lower() for value in self.values_of("TYPE") for each in value.split(","))


@dataclass(frozen=True, slots=True)
class Card:
    version: str  # "" where it has none
    lines: tuple[Line, ...]  # without BEGIN, END and VERSION, and without those of a card inside

    def named(self, name: str) -> list[Line]:
        return [line for line in self.lines if line.name == name]

    def first(self, name: str) -> Line | None:
        return next((line for line in self.lines if line.name == name), None)


@dataclass(frozen=True, slots=True)
class Span:
    """One card's octets in a stream: data[start:end], both borders at line starts."""

    start: int
    end: int
    number: int  # of its BEGIN line, from 1
    fault: str | None = None  # what is wrong with its borders: END is missing


def as_in_file(data: bytes) -> bytes:
    """A card as it stands among others: without a byte order mark, and with one line end behind it."""
    return data.removeprefix(_BOM).rstrip(b"\r\n") + b"\r\n"


def spans(data: bytes) -> Iterator[Span]:
    """The cards of a stream in order. What stands between them is no card and left out; never raises.

    A byte order mark may stand before each of them: files are joined to one.
    """
    depth = start = begun = position = 0
    before = b""
    for number, physical in enumerate(data.split(b"\n"), 1):
        line = physical.removeprefix(_BOM)
        here = position + len(physical) - len(line)
        position = min(position + len(physical) + 1, len(data))
        if line[:1] in b"bBeE" and line:
            if _BEGIN.match(line):
                if depth and not _AGENT.match(before):
                    yield Span(start, here, begun, "END:VCARD is missing")
                    depth = 0
                if not depth:
                    start, begun = here, number
                depth += 1
            elif depth and _END.match(line):
                depth -= 1
                if not depth:
                    yield Span(start, position, begun)
        before = line
    if depth:
        yield Span(start, len(data), begun, "END:VCARD is missing")


def read(data: bytes) -> Card:
    """The one card that the data is. Raises BadCard."""
    cards = _logical(data)
    first = next(cards, None)
    if first is None or not _BEGIN.match(first[0]):
        raise BadCard("a vCard starts with BEGIN:VCARD", first[1] if first else 1)
    kept, numbers, end = _body(cards, first[1])
    after = next(cards, None)
    if after is not None:
        raise BadCard("one vCard only: something follows END:VCARD", after[1])
    if len(kept) > MAX_LINES:
        raise BadCard(f"more than {MAX_LINES} lines", end)
    lines = [_line(text, number) for text, number in zip(_decoded(kept, numbers), numbers, strict=True)]
    version = next((line.value.strip() for line in lines if line.name == "VERSION"), "")
    return Card(version, tuple([line for line in lines if line.name != "VERSION"]))


def _body(cards: Iterator[tuple[bytes, int]], begun: int) -> tuple[list[bytes], list[int], int]:
    """(lines of the card itself, their numbers, number of the END line)."""
    kept, numbers, depth = list[bytes](), list[int](), 1
    number = begun
    for line, at in cards:
        number = at
        if line[:1] in b"eE" and _END.match(line):
            depth -= 1
            if not depth:
                return kept, numbers, number
        elif line[:1] in b"bB" and _BEGIN.match(line):
            depth += 1
            if depth > MAX_DEPTH or not (kept and _AGENT.match(kept[-1])):
                raise BadCard("BEGIN:VCARD inside a vCard", number)
        elif depth == 1:
            kept.append(line)
            numbers.append(number)
    raise BadCard("END:VCARD is missing", number)


def _logical(data: bytes) -> Iterator[tuple[bytes, int]]:
    """(line unfolded, number of its first physical line); empty lines are passed over.

    Octets are joined before they are decoded: a fold may cut through a UTF-8 sequence, RFC 2425 §5.8.1.
    """
    pieces, started = list[bytes](), 0
    soft = block = False  # the line goes on: after a soft line break; as a base64 block
    for number, physical in enumerate(data.removeprefix(_BOM).split(b"\n"), 1):
        line = physical.rstrip(b"\r")
        if pieces and soft:
            pieces[-1] = pieces[-1][:-1]
            pieces.append(line)
            soft = line.endswith(b"=")
            continue
        if pieces and line[:1] in (b" ", b"\t"):
            pieces.append(line[1:])
        elif pieces and block and _BASE64_ONLY.fullmatch(line):
            pieces.append(line)
            continue
        else:
            if pieces:
                yield b"".join(pieces), started
            pieces, started = ([line], number) if line.strip() else ([], number)
            block = _BASE64.match(line) is not None
        soft = line.endswith(b"=") and _QUOTED_PRINTABLE.match(pieces[0]) is not None
    if pieces:
        yield b"".join(pieces), started


def _decoded(lines: list[bytes], numbers: list[int]) -> list[str]:
    """Raises BadCard at what is neither UTF-8 nor of a charset the line names."""
    try:
        texts = b"\n".join(lines).decode("utf-8").split("\n") if lines else []
    except UnicodeDecodeError:
        texts = [_decode_one(line, number) for line, number in zip(lines, numbers, strict=True)]
    for text, number in zip(texts, numbers, strict=True):
        if _UNSEEN.search(text):
            raise BadCard("a control character", number)
    return texts


_CHARSET = re.compile(rb"^[^:]*;CHARSET=\"?([A-Za-z0-9_.-]{1,40})", re.IGNORECASE)


def _decode_one(line: bytes, number: int) -> str:
    named = _CHARSET.match(line)
    try:
        return line.decode(named[1].decode("ascii") if named else "utf-8")
    except (UnicodeDecodeError, LookupError):
        raise BadCard("not UTF-8", number) from None


def _line(text: str, number: int) -> Line:
    found = _LINE.match(text) or _PLAIN.match(text)
    if found is None:
        raise BadCard("not a content line: NAME:value", number)
    group, name, written, value = found.groups()
    if not written:
        return Line(group, name.upper(), (), value, number)
    parameters = _parameters(written, number)
    line = Line(group, name.upper(), parameters, value, number)
    if "QUOTED-PRINTABLE" in map(str.upper, line.values_of("ENCODING")):
        charset = next(iter(line.values_of("CHARSET")), "utf-8")
        return Line(group, line.name, parameters, decoded(value, charset), number)
    return line


def _parameters(written: str, number: int) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if written.count(";") > MAX_PARAMETERS:
        raise BadCard(f"more than {MAX_PARAMETERS} parameters", number)
    return tuple([_parameter(each[1].strip(), each[2]) for each in _PARAMETER.finditer(written) if each[0] != ";"])


def _parameter(name: str, value: str | None) -> tuple[str, tuple[str, ...]]:
    if value is None:  # of 2.1: TEL;HOME;VOICE
        return "ENCODING" if name.upper() in _ENCODINGS else "TYPE", (name,)
    if '"' not in value and "," not in value and "^" not in value:
        return name.upper(), (value.strip(),)
    found = [a or b.strip() for a, b in _PARAMETER_VALUE.findall(value)]
    return name.upper(), tuple([_CARET.sub(_uncaret, each) for each in found])


def _uncaret(found: re.Match[str]) -> str:
    return _CARETS[found[1]]
