"""Values of settable properties, from what a client sent. Each raises BadPropertyValue, which says what is right."""

import re
from collections.abc import Callable

from mailserver.dav.errors import DavRefusal
from mailserver.dav.names import caldav, dav
from mailserver.dav.xml_reader import Element
from mailserver.errors import BadValue
from mailserver.groupware.feeds import addresses

MAX_NAME = 255  # characters
MAX_DESCRIPTION = 10_000
MAX_COLOR = 64
MAX_TIMEZONE = 65_536
MAX_POSITION = 2**31 - 1
_POSITION = re.compile(r"[0-9]{1,10}")
_TZID = re.compile(rb"BEGIN:VTIMEZONE\b.*?\nTZID(?:;[^:\r\n]*)?:([^\r\n]{1,255})", re.DOTALL | re.IGNORECASE)
_COMPONENTS = ("VEVENT", "VTODO", "VJOURNAL")


class BadPropertyValue(DavRefusal):
    """One property of PROPPATCH, MKCALENDAR or MKCOL that can not have this value."""

    http, text = 409, "The property can not have this value"


class BadTimezone(BadPropertyValue):
    """RFC 4791 §5.3.1.1, RFC 7809 §5.2."""

    http, text = 403, "The time zone is iCalendar with one VTIMEZONE"
    precondition = caldav("valid-calendar-data")


class BadComponents(BadPropertyValue):
    """RFC 4791 §5.2.3."""

    http, text = 403, f"A calendar holds some of {', '.join(_COMPONENTS)}"
    precondition = caldav("supported-calendar-component")


def name_text(element: Element) -> str | None:
    """One line; None for an empty one, which is the collection's own again."""
    return " ".join(_text(MAX_NAME, "A name")(element).split()) or None


def _text(most: int, what: str) -> Callable[[Element], str]:
    def parse(element: Element) -> str:
        if element.children:
            raise BadPropertyValue(f"{what} is text without elements")
        text = element.whole_text.strip()
        if len(text) > most:
            raise BadPropertyValue(f"{what} has at most {most} characters")
        return text

    return parse


description = _text(MAX_DESCRIPTION, "A description")


def color(element: Element) -> str | None:
    """#RRGGBBAA of Apple's, or whatever a client writes there, kept as it is; None for an empty one."""
    return " ".join(_text(MAX_COLOR, "A colour")(element).split()) or None


def position(element: Element) -> int | None:
    text = element.text
    if not text:
        return None
    if _POSITION.fullmatch(text) is None or int(text) > MAX_POSITION:
        raise BadPropertyValue("An order is a whole number from 0 on")
    return int(text)


def timezone(element: Element) -> str | None:
    """The text as sent; that it is iCalendar with one VTIMEZONE is looked at, rules and all by its first use."""
    text = element.whole_text.strip()
    if not text:
        return None
    if len(text) > MAX_TIMEZONE:
        raise BadTimezone(f"A time zone has at most {MAX_TIMEZONE} characters")
    folded = text.upper()
    if not folded.startswith("BEGIN:VCALENDAR") or folded.count("BEGIN:VTIMEZONE") != 1:
        raise BadTimezone
    if _TZID.search(text.encode()) is None or not folded.endswith("END:VCALENDAR"):
        raise BadTimezone
    return text


def timezone_id(element: Element) -> str:
    """A name of the time zone database. RFC 7809 §5.2."""
    from zoneinfo import ZoneInfo

    name = element.text
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):  # not a key, a folder of keys, no such key
        raise UnknownTimezone from None
    return name


class UnknownTimezone(BadPropertyValue):
    http, text = 403, "The time zone is not in the time zone database"
    precondition = caldav("valid-timezone")


def source(element: Element) -> str:
    """The address of an outside feed, in an href as Apple's clients write it."""
    href = element.find(dav("href"))
    try:
        return addresses.checked(href.text if href is not None else element.text)
    except BadValue as fault:
        raise BadPropertyValue(fault.text) from None


def is_transparent(element: Element) -> bool:
    """RFC 6638 §9.1."""
    for child in element.children:
        if child.name in {caldav("opaque"), caldav("transparent")}:
            return child.name == caldav("transparent")
    raise BadPropertyValue("schedule-calendar-transp holds opaque or transparent")


def components(element: Element) -> tuple[str, ...]:
    """In the order of a calendar's own list. RFC 4791 §5.2.3."""
    asked = {child.attribute("name").upper() for child in element.all(caldav("comp"))}
    if not asked or not asked.issubset({*_COMPONENTS, "VTIMEZONE", "VALARM", "VFREEBUSY", "VAVAILABILITY", "VPOLL"}):
        raise BadComponents
    kept = tuple(name for name in _COMPONENTS if name in asked)
    if not kept:
        raise BadComponents
    return kept
