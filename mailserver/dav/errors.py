"""What only the DAV face refuses, and how every refusal is answered. RFC 4918 §16.

status         the refusal's own `http`
precondition   the element in DAV:error that a program acts on; none where no RFC has a name for it
text           a sentence for a person, after it
"""

from typing import ClassVar

from mailserver import errors
from mailserver.dav import xml_writer
from mailserver.dav.names import Name, caldav, carddav, dav
from mailserver.errors import Refusal


class DavRefusal(Refusal):
    precondition: ClassVar[Name | None] = None
    inner: bytes = b""  # XML inside the precondition's element, such as the href it is about


class BadXml(DavRefusal):
    text = "The XML body is not valid"


class XmlTooLarge(DavRefusal):
    http, text = 413, "The XML body is too large"


class BadPath(DavRefusal):
    """A path that can not be one: bad percent-encoding, not UTF-8, a control character, ".."."""

    text = "Not a path of this server"


class NotFound(DavRefusal):
    """Nothing is there, or nothing that the asking user may know of: the same words for both."""

    http, text = 404, "Nothing is here"


class OtherHost(DavRefusal):
    """A Destination on another server, RFC 4918 §9.8.5."""

    http, text = 502, "The destination is on another server"


class InfiniteDepth(DavRefusal):
    """RFC 4918 §9.1.1."""

    http, text = 403, "PROPFIND is answered for Depth 0 and 1 only"
    precondition = dav("propfind-finite-depth")


class ReportNotSupported(DavRefusal):
    """RFC 3253 §3.6."""

    http, text = 403, "This report is not answered for this resource"
    precondition = dav("supported-report")


class TooManyMatches(DavRefusal):
    """RFC 3744 §9.4: the query is too wide to be answered."""

    http, text = 403, "Too many would match: ask for something narrower"
    precondition = dav("number-of-matches-within-limits")


class UnsupportedFilter(DavRefusal):
    """RFC 4791 §7.8, RFC 6352 §8.6: a condition of a query that is not known here; the text names it."""

    http, text = 403, "The query has a condition that is not known here"
    precondition = caldav("supported-filter")


class UnsupportedAddressFilter(UnsupportedFilter):
    precondition = carddav("supported-filter")


class UnsupportedCollation(DavRefusal):
    """RFC 4791 §7.5.1, RFC 6352 §8.3.1."""

    http, text = 403, "Texts are compared with i;ascii-casemap, i;unicode-casemap or i;octet"
    precondition = caldav("supported-collation")


class UnsupportedAddressCollation(UnsupportedCollation):
    precondition = carddav("supported-collation")


class InvalidFilter(DavRefusal):
    """RFC 4791 §7.8 valid-filter."""

    http, text = 403, "The query is not valid"
    precondition = caldav("valid-filter")


class InvalidAddressFilter(InvalidFilter):
    """RFC 6352 §8.6 has no name for it: supported-filter is what clients know."""

    precondition = carddav("supported-filter")


# Refusals of the services that a specification has a precondition for; a subclass counts as its nearest class here.
_PRECONDITIONS: dict[type[Refusal], Name] = {
    errors.CollectionExists: dav("resource-must-be-null"),  # RFC 4791 §5.3.1.1
    errors.DefaultNeeded: caldav("default-calendar-needed"),  # RFC 6638 §4.2
    errors.InvalidCalendarData: caldav("valid-calendar-data"),
    errors.InvalidAddressData: carddav("valid-address-data"),
    errors.UniqueSchedulingObject: caldav("unique-scheduling-object-resource"),  # RFC 6638 §3.2.4
    errors.SameOrganizerNeeded: caldav("same-organizer-in-all-components"),
    errors.OrganizerChange: caldav("allowed-organizer-scheduling-object-change"),
    errors.AttendeeChange: caldav("allowed-attendee-scheduling-object-change"),
    errors.TooManyAttendees: caldav("max-attendees-per-instance"),
    errors.BadSchedulingMessage: caldav("valid-scheduling-message"),
    errors.UnsupportedComponent: caldav("supported-calendar-component"),
    errors.TooManyInstances: caldav("max-instances"),
    errors.NoUidConflict: caldav("no-uid-conflict"),
    errors.ObjectTooLarge: caldav("max-resource-size"),
    errors.TooManyMembers: dav("quota-not-exceeded"),  # RFC 4331 §6
    errors.OverQuota: dav("quota-not-exceeded"),
    errors.InsufficientStorage: dav("sufficient-disk-space"),
    errors.BadSyncToken: dav("valid-sync-token"),  # RFC 6578 §3.2
    errors.Locked: dav("lock-token-submitted"),
    errors.NoSuchLock: dav("lock-token-matches-request-uri"),
}
# The same in an address book, RFC 6352 §6.3.2.1.
_OF_ADDRESSES: dict[type[Refusal], Name] = {
    errors.NoUidConflict: carddav("no-uid-conflict"),
    errors.ObjectTooLarge: carddav("max-resource-size"),
}


def body(refusal: Refusal, base: str = "") -> bytes:
    """The document that answers a refused request.

    `base`: the path that was asked for or that of its collection, percent-encoded, for refusals that name a member.
    """
    return xml_writer.document(dav("error"), conditions(refusal, base))


def conditions(refusal: Refusal, base: str = "") -> bytes:
    """What is inside DAV:error, of the whole answer or of one response of a multistatus."""
    named = precondition_of(refusal, base)
    element = xml_writer.element(named, _inner(refusal, base)) if named else b""
    return element + xml_writer.text_element(dav("responsedescription"), refusal.text)


def status_response(path: str, refusal: Refusal) -> bytes:
    """One response of a multistatus for a resource that is refused."""
    named = precondition_of(refusal, path)
    error = xml_writer.element(named, _inner(refusal, path)) if named else b""
    return xml_writer.status_response(path, refusal.http, error, refusal.text)


def precondition_of(refusal: Refusal, base: str = "") -> Name | None:
    if isinstance(refusal, DavRefusal):
        return refusal.precondition
    kind = next((kind for kind in type(refusal).__mro__ if kind in _PRECONDITIONS), None)
    if kind is None:
        return None
    return _OF_ADDRESSES.get(kind, _PRECONDITIONS[kind]) if "/addressbooks/" in base else _PRECONDITIONS[kind]


def _inner(refusal: Refusal, base: str) -> bytes:
    if isinstance(refusal, DavRefusal):
        return refusal.inner
    if isinstance(refusal, errors.UniqueSchedulingObject):
        from mailserver.dav import resources

        return xml_writer.href(_folder(base, refusal.slug) + resources.segment(refusal.href))
    if isinstance(refusal, (errors.NoUidConflict, errors.Locked)):
        from mailserver.dav import resources

        folder = _folder(base, refusal.slug)
        return xml_writer.href(folder + resources.segment(refusal.href) if refusal.href else folder)
    return b""


def _folder(base: str, slug: str | None) -> str:
    """Where the member is that a refusal names: in the collection of `base`, or in another one of the same home."""
    if slug is None:
        return base if base.endswith("/") else base.rpartition("/")[0] + "/"
    from mailserver.dav import resources

    home = "/".join(base.split("/")[:4])  # /dav/calendars/<user>
    return f"{home}/{resources.segment(slug)}/"
