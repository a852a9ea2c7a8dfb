"""VTIMEZONE for a zone that an object only names: clients leave it out (RFC 7809), others need it.

icalendar makes it of the IANA data; it is imported here alone, when the first one is wanted.
"""

from datetime import date, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from mailserver.ical.zones import named_zone

FIRST, LAST = date(1990, 1, 1), date(2050, 1, 1)  # each change between them is written down
MAX_MADE = 100  # kept in memory, some 3 kB each


def vtimezone(tzid: str) -> bytes | None:
    """Under the name it was asked for, lines ended by CRLF; None for a name that says nothing."""
    zone = named_zone(tzid)
    return _made(tzid, zone) if zone is not None else None


@lru_cache(MAX_MADE)
def _made(tzid: str, zone: tzinfo) -> bytes:
    from icalendar import Timezone

    name = zone.key if isinstance(zone, ZoneInfo) else "UTC"
    made = Timezone.from_tzid(name, first_date=FIRST, last_date=LAST)
    made["TZID"] = tzid
    made.pop("COMMENT", None)
    return bytes(made.to_ical())
