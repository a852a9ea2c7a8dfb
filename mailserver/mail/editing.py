"""Changes to a message's header on its way in: fields taken out, fields put on top. The body is never touched.

A received field is kept octet for octet or removed whole; nothing is written anew.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from mailserver.mail.comments import without_comments
from mailserver.mail.headers import header_octets, unfolded

LONGEST_LINE = 998  # octets without CRLF, RFC 5322 §2.1.1
FOLD_AT = 78  # characters that a line should not exceed

_LINE = re.compile(rb"[^\n]*+\n(?:[ \t][^\n]*+\n?)*+|[^\n]++")
_NAME = re.compile(rb"([!-9;-~]++)[ \t]*+:")
_FIELD_NAME = re.compile(r"[!-9;-~]+")
_FORBIDDEN = re.compile(r"[\x00\r\n]")

Predicate = Callable[[bytes, bytes], bool]  # of a field's lower case name and its unfolded value


@dataclass(frozen=True, slots=True)
class RawField:
    name: bytes  # lower case; b"" for a line in the header that is no field
    line: bytes  # with its continuations and line ends

    @property
    def value(self) -> bytes:
        return unfolded(self.line.partition(b":")[2])


@dataclass(frozen=True, slots=True)
class HeaderBlock:
    fields: tuple[RawField, ...]
    octets: int  # of the message that it stands for: the body begins there
    ended: bool  # an empty line was found; if not, the head was too short, or the message has no body or no header

    @classmethod
    def parse(cls, head: bytes) -> "HeaderBlock":
        """Of the beginning of a message, which should reach beyond its header. Never raises."""
        octets = header_octets(head)
        block = head[:octets]
        lines = _LINE.findall(block)
        ended = bool(lines) and lines[-1] in {b"\r\n", b"\n"}
        return cls(tuple(map(_raw_field, lines[:-1] if ended else lines)), octets, ended)

    def values(self, name: bytes) -> list[bytes]:
        """Unfolded, in message order; the name in lower case."""
        return [field.value for field in self.fields if field.name == name]

    def count(self, name: bytes) -> int:
        return sum(field.name == name for field in self.fields)

    def has(self, name: bytes) -> bool:
        return any(field.name == name for field in self.fields)

    def without(self, predicate: Predicate) -> "HeaderBlock":
        """Fields of which the predicate holds are gone."""
        kept = (field for field in self.fields if not (field.name and predicate(field.name, field.value)))
        return replace(self, fields=tuple(kept))

    def with_first(self, lines: Iterable[bytes]) -> "HeaderBlock":
        """Whole field lines, CRLF ended, in this order above all others."""
        return replace(self, fields=(*map(_raw_field, lines), *self.fields))

    def render(self) -> bytes:
        """The header with an empty line at its end, also where the message had none."""
        block = b"".join([field.line for field in self.fields])
        if block and not block.endswith(b"\n"):
            block += b"\r\n"
        return block + b"\r\n"


def _raw_field(line: bytes) -> RawField:
    name = _NAME.match(line)
    return RawField(name[1].lower() if name else b"", line)


def is_named(*names: bytes) -> Predicate:
    """A field of one of these lower case names."""
    return lambda name, _: name in names


def is_result_of(authserv_id: str) -> Predicate:
    """An Authentication-Results field that claims to be ours, which on arrival is a forgery. RFC 8601 §5."""
    ours = authserv_id.lower().encode("utf-8")
    return lambda name, value: name == b"authentication-results" and _authserv_id(value) == ours


def _authserv_id(value: bytes) -> bytes:
    if b"(" in value:
        value = without_comments(value)
    words = value.partition(b";")[0].replace(b'"', b" ").split()
    return words[0].lower().rstrip(b".") if words else b""


def field_line(name: str, value: str) -> bytes:
    """One field with its CRLF, folded at spaces, UTF-8. Raises ValueError where it would not stay one field."""
    if not _FIELD_NAME.fullmatch(name) or _FORBIDDEN.search(value):
        raise ValueError("a header field can not contain line ends or NUL")
    lines, line = [], f"{name}:"
    for word in value.split(" "):
        if len(line) + 1 + len(word) > FOLD_AT and line.strip() and line != f"{name}:" and word:
            lines.append(line)
            line = ""
        line += f" {word}"
    encoded = [part.encode("utf-8") for part in (*lines, line)]
    if any(len(part) > LONGEST_LINE for part in encoded):
        raise ValueError(f"a header line would be longer than {LONGEST_LINE} octets")
    return b"\r\n".join(encoded) + b"\r\n"
