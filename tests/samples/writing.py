"""How programs put lines into octets: folds, line ends, what stands before and after. Each way means the same text."""

from collections.abc import Callable
from dataclasses import dataclass

FOLD = 75  # octets of a line without its end, RFC 5545 §3.1
BOM = b"\xef\xbb\xbf"

Writing = Callable[[list[str]], bytes]


@dataclass(frozen=True, slots=True)
class Sample:
    name: str  # shape, text, writing: to be found again
    uid: str
    octets: bytes


def by_octets(lines: list[str]) -> bytes:
    """Folded at 75 octets, wherever that is in a character, as RFC 5545 lets simple implementations do."""
    return b"".join(_folded(line.encode(), FOLD, b"\r\n ") + b"\r\n" for line in lines)


def by_characters(lines: list[str]) -> bytes:
    """Folded at 60 characters: what Java and Python libraries do."""
    return "".join("\r\n ".join(_pieces(line, 60)) + "\r\n" for line in lines).encode()


def with_tabs(lines: list[str]) -> bytes:
    return "".join("\r\n\t".join(_pieces(line, 40)) + "\r\n" for line in lines).encode()


def with_bare_lf(lines: list[str]) -> bytes:
    return "".join("\n ".join(_pieces(line, 60)) + "\n" for line in lines).encode()


def never_folded(lines: list[str]) -> bytes:
    return crlf(lines)


def with_empty_lines_at_the_end(lines: list[str]) -> bytes:
    return crlf(lines) + b"\r\n\r\n"


def without_the_last_line_end(lines: list[str]) -> bytes:
    return crlf(lines)[:-2]


def with_a_byte_order_mark(lines: list[str]) -> bytes:
    return BOM + crlf(lines)


def in_small_letters(lines: list[str]) -> bytes:
    """Names of properties and components have no case."""
    return crlf([_small(line) for line in lines])


def folded_to_shreds(lines: list[str]) -> bytes:
    """Every seven characters; BEGIN and END stay whole, as every reader wants them."""
    return "".join(
        (line if line[:4] in {"BEGI", "END:"} else "\r\n ".join(_pieces(line, 7))) + "\r\n" for line in lines
    ).encode()


WRITINGS: tuple[Writing, ...] = (
    by_characters,
    never_folded,
    with_tabs,
    with_bare_lf,
    with_empty_lines_at_the_end,
    without_the_last_line_end,
    with_a_byte_order_mark,
    in_small_letters,
    folded_to_shreds,
)


def crlf(lines: list[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode()


def meant(octets: bytes) -> list[bytes]:
    """The lines without folds, in their order: what two ways of writing have in common."""
    text = octets.removeprefix(BOM).replace(b"\r\n", b"\n").replace(b"\n ", b"").replace(b"\n\t", b"")
    return [line for line in text.split(b"\n") if line]


def _small(line: str) -> str:
    if line.startswith(("BEGIN", "END")):
        return line.lower()
    ends = [line.index(mark) for mark in ";:" if mark in line]
    return line[: min(ends)].lower() + line[min(ends) :]


def _pieces(line: str, size: int) -> list[str]:
    return [line[at : at + size] for at in range(0, len(line), size)] or [""]


def _folded(line: bytes, size: int, fold: bytes) -> bytes:
    first, rest = line[:size], line[size:]
    return fold.join([first, *(rest[at : at + size - 1] for at in range(0, len(rest), size - 1))])
