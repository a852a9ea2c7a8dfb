"""The properties of a card that a client asked for, each as it is written. RFC 6352 §10.4.2."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_NAME = re.compile(rb"(?:([A-Za-z0-9_-]+)\.)?([A-Za-z0-9_-]+)[ \t]*[;:]")
_ALWAYS = frozenset({"BEGIN", "END", "VERSION"})


@dataclass(frozen=True, slots=True)
class Asked:
    name: str  # upper case, with its group where one was asked for: ITEM1.EMAIL
    novalue: bool = False  # the name and the parameters only


def subset(data: bytes, asked: Iterable[Asked]) -> bytes:
    """VERSION is always there: without it nobody could read the rest."""
    wanted = {each.name: each for each in asked}
    return b"".join(_kept(data, wanted))


def _kept(data: bytes, wanted: dict[str, Asked]) -> Iterator[bytes]:
    for line in _logical(data):
        found = _NAME.match(line)
        if found is None:
            continue
        name = found[2].decode("ascii").upper()
        group = found[1].decode("ascii").upper() + "." if found[1] else ""
        one = wanted.get(name) or wanted.get(group + name)
        if name in _ALWAYS:
            yield line
        elif one is not None:
            yield _without_value(line) if one.novalue else line


def _logical(data: bytes) -> Iterator[bytes]:
    """Lines with their folds and ends, octet for octet."""
    start = 0
    for found in re.finditer(rb"\n(?![ \t])", data):
        yield data[start : found.end()]
        start = found.end()
    if start < len(data):
        yield data[start:]


def _without_value(line: bytes) -> bytes:
    quoted = False
    for position, octet in enumerate(line):
        if octet == ord('"'):
            quoted = not quoted
        elif octet == ord(":") and not quoted:
            return line[: position + 1] + b"\r\n"
    return line
