"""Names of XML elements, and the namespaces that calendars and contacts are written in. RFC 4918 §14."""

from typing import NamedTuple


class Name(NamedTuple):
    """An expanded name: what a prefix stood for and the local part. Compared octet for octet."""

    namespace: str  # "" for none
    local: str


DAV = "DAV:"  # RFC 4918
CALDAV = "urn:ietf:params:xml:ns:caldav"  # RFC 4791
CARDDAV = "urn:ietf:params:xml:ns:carddav"  # RFC 6352
CALENDARSERVER = "http://calendarserver.org/ns/"  # Apple's getctag, sharing, subscriptions
APPLE_ICAL = "http://apple.com/ns/ical/"  # colour and order of a calendar
XML = "http://www.w3.org/XML/1998/namespace"  # xml:lang

# Every answer declares these at its root: no element below needs a declaration of its own.
PREFIXES = {DAV: "D", CALDAV: "C", CARDDAV: "CR", CALENDARSERVER: "CS", APPLE_ICAL: "IC"}


def dav(local: str) -> Name:
    return Name(DAV, local)


def caldav(local: str) -> Name:
    return Name(CALDAV, local)


def carddav(local: str) -> Name:
    return Name(CARDDAV, local)


def calendarserver(local: str) -> Name:
    return Name(CALENDARSERVER, local)


def apple(local: str) -> Name:
    return Name(APPLE_ICAL, local)


XML_LANG = Name(XML, "lang")
