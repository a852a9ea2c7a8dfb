"""Time zones of several calendars brought into one, where a TZID may mean one zone only. RFC 5545 §3.6.5. Pure.

Outlook calls whatever zone somebody made for himself "Customized Time Zone": of two objects, each may have its own.
A name that is known (IANA's, Microsoft's) means the same in both, however much of its rules a client wrote down.
"""

import hashlib
import re
from collections.abc import Mapping

from mailserver.ical import write
from mailserver.ical.zones import named_zone

DIGEST_OCTETS = 4  # of a zone's rules, in the name it gets

_FOLD = re.compile(rb"\r?\n[ \t]")
_LINE = re.compile(rb"[^\n]*\n(?:[ \t][^\n]*\n)*")  # with its folds
_HEAD = re.compile(rb'[A-Za-z0-9-]+((?:;[^":;\r\n]*(?:"[^"\r\n]*"[^":;\r\n]*)*)*):')  # name and parameters
_TZID = re.compile(rb"^TZID(?:;[^:\r\n]*)?:([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_NAMED_ZONE = re.compile(rb';TZID=(?:"([^"\r\n]*)"|([^":;,\r\n]*))', re.IGNORECASE)
_ESCAPED = re.compile(rb"\\([\\;,])")
_TO_ESCAPE = re.compile(rb"[\\;,]")


def tzid_of(zone: bytes) -> bytes:
    """Of a VTIMEZONE, as parameters name it; b"" where it has none."""
    found = _TZID.search(_FOLD.sub(b"", zone))
    return _plain(found[1]) if found else b""


def named_zones(data: bytes) -> set[bytes]:
    """The zones that parameters name."""
    return {_plain(quoted or plain) for quoted, plain in _NAMED_ZONE.findall(_FOLD.sub(b"", data))}


def clashes(tzid: bytes, zone: bytes, there: Mapping[bytes, bytes]) -> bool:
    """Another zone of this name is `there`, by name, and the name alone does not say which is meant."""
    other = there.get(tzid)
    if not tzid or other is None or _FOLD.sub(b"", other) == _FOLD.sub(b"", zone):
        return False
    return named_zone(tzid.decode("utf-8", "replace")) is None


def side_by_side(data: bytes, zones: Mapping[bytes, bytes], there: dict[bytes, bytes]) -> tuple[bytes, list[bytes]]:
    """Components as they can stand where the zones `there` are, and what is new of their zones, which `there` gets.

    Of those that clash, the name gets a digest of the rules: the same rules have the same name each time.
    """
    new = list[bytes]()
    for tzid, zone in zones.items():
        name, octets = tzid, zone
        if clashes(tzid, zone, there):
            digest = hashlib.blake2b(_FOLD.sub(b"", zone), digest_size=DIGEST_OCTETS).hexdigest()
            name = b"%b %b" % (tzid, digest.encode())
            data, octets = _renamed(data, tzid, name), _redefined(zone, name)
        if name not in there:
            there[name] = octets
            new.append(octets)
    return data, new


def _plain(tzid: bytes) -> bytes:
    """TEXT where a zone is defined, with backslashes, and a parameter where it is named, without."""
    return _ESCAPED.sub(rb"\1", tzid.strip())


def _renamed(data: bytes, old: bytes, new: bytes) -> bytes:
    """In parameters alone: a text may say ;TZID= too."""

    def parameter(match: re.Match[bytes]) -> bytes:
        return b';TZID="%b"' % new if _plain(match[1] or match[2] or b"") == old else match[0]

    def line(match: re.Match[bytes]) -> bytes:
        content = _FOLD.sub(b"", match[0])
        head = _HEAD.match(content)
        if head is None or not head[1]:
            return match[0]
        renamed = _NAMED_ZONE.sub(parameter, head[0])
        return match[0] if renamed == head[0] else _folded(renamed + content[head.end() :])

    return _LINE.sub(line, data)


def _redefined(zone: bytes, name: bytes) -> bytes:
    text = b"TZID:" + _TO_ESCAPE.sub(rb"\\\g<0>", name) + b"\r\n"

    def line(match: re.Match[bytes]) -> bytes:
        return _folded(text) if _TZID.match(_FOLD.sub(b"", match[0])) else match[0]

    return _LINE.sub(line, zone)


def _folded(line: bytes) -> bytes:
    return write.folded(line.rstrip(b"\r\n").decode("utf-8", "replace"))
