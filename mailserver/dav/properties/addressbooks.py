"""Properties of address books. RFC 6352 §6.2."""

from mailserver.dav.facts import Facts
from mailserver.dav.names import carddav
from mailserver.dav.properties import parse
from mailserver.dav.properties.calendars import COLLATIONS
from mailserver.dav.properties.property import Live, Property
from mailserver.dav.subjects import Subject
from mailserver.dav.xml_writer import escape, text_element

BOOK = frozenset({Subject.ADDRESSBOOK})
_TYPES = b"".join(
    b'<CR:address-data-type content-type="text/vcard" version="%b"/>' % version for version in (b"3.0", b"4.0")
)


def _description(facts: Facts) -> bytes | None:
    text = facts.seen.collection.description if facts.seen is not None else None
    return escape(text) if text is not None else None


def _collations(_facts: Facts) -> bytes:
    return b"".join(text_element(carddav("supported-collation"), name) for name in COLLATIONS)


def _max_octets(facts: Facts) -> bytes:
    return b"%d" % facts.limits.max_object_octets


ROWS = (
    Property(carddav("addressbook-description"), BOOK, _description, live=Live("description", parse.description)),
    Property(carddav("supported-address-data"), BOOK, lambda _: _TYPES),
    Property(carddav("supported-collation-set"), BOOK, _collations),
    Property(carddav("max-resource-size"), BOOK, _max_octets),
)
