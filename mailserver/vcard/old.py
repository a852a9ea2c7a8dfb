"""vCard 2.1 as 3.0, for imports: phones and old programs export it, CardDAV does not know it. RFC 6352 §5.1.

vobject reads; what it gives is written again line by line. A card inside a card (AGENT) becomes its name in AGENT.
"""

import base64
import re
from collections.abc import Iterator
from typing import Any

from mailserver.vcard.lines import BadCard
from mailserver.vcard.values import content_line, escaped, text

_STRUCTURED = frozenset({"N", "ADR", "ORG"})  # parted by ";", an escaped one is "\;"
_LEFT_OUT = frozenset({"VERSION", "AGENT"})
_WRAPPING = frozenset({"ENCODING", "CHARSET", "TYPE"})
_BARE_COMMA = re.compile(r"(?<!\\),")
_BASE64 = re.compile(  # a property, and the lines that go on: indented, or of nothing but base64
    r"^([^:\r\n]*;(?:ENCODING=)?(?:BASE64|B)(?:;[^:\r\n]*)?):"
    r"([^\r\n]*(?:\r?\n(?:[ \t][^\r\n]*|[A-Za-z0-9+/]+=*[ \t]*(?=\r?\n)))*)",
    re.IGNORECASE | re.MULTILINE,
)
_NO_BASE64 = re.compile(r"[^A-Za-z0-9+/]")
_NOT_A_NAME = re.compile(r"[^A-Z0-9-]")


def as_version_3(data: bytes, uid: str) -> bytes:
    """`uid`: for a card without one. Raises BadCard."""
    from vobject.base import ContentLine, ParseError, readComponents

    try:
        card: Any = next(readComponents(_mended(_decoded(data)), validate=False, transform=False, allowQP=True), None)
    except (ParseError, ValueError, LookupError, IndexError) as fault:
        raise BadCard(f"not a vCard 2.1: {fault}"[:200], getattr(fault, "lineNumber", None) or 1) from None
    if card is None or (card.name or "").upper() != "VCARD":
        raise BadCard("not a vCard", 1)
    lines = [each for each in card.getChildren() if isinstance(each, ContentLine)]
    agents = [each for each in card.getChildren() if not isinstance(each, ContentLine)]
    written = [
        "BEGIN:VCARD\r\n",
        "VERSION:3.0\r\n",
        *_added(lines, uid),
        *(_line(line) for line in lines if line.name.upper() not in _LEFT_OUT),
        *(content_line("AGENT", escaped(_agent(each)), {"VALUE": ["text"]}) for each in agents),
        "END:VCARD\r\n",
    ]
    return "".join(written).encode("utf-8", "replace")


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _mended(text: str) -> str:
    """Base64 that can be read: cut short where it breaks off, so that a picture costs no card the rest of it."""
    return _BASE64.sub(_mend, text)


def _mend(found: re.Match[str]) -> str:
    octets = _NO_BASE64.sub("", found[2].partition("=")[0])
    octets = octets[: len(octets) - (len(octets) % 4 == 1)]
    return f"{found[1]}:{octets}{'=' * (-len(octets) % 4)}" if octets else ""


def _added(lines: list[Any], uid: str) -> Iterator[str]:
    """What 3.0 has to have and 2.1 has not: FN, N and UID."""
    names = {line.name.upper(): str(line.value) for line in lines}
    if not names.get("UID", "").strip():
        yield content_line("UID", uid)
    if "FN" not in names:
        parts = [text(part) for part in names.get("N", "").split(";")]
        yield content_line("FN", escaped(" ".join(filter(None, (*parts[1:2], *parts[:1])))))
    if "N" not in names:
        yield content_line("N", escaped(names.get("FN", "")) + ";;;;")


def _line(line: Any) -> str:
    """The line as 3.0 writes it: types named, base64 as "b", everything else in UTF-8."""
    name, value = line.name.upper(), line.value
    types = [*line.singletonparams, *line.params.get("TYPE", [])]
    parameters = {key: list(values) for key, values in line.params.items() if key not in _WRAPPING}
    if types:
        parameters["TYPE"] = [_NOT_A_NAME.sub("", each.upper()) for each in types]
    if isinstance(value, bytes):
        value, parameters["ENCODING"] = base64.b64encode(value).decode("ascii"), ["b"]
    elif name in _STRUCTURED:
        value = _BARE_COMMA.sub(r"\\,", _one_line(value))
    elif line.behavior is not None:
        value = escaped(value)
    return content_line(name, _one_line(value), parameters, line.group or "")


def _one_line(value: str) -> str:
    return value.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\\n")


def _agent(card: Any) -> str:
    return next((str(line.value) for line in card.getChildren() if line.name.upper() in ("FN", "N")), "")
