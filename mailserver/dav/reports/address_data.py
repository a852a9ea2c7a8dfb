"""CARDDAV:address-data: which properties of a card, in which version. RFC 6352 §10.4.

Without a version a card comes as it is kept, octet for octet: whoever asks for no version reads both. A version that
is asked for is converted to where the card has the other one.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from mailserver.dav import xml_writer
from mailserver.dav.errors import DavRefusal
from mailserver.dav.member_responses import Data
from mailserver.dav.names import Name, carddav, dav
from mailserver.dav.xml_reader import Element
from mailserver.store.members import Member
from mailserver.vcard.check import VERSIONS
from mailserver.vcard.convert import as_version
from mailserver.vcard.lines import BadCard, read
from mailserver.vcard.subset import Asked, subset

ADDRESS_DATA = carddav("address-data")
MAX_PROPERTIES = 200
_TYPES = frozenset({"text/vcard", "text/x-vcard", "text/directory"})  # the latter two as older clients call it


class UnsupportedAddressData(DavRefusal):
    http, text = 403, "Cards are text/vcard of version 3.0 or 4.0"
    precondition = carddav("supported-address-data")


@dataclass(frozen=True, slots=True)
class Wanted:
    version: str | None = None  # None: as it is kept
    properties: tuple[Asked, ...] = ()  # (): all

    @property
    def is_costly(self) -> bool:
        """Each card has to be read and written: not on the loop."""
        return self.version is not None or bool(self.properties)

    def of(self, member: Member, data: bytes) -> bytes:
        """The XML inside the element."""
        del member
        return xml_writer.escape_octets(self.card(data))

    def card(self, data: bytes) -> bytes:
        if self.version is not None:
            data = _in_version(data, self.version)
        return subset(data, self.properties) if self.properties else data


def wanted(report: Element) -> Wanted:
    """Raises UnsupportedAddressData."""
    prop = report.find(dav("prop"))
    element = prop.find(ADDRESS_DATA) if prop is not None else None
    if element is None:
        return Wanted()
    version = element.attribute("version") or None
    if element.attribute("content-type", "text/vcard").lower() not in _TYPES or version not in (None, *VERSIONS):
        raise UnsupportedAddressData
    return Wanted(version, _properties(element))


def words(of: Wanted) -> Mapping[Name, Data]:
    return {ADDRESS_DATA: of.of}


def _properties(element: Element) -> tuple[Asked, ...]:
    found = tuple(
        Asked(each.attribute("name").upper(), each.attribute("novalue") == "yes")
        for each in element.all(carddav("prop"))
    )
    if len(found) > MAX_PROPERTIES:
        raise UnsupportedAddressData(f"At most {MAX_PROPERTIES} properties of a card are asked for at once")
    return found


def _in_version(data: bytes, version: str) -> bytes:
    """A card that can not be read comes as it is."""
    try:
        card = read(data)
    except BadCard:
        return data
    return data if card.version == version else as_version(card, version)
