"""What one line of a command says about the command: its end, tag and name, and a literal that follows."""

import re
from dataclasses import dataclass

HEAD_OCTETS = 200  # hold the longest tag and name
MAX_LITERAL_DIGITS = 18  # of a literal's size, checked before int()

# tag = 1*<ASTRING-CHAR except "+">; the lengths are ours
_TAG = re.compile(rb"[!#$&',\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]{1,100}(?= |\Z)")
_NAME = re.compile(rb" ((?:UID )?[A-Z0-9.\-]{1,40})(?= |\Z)", re.IGNORECASE)
_ANNOUNCED = re.compile(rb"\{([0-9]+)(\+?)\}")


@dataclass(frozen=True, slots=True)
class Announced:
    octets: int | None  # None: more than any number we read
    synchronising: bool
    literal8: bool
    start: int  # of the marker in its line


def content_of(line: bytes) -> tuple[bytes, bool]:
    """A line without its end, and whether that was CRLF. A bare LF ends a line too, as people type it."""
    return (line[:-2], True) if line.endswith(b"\r\n") else (line[:-1], False)


def head(content: bytes) -> tuple[bytes, str, int]:
    """Tag, command name and where the name ends; b"" and "" for what is not there."""
    tag = _TAG.match(content)
    if tag is None:
        return b"", "", 0
    name = _NAME.match(content, tag.end())
    return (tag[0], name[1].upper().decode("ascii"), name.end()) if name else (tag[0], "", 0)


def announced(content: bytes) -> Announced | None:
    """The literal whose size stands at the end of a line: {n}, {n+}, ~{n} or ~{n+}."""
    start = content.rfind(b"{") if content.endswith(b"}") else -1
    found = _ANNOUNCED.fullmatch(content, start) if start >= 0 else None
    if found is None:
        return None
    octets = int(found[1]) if len(found[1]) <= MAX_LITERAL_DIGITS else None
    literal8 = content[:start].endswith(b"~")
    return Announced(octets, not found[2], literal8, start - literal8)
