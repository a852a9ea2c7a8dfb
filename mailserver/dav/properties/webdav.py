"""Properties every WebDAV resource has. RFC 4918 §15, RFC 3253 §3.1.5, RFC 4331, RFC 5397, RFC 5995, RFC 6578 §4."""

from datetime import UTC, datetime
from email.utils import formatdate
from functools import lru_cache

from mailserver.dav import sync_tokens
from mailserver.dav.facts import Facts
from mailserver.dav.names import caldav, calendarserver, carddav, dav
from mailserver.dav.properties import locks
from mailserver.dav.properties.parse import name_text
from mailserver.dav.properties.property import Live, Need, Property
from mailserver.dav.resources import Principal, href
from mailserver.dav.subjects import ALL, COLLECTIONS, HOMES, MEMBERS, OBJECTS, Subject
from mailserver.dav.xml_writer import element, escape
from mailserver.dav.xml_writer import href as href_element
from mailserver.store.collections import Kind
from mailserver.store.members import Member

S = Subject
FOLDERS = ALL - OBJECTS - {S.ATTACHMENT}

_COLLECTION = element(dav("collection"))
_TYPES = {
    S.PRINCIPAL: _COLLECTION + element(dav("principal")),
    S.CALENDAR: _COLLECTION + element(caldav("calendar")),
    S.ADDRESSBOOK: _COLLECTION + element(carddav("addressbook")),
    S.INBOX: _COLLECTION + element(caldav("schedule-inbox")),
    S.OUTBOX: _COLLECTION + element(caldav("schedule-outbox")),
}
_SHARED = element(calendarserver("shared"))
_NAMES = {
    S.ROOT: "Calendars and contacts",
    S.PRINCIPALS: "Users",
    S.HOMES: "Homes",
    S.CALENDAR_HOME: "Calendars",
    S.ADDRESSBOOK_HOME: "Address books",
    S.INBOX: "Invitations received",
    S.OUTBOX: "Invitations sent",
}


def resourcetype(facts: Facts) -> bytes:
    if facts.subject not in FOLDERS:
        return b""
    kind = _TYPES.get(facts.subject, _COLLECTION)
    if facts.seen is not None and facts.seen.collection.kind is Kind.DIRECTORY:
        return kind + element(carddav("directory"))
    return kind + _SHARED if facts.seen is not None and facts.seen.is_shared_in else kind


def displayname(facts: Facts) -> bytes | None:
    if facts.person is not None:
        return escape(facts.person.display_name)
    if facts.seen is not None and facts.member is None:
        return escape(facts.seen.name)
    name = _NAMES.get(facts.subject)
    return escape(name) if name else None


def content_type(member: Member) -> bytes:
    if member.component == "VCARD":
        return b"text/vcard; charset=utf-8"
    return b"text/calendar; charset=utf-8; component=%b" % member.component.lower().encode("ascii")


def etag(member: Member) -> bytes:
    return b'"%b"' % member.etag.encode("ascii")


def modified(member: Member) -> bytes:
    return _http_date(member.changed_ms // 1000)


def created(member: Member) -> bytes:
    """RFC 3339."""
    return datetime.fromtimestamp(member.created_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode("ascii")


def size(member: Member) -> bytes:
    return b"%d" % member.size


@lru_cache(maxsize=1024)  # members that were imported together share their second
def _http_date(seconds: int) -> bytes:
    return formatdate(seconds, usegmt=True).encode("ascii")


def _modified(facts: Facts) -> bytes | None:
    if facts.member is not None:
        return modified(facts.member)
    return _http_date(facts.seen.collection.changed_ms // 1000) if facts.seen is not None else None


def _sync_token(facts: Facts) -> bytes | None:
    return escape(sync_tokens.of_collection(facts.seen.collection)) if facts.seen is not None else None


def _ctag(facts: Facts) -> bytes | None:
    if facts.inbox_tag is not None:
        return escape(f'"{facts.inbox_tag}"')
    return b'"%d"' % facts.seen.collection.modseq if facts.seen is not None else None


def _reports(facts: Facts) -> bytes:
    from mailserver.dav.reports.table import REPORTS  # reports word properties themselves

    return b"".join(
        element(dav("supported-report"), element(dav("report"), element(name)))
        for name, row in REPORTS.items()
        if facts.subject in row.on
    )


def _methods(facts: Facts) -> bytes:
    from mailserver.dav.methods.table import allowed  # methods word properties themselves

    return b"".join(b'<D:supported-method name="%b"/>' % name.encode("ascii") for name in allowed(facts.resource))


def _quota_available(facts: Facts) -> bytes | None:
    quota = facts.quota
    if quota is None or quota.limit_octets is None:
        return None
    return b"%d" % max(0, quota.limit_octets - quota.used_octets)


def _quota_used(facts: Facts) -> bytes | None:
    return b"%d" % facts.quota.used_octets if facts.quota is not None else None


def _viewer(facts: Facts) -> bytes:
    return href_element(href(Principal(facts.viewer.address)))


def _add_member(facts: Facts) -> bytes:
    return href_element(href(facts.resource))


ROWS = (
    Property(dav("resourcetype"), ALL, resourcetype, in_allprop=True),
    Property(dav("displayname"), COLLECTIONS, displayname, in_allprop=True, live=Live("name", name_text)),
    Property(dav("displayname"), ALL - COLLECTIONS - MEMBERS - {S.ROOT}, displayname, in_allprop=True),
    Property(dav("displayname"), frozenset({S.ROOT}), displayname),  # such clients would take it for the user's name
    Property(dav("getetag"), OBJECTS, lambda f: etag(f.member) if f.member else None, in_allprop=True),
    Property(dav("getcontenttype"), OBJECTS, lambda f: content_type(f.member) if f.member else None, in_allprop=True),
    Property(dav("getcontentlength"), OBJECTS, lambda f: size(f.member) if f.member else None, in_allprop=True),
    Property(dav("getlastmodified"), OBJECTS | COLLECTIONS, _modified, in_allprop=True),
    Property(dav("creationdate"), OBJECTS, lambda f: created(f.member) if f.member else None, in_allprop=True),
    Property(dav("supportedlock"), MEMBERS | COLLECTIONS, locks.supported, in_allprop=True),
    Property(dav("lockdiscovery"), MEMBERS | COLLECTIONS, locks.discovery, in_allprop=True, needs=Need.LOCKS),
    Property(dav("supported-report-set"), ALL, _reports),
    Property(dav("supported-method-set"), ALL, _methods),
    Property(dav("sync-token"), COLLECTIONS, _sync_token),
    Property(calendarserver("getctag"), COLLECTIONS | {S.INBOX}, _ctag),
    Property(dav("quota-available-bytes"), HOMES | COLLECTIONS, _quota_available, needs=Need.QUOTA),
    Property(dav("quota-used-bytes"), HOMES | COLLECTIONS, _quota_used, needs=Need.QUOTA),
    # in allprop where the redirects lead: clients made with Python's requests lose the body of a PROPFIND on the way
    Property(dav("current-user-principal"), frozenset({S.ROOT}), _viewer, in_allprop=True),
    Property(dav("current-user-principal"), ALL - {S.ROOT}, _viewer),
    Property(dav("add-member"), COLLECTIONS, _add_member),
)
