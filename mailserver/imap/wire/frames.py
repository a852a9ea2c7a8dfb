"""What the framer hands to the session, and how much of each it lets a client send."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mailserver.imap.wire.reader import Reader

CHUNK_OCTETS = 65_536  # of a message handed over at once
KIB = 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What one command may take; `append` None: APPEND's literal is one like all others."""

    text: int  # octets of all lines of a command, literals not counted
    literal: int  # octets of one literal
    literals: int  # how many
    literal_total: int  # octets of all of them
    swallow: int  # octets thrown away after a mistake, then BYE
    append: int | None = None  # octets of a message; larger ones are refused before "+"
    by_name: "Mapping[str, Limits]" = field(default_factory=dict)  # commands with limits of their own


# RFC 2971 allows ID thirty values of 1,024 octets, whether quoted or as literals, and clients send it before login.
ID_BEFORE_LOGIN = Limits(text=72 * KIB, literal=4 * KIB, literals=64, literal_total=32 * KIB, swallow=64 * KIB)
BEFORE_LOGIN = Limits(
    text=8 * KIB, literal=4 * KIB, literals=16, literal_total=8 * KIB, swallow=64 * KIB, by_name={"ID": ID_BEFORE_LOGIN}
)


def after_login(max_append_octets: int) -> Limits:
    return Limits(
        text=64 * KIB,
        literal=100 * KIB,
        literals=1000,
        literal_total=256 * KIB,
        swallow=1024 * KIB,
        append=max_append_octets,
    )


# --- items ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Command:
    """A whole command; after AppendStart, what follows the last message: nothing, if the client is right."""

    tag: bytes
    name: str  # upper case, "UID FETCH" for the UID forms
    reader: Reader


@dataclass(frozen=True, slots=True)
class NeedLiteral:
    """The client waits for "+" before it sends a literal; within the limits already."""

    tag: bytes
    octets: int


@dataclass(frozen=True, slots=True)
class AppendStart:
    """A message is announced. `refuse`, or write "+" if `synchronising` and go on: chunks follow, the last is marked.

    The reader stands before the SP of the arguments and ends where the literal begins: ` INBOX (\\Seen) `. For the
    second and later literals, of MULTIAPPEND or CATENATE, it holds what stands between them: ` (\\Seen) `.
    """

    tag: bytes
    reader: Reader
    octets: int
    synchronising: bool
    literal8: bool  # "~{n}": NUL is allowed
    first: bool  # of this command


@dataclass(frozen=True, slots=True)
class LiteralChunk:
    data: bytes  # at most CHUNK_OCTETS
    last: bool


@dataclass(frozen=True, slots=True)
class RawLine:
    """What `expect_line` asked for, without its line end."""

    line: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """To be answered `tag status text`; with `close`, then BYE and nothing more is read."""

    tag: bytes  # b"*" where none was read
    status: bytes  # b"BAD" or b"NO"
    text: bytes
    close: bool = False


Item = Command | NeedLiteral | AppendStart | LiteralChunk | RawLine | Refused
