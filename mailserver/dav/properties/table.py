"""All live properties, by kind of resource."""

from collections.abc import Mapping

from mailserver.dav.names import Name
from mailserver.dav.properties import acl, addressbooks, calendars, principals, webdav
from mailserver.dav.properties.property import Property
from mailserver.dav.subjects import Subject

ROWS: tuple[Property, ...] = (*webdav.ROWS, *acl.ROWS, *principals.ROWS, *calendars.ROWS, *addressbooks.ROWS)

PROPERTIES: Mapping[Subject, Mapping[Name, Property]] = {
    subject: {row.name: row for row in ROWS if subject in row.on} for subject in Subject
}

# Names that are the server's wherever they stand: nowhere a client's to set, also not where they have no value.
PROTECTED = frozenset(row.name for row in ROWS) - frozenset(row.name for row in ROWS if row.live is not None)
