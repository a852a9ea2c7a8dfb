"""Changes to a message's header on its way in: fields taken out, fields put on top. The body is never touched.

A received field is kept octet for octet or removed whole; nothing is written anew.
"""

import re
from collections.abc import Callable, Iterable

import msgspec

from mailserver.mail.comments import without_comments
from mailserver.mail.headers import header_octets, unfolded

LONGEST_LINE = 998  # octets without CRLF, RFC 5322 §2.1.1
FOLD_AT = 78  # characters that a line should not exceed

_FIELD = re.compile(rb"((?:([!-9;-~]++)[ \t]*+:|)[^\n]*+(?:\n[ \t][^\n]*+)*+\n?)")
_FIELD_NAME = re.compile(r"[!-9;-~]+")
_FORBIDDEN = re.compile(r"[\x00\r\n]")
# Lines of a field that is too long for one: all that is left, as much as fits, or one word that does not.
_FOLDED = re.compile(
    rf".{{1,{FOLD_AT}}}\Z|.{{2,{FOLD_AT}}}(?= [^ ])|.{{{FOLD_AT + 1},}}?(?= [^ ])|.+",
    re.DOTALL,
)


class RawField(msgspec.Struct, frozen=True):
    name: bytes  # lower case; b"" for a line in the header that is no field
    line: bytes  # with its continuations and line ends

    @property
    def value(self) -> bytes:
        return unfolded(self.line.partition(b":")[2])


Predicate = Callable[[RawField], bool]


class HeaderBlock(msgspec.Struct, frozen=True):
    fields: tuple[RawField, ...]
    octets: int  # of the message that it stands for: the body begins there
    ended: bool  # an empty line was found; if not, the head was too short, or the message has no body or no header

    @classmethod
    def parse(cls, head: bytes) -> "HeaderBlock":
        """Of the beginning of a message, which should reach beyond its header. Never raises."""
        octets = header_octets(head)
        fields = _raw_fields(head[:octets])
        ended = bool(fields) and fields[-1].line in {b"\r\n", b"\n"}
        return cls(tuple(fields[:-1] if ended else fields), octets, ended)

    def values(self, name: bytes) -> list[bytes]:
        """Unfolded, in message order; the name in lower case."""
        return [field.value for field in self.fields if field.name == name]

    def count(self, name: bytes) -> int:
        return [field.name for field in self.fields].count(name)

    def has(self, name: bytes) -> bool:
        return any(field.name == name for field in self.fields)

    def without(self, predicate: Predicate) -> "HeaderBlock":
        """Fields of which the predicate holds are gone."""
        kept = tuple([field for field in self.fields if not predicate(field)])
        return HeaderBlock(kept, self.octets, self.ended)

    def with_first(self, lines: Iterable[bytes]) -> "HeaderBlock":
        """Whole field lines, CRLF ended, in this order above all others."""
        first = [RawField(line.partition(b":")[0].rstrip(b" \t").lower(), line) for line in lines]
        return HeaderBlock((*first, *self.fields), self.octets, self.ended)

    def render(self) -> bytes:
        """The header with an empty line at its end, also where the message had none."""
        block = b"".join([field.line for field in self.fields])
        if block and not block.endswith(b"\n"):
            block += b"\r\n"
        return block + b"\r\n"


def _raw_fields(block: bytes) -> list[RawField]:
    found = _FIELD.findall(block)
    found.pop()  # nothing, at the end
    return [RawField(name.lower(), line) for line, name in found]


def is_named(*names: bytes) -> Predicate:
    """A field of one of these lower case names."""
    return lambda field: field.name in names


def is_result_of(authserv_id: str) -> Predicate:
    """An Authentication-Results field that claims to be ours, which on arrival is a forgery. RFC 8601 §5."""
    ours = authserv_id.lower().encode("utf-8")
    return lambda field: field.name == b"authentication-results" and _authserv_id(field.value) == ours


def _authserv_id(value: bytes) -> bytes:
    if b"(" in value:
        value = without_comments(value)
    words = value.partition(b";")[0].replace(b'"', b" ").split()
    return words[0].lower().rstrip(b".") if words else b""


def field_line(name: str, value: str) -> bytes:
    """One field with its CRLF, folded at spaces, UTF-8. Raises ValueError where it would not stay one field."""
    if not _FIELD_NAME.fullmatch(name) or _FORBIDDEN.search(value):
        raise ValueError("a header field can not contain line ends or NUL")
    if len(name) + len(": ") + len(value) <= FOLD_AT:
        return f"{name}: {value}\r\n".encode()
    # NUL, which no value has, stands for the space after the name: no fold there, the line would be empty.
    encoded = [line.encode("utf-8") for line in _FOLDED.findall(f"{name}:\0{value}")]
    if max(map(len, encoded)) > LONGEST_LINE:
        raise ValueError(f"a header line would be longer than {LONGEST_LINE} octets")
    return b"\r\n".join(encoded).replace(b"\0", b" ") + b"\r\n"
