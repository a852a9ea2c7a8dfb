"""A file of calendars as objects to store: one for each UID, with the time zones it names. RFC 4791 §4.1. Pure.

Only borders of components, TZID and UID are looked at, octets are kept: one bad line spoils the object it is in, and
no other. A component without UID gets one made of its octets, so that a second import finds it again. Where an object
is spread over VCALENDARs in which a TZID means different zones, all but the first get another name.
"""

import hashlib
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mailserver.ical.zone_names import named_zones, side_by_side, tzid_of

_BORDER = re.compile(rb"^(BEGIN|END)[ \t]*:[ \t]*([A-Za-z0-9-]+)[ \t]*\r?$", re.IGNORECASE)
_FOLD = re.compile(rb"\r?\n[ \t]")
_UID = re.compile(rb"^UID(?:;[^:\r\n]*)?:([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_BOM = b"\xef\xbb\xbf"

HEAD = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//mailserver//EN\r\n"
END = b"END:VCALENDAR\r\n"
CALENDAR, TIMEZONE, MAKERS = b"VCALENDAR", b"VTIMEZONE", b"X-"


@dataclass(frozen=True, slots=True)
class Piece:
    """What is to be one object; `fault` instead where the file breaks off or its borders do not match."""

    number: int  # line of its first component, from 1
    uid: str
    zones: tuple[bytes, ...]  # VTIMEZONEs, in the order in which components name them
    components: tuple[bytes, ...]  # octets from BEGIN to END with CRLF behind each line
    fault: str | None = None

    @property
    def data(self) -> bytes:
        return b"".join((HEAD, *self.zones, *self.components, END))


@dataclass(slots=True)
class Found:
    """A component right below VCALENDAR."""

    calendar: int  # line of that VCALENDAR
    name: bytes
    number: int
    data: bytes
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A component of its maker beside many objects: which of them it belongs to is not said."""

    number: int  # line
    name: str


@dataclass(frozen=True, slots=True)
class Cut:
    pieces: list[Piece]
    left_out: tuple[LeftOut, ...]


def split(data: bytes) -> list[Piece]:
    """In the order in which UIDs first come. What stands outside of VCALENDAR is left out; never raises."""
    return cut(data).pieces


def cut(data: bytes) -> Cut:
    """As `split`, and what of the file's components is in no piece."""
    found = list(components(data))
    zones = _ZonesOfFile(found)
    groups, left_out = _grouped(found)
    return Cut([_piece(uid, those, zones) for uid, those in groups.items()], left_out)


def is_companion(found: Found) -> bool:
    """No object by itself: X- components go with the one they stand beside."""
    return found.name.startswith(MAKERS) and found.fault is None


def _grouped(found: Iterable[Found]) -> tuple[dict[str, list[Found]], tuple[LeftOut, ...]]:
    """By UID, in the order of the file; and what belongs to nothing."""
    groups: dict[str, list[Found]] = {}
    uids: dict[int, set[str]] = {}  # of each VCALENDAR
    companions = list[Found]()
    for each in found:
        if is_companion(each):
            companions.append(each)
        elif each.name != TIMEZONE:
            uid = _uid(each)
            groups.setdefault(uid, []).append(each)
            uids.setdefault(each.calendar, set()).add(uid)
    left_out = list[LeftOut]()
    for each in companions:
        owner = _owner(each, uids.get(each.calendar, set()))
        if owner is None:
            left_out.append(LeftOut(each.number, each.name.decode()))
        else:
            groups[owner].append(each)
    for those in groups.values():
        those.sort(key=lambda each: each.number)
    return groups, tuple(left_out)


def _owner(companion: Found, uids: set[str]) -> str | None:
    own = _named_uid(companion)
    if own in uids:
        return own
    return next(iter(uids)) if len(uids) == 1 else None


class _ZonesOfFile:
    """By TZID: a component's own VCALENDAR says what it means, else the first one that does."""

    def __init__(self, found: Iterable[Found]) -> None:
        self._own: dict[tuple[int, bytes], bytes] = {}
        self._first: dict[bytes, tuple[int, bytes]] = {}  # with its place in the file
        for each in found:
            if each.name == TIMEZONE:
                tzid = tzid_of(each.data)
                self._first.setdefault(tzid, (each.number, each.data))
                if each.fault is None:  # the last of a name counts, as it does where objects are read
                    self._own[each.calendar, tzid] = each.data

    def named_by(self, component: Found) -> dict[bytes, bytes]:
        """In the order of the file."""
        named = sorted((self._first[tzid][0], tzid) for tzid in named_zones(component.data) if tzid in self._first)
        return {tzid: self._own.get((component.calendar, tzid), self._first[tzid][1]) for _, tzid in named}


def _piece(uid: str, those: list[Found], zones: _ZonesOfFile) -> Piece:
    there: dict[bytes, bytes] = {}
    data = tuple(side_by_side(each.data, zones.named_by(each), there)[0] for each in those)
    fault = next((each.fault for each in those if each.fault), None)
    return Piece(those[0].number, uid, tuple(there.values()), data, fault)


def components(data: bytes) -> Iterator[Found]:
    """Right below a VCALENDAR, those that break off too; lines end with CRLF."""
    stack: list[bytes] = []
    lines: list[bytes] = []
    calendar = begun = number = 0
    for number, line in enumerate(io.BytesIO(data.removeprefix(_BOM)), 1):  # not cut all at once: others wait for that
        border = _BORDER.match(line) if line[:1] in b"BbEe" else None
        if len(stack) > 1 and line.rstrip(b"\r\n"):  # of a folded line, a piece may be spaces alone
            lines.append(line.rstrip(b"\r\n") + b"\r\n")
        if border is None:
            continue
        name = border[2].upper()
        if border[1].upper() == b"BEGIN":
            if name == CALENDAR and len(stack) > 1:  # the one before broke off
                yield Found(calendar, stack[1], begun, b"".join(lines[:-1]), f"END:{stack[-1].decode()} is missing")
                stack.clear()
            if name == CALENDAR:
                calendar = number
            if len(stack) == 1 and name != CALENDAR:
                begun, lines = number, [line.rstrip(b"\r\n") + b"\r\n"]
            if stack != [CALENDAR] or name != CALENDAR:
                stack += [name] if stack or name == CALENDAR else []
        elif stack and stack[-1] == name:
            stack.pop()
            if len(stack) == 1:
                yield Found(calendar, name, begun, b"".join(lines))
        elif len(stack) > 1:
            yield Found(
                calendar, stack[1], begun, b"".join(lines), f"END:{name.decode()} where END:{stack[-1].decode()} is due"
            )
            del stack[1:]
    if len(stack) > 1:
        yield Found(calendar, stack[1], begun, b"".join(lines), f"END:{stack[-1].decode()} is missing")


def _uid(found: Found) -> str:
    """Its own; else one made of its octets, which it gets."""
    uid = _named_uid(found)
    if uid or found.fault:
        return uid or f"fault-{found.number}"
    uid = hashlib.sha256(found.data).hexdigest()[:32]
    first, rest = found.data.split(b"\r\n", 1)
    found.data = b"\r\n".join((first, b"UID:" + uid.encode(), rest))
    return uid


def _named_uid(found: Found) -> str:
    named = _UID.search(_top(found.data))
    return named[1].strip().decode("utf-8", "replace") if named else ""


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
