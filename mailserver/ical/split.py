"""A file of calendars as objects to store: one for each UID, with the time zones it names. RFC 4791 §4.1. Pure.

Only borders of components, TZID and UID are looked at, octets are kept: one bad line spoils the object it is in, and
no other. A component without UID gets one made of its octets, so that a second import finds it again.
"""

import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from mailserver.ical.made_zones import vtimezone

_BORDER = re.compile(rb"^(BEGIN|END)[ \t]*:[ \t]*([A-Za-z0-9-]+)[ \t]*\r?$", re.IGNORECASE)
_FOLD = re.compile(rb"\r?\n[ \t]")
_UID = re.compile(rb"^UID(?:;[^:\r\n]*)?:([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_TZID = re.compile(rb"^TZID(?:;[^:\r\n]*)?:([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_NAMED_ZONE = re.compile(rb';TZID=(?:"([^"\r\n]*)"|([^":;,\r\n]*))', re.IGNORECASE)
_BOM = b"\xef\xbb\xbf"

_HEAD = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//mailserver//EN\r\n"
_END = b"END:VCALENDAR\r\n"
CALENDAR, TIMEZONE = b"VCALENDAR", b"VTIMEZONE"


@dataclass(frozen=True, slots=True)
class Piece:
    """What is to be one object; `fault` instead where the file breaks off or its borders do not match."""

    number: int  # line of its first component, from 1
    uid: str
    zones: tuple[bytes, ...]  # VTIMEZONEs, in the order of the file
    components: tuple[bytes, ...]  # octets from BEGIN to END with CRLF behind each line
    fault: str | None = None

    @property
    def data(self) -> bytes:
        return b"".join((_HEAD, *self.zones, *self.components, _END))


@dataclass(slots=True)
class _Found:
    """A component right below VCALENDAR."""

    name: bytes
    number: int
    data: bytes
    fault: str | None = None


def split(data: bytes) -> list[Piece]:
    """In the order in which UIDs first come. What stands outside of VCALENDAR is left out; never raises."""
    zones: dict[bytes, bytes] = {}
    groups: dict[str, list[_Found]] = {}
    for found in _components(data):
        if found.name == TIMEZONE:
            zones.setdefault(_named(found.data, _TZID), found.data)
        else:
            groups.setdefault(_uid(found), []).append(found)
    return [_piece(uid, those, zones) for uid, those in groups.items()]


def begin(name: str) -> bytes:
    """The first lines of a file of many objects; END:VCALENDAR is its last. `name`: what people call it."""
    return _HEAD + b"X-WR-CALNAME:" + _escaped(name) + b"\r\n"


def added(data: bytes, written: set[bytes]) -> bytes:
    """What stands in an object's VCALENDAR, but for time zones in `written`, which it adds its own to.

    Zones that it only names are made, so that the file is read alike everywhere.
    """
    kept = list[bytes]()
    for found in _components(data):
        zone = _named(found.data, _TZID) if found.name == TIMEZONE else None
        if zone not in written:
            kept.append(found.data)
        if zone is not None:
            written.add(zone)
    for zone in sorted(_zones_of(b"".join(kept)) - written):
        made = vtimezone(zone.decode("utf-8", "replace"))
        kept += [made] if made else []
        written.add(zone)
    return b"".join(kept)


def _escaped(text: str) -> bytes:
    for plain, escaped in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\n", "\\n"), ("\r", "")):
        text = text.replace(plain, escaped)
    return text.encode()


def _piece(uid: str, those: list[_Found], zones: dict[bytes, bytes]) -> Piece:
    named = {zone for found in those for zone in _zones_of(found.data)}
    return Piece(
        those[0].number,
        uid,
        tuple(octets for zone, octets in zones.items() if zone in named),
        tuple(found.data for found in those),
        next((found.fault for found in those if found.fault), None),
    )


def _components(data: bytes) -> Iterator[_Found]:
    stack: list[bytes] = []
    lines: list[bytes] = []
    begun = number = 0
    for number, line in enumerate(io.BytesIO(data.removeprefix(_BOM)), 1):  # not cut all at once: others wait for that
        border = _BORDER.match(line) if line[:1] in b"BbEe" else None
        if len(stack) > 1 and line.rstrip(b"\r\n"):  # of a folded line, a piece may be spaces alone
            lines.append(line.rstrip(b"\r\n") + b"\r\n")
        if border is None:
            continue
        name = border[2].upper()
        if border[1].upper() == b"BEGIN":
            if name == CALENDAR and len(stack) > 1:  # the one before broke off
                yield _Found(stack[1], begun, b"".join(lines[:-1]), f"END:{stack[-1].decode()} is missing")
                stack.clear()
            if len(stack) == 1 and name != CALENDAR:
                begun, lines = number, [line.rstrip(b"\r\n") + b"\r\n"]
            if stack != [CALENDAR] or name != CALENDAR:
                stack += [name] if stack or name == CALENDAR else []
        elif stack and stack[-1] == name:
            stack.pop()
            if len(stack) == 1:
                yield _Found(name, begun, b"".join(lines))
        elif len(stack) > 1:
            yield _Found(stack[1], begun, b"".join(lines), f"END:{name.decode()} where END:{stack[-1].decode()} is due")
            del stack[1:]
    if len(stack) > 1:
        yield _Found(stack[1], begun, b"".join(lines), f"END:{stack[-1].decode()} is missing")


def _uid(found: _Found) -> str:
    """Its own; else one made of its octets, which it gets."""
    uid = _named(_top(found.data), _UID).strip().decode("utf-8", "replace")
    if uid or found.fault:
        return uid or f"fault-{found.number}"
    uid = hashlib.sha256(found.data).hexdigest()[:32]
    first, rest = found.data.split(b"\r\n", 1)
    found.data = b"\r\n".join((first, b"UID:" + uid.encode(), rest))
    return uid


def _top(data: bytes) -> bytes:
    """Without components inside: a VALARM has a UID of its own."""
    kept: list[bytes] = []
    depth = 0
    for line in _FOLD.sub(b"", data).split(b"\n"):
        border = _BORDER.match(line)
        depth += (1 if border[1].upper() == b"BEGIN" else -1) if border else 0
        if depth == 1:
            kept.append(line)
    return b"\n".join(kept)


def _zones_of(data: bytes) -> set[bytes]:
    return {quoted or plain for quoted, plain in _NAMED_ZONE.findall(_FOLD.sub(b"", data))}


def _named(data: bytes, what: re.Pattern[bytes]) -> bytes:
    found = what.search(_FOLD.sub(b"", data))
    return found[1] if found else b""
