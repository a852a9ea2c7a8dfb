"""Objects as one file of calendars, which `split` cuts into the same again. RFC 5545 §3.4. Pure.

Zones that objects only name are made, so that the file is read alike everywhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.ical.made_zones import vtimezone
from mailserver.ical.split import END, HEAD, TIMEZONE, components, is_companion
from mailserver.ical.zone_names import clashes, named_zones, side_by_side, tzid_of


@dataclass(frozen=True, slots=True)
class _Parts:
    zones: dict[bytes, bytes]  # by TZID; the last of a name counts, as it does where objects are read
    components: bytes
    has_companions: bool


class Joined:
    """A file while it is written: `begin`, what `add` returns of each object, `end`.

    Most often it is one VCALENDAR. Another one is begun where a TZID means another zone than before, and around an
    object with components of its maker (X-) that have no UID: that they stand with it says whose they are.
    """

    end = END

    def __init__(self, name: str) -> None:
        """`name`: what people call it."""
        self.begin = HEAD + b"X-WR-CALNAME:" + _escaped(name) + b"\r\n"
        self._zones: dict[bytes, bytes] = {}
        self._is_empty = True  # the VCALENDAR that is open
        self._is_full = False

    def add(self, data: bytes) -> bytes:
        """What an object adds to the file."""
        parts = _parts(data)
        clash = any(clashes(tzid, zone, self._zones) for tzid, zone in parts.zones.items())
        is_next = not self._is_empty and (self._is_full or parts.has_companions or clash)
        if is_next:
            self._zones.clear()
        self._is_empty, self._is_full = False, parts.has_companions
        return b"".join((*((END, self.begin) if is_next else ()), *_body(parts, self._zones)))


def added(data: bytes, zones: dict[bytes, bytes]) -> bytes:
    """What an object adds to one VCALENDAR, which has `zones` by TZID, and gets those of the object.

    Where its TZID means another zone there, the zone gets another name.
    """
    return b"".join(_body(_parts(data), zones))


def _parts(data: bytes) -> _Parts:
    found = list(components(data))
    return _Parts(
        {tzid_of(each.data): each.data for each in found if each.name == TIMEZONE},
        b"".join(each.data for each in found if each.name != TIMEZONE),
        any(is_companion(each) for each in found),
    )


def _body(parts: _Parts, there: dict[bytes, bytes]) -> Sequence[bytes]:
    data, zones = side_by_side(parts.components, parts.zones, there)
    for tzid in sorted(named_zones(data) - there.keys()):
        made = vtimezone(tzid.decode("utf-8", "replace"))
        if made is not None:
            there[tzid] = made
            zones.append(made)
    return (*zones, data)


def _escaped(text: str) -> bytes:
    for plain, escaped in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\n", "\\n"), ("\r", "")):
        text = text.replace(plain, escaped)
    return text.encode()
