"""Properties of users. RFC 3744 §4, RFC 4791 §6.2, RFC 6352 §7.1, RFC 6638 §2."""

from mailserver.dav.facts import Facts
from mailserver.dav.names import Name, caldav, calendarserver, carddav, dav
from mailserver.dav.properties.property import Property
from mailserver.dav.resources import CollectionRef, Home, Inbox, MemberRef, Outbox, Resource, href
from mailserver.dav.subjects import Subject
from mailserver.dav.xml_writer import element, escape, text_element
from mailserver.dav.xml_writer import href as href_element
from mailserver.store.collections import Family

S = Subject
PRINCIPAL = frozenset({S.PRINCIPAL})


def _own(facts: Facts, resource: Resource) -> bytes | None:
    """What only the user himself is told: to others his homes do not exist."""
    person = facts.person
    return href_element(href(resource)) if person is not None and person.user_id == facts.viewer.user_id else None


def _principal(facts: Facts) -> bytes | None:
    return href_element(href(facts.resource))


def _addresses(facts: Facts) -> bytes | None:
    """mailto: of all his addresses, the main one first, and his path here. RFC 6638 §2.4.1"""
    if facts.person is None:
        return None
    mails = b"".join(
        element(dav("href"), escape(f"mailto:{address}"), b' preferred="1"' if not number else b"")
        for number, address in enumerate(facts.person.addresses)
    )
    return mails + href_element(href(facts.resource))


def _emails(facts: Facts) -> bytes | None:
    if facts.person is None:
        return None
    return b"".join(text_element(calendarserver("email-address"), address) for address in facts.person.addresses)


def _inbox(facts: Facts) -> bytes | None:
    return _own(facts, Inbox(facts.person.address)) if facts.person else None


def _outbox(facts: Facts) -> bytes | None:
    return _own(facts, Outbox(facts.person.address)) if facts.person else None


def _calendar_home(facts: Facts) -> bytes | None:
    return _own(facts, Home(Family.CALENDARS, facts.person.address)) if facts.person else None


def _addressbook_home(facts: Facts) -> bytes | None:
    return _own(facts, Home(Family.ADDRESSBOOKS, facts.person.address)) if facts.person else None


def _directory(facts: Facts) -> bytes | None:
    """Where there is one, of the viewer's own home."""
    if facts.person is None or facts.person.directory is None:
        return None
    return _own(facts, CollectionRef(Family.ADDRESSBOOKS, facts.viewer.address, facts.person.directory))


def _card(facts: Facts) -> bytes | None:
    """The user's card in the viewer's directory, RFC 6352 §7.1.2."""
    person = facts.person
    if person is None or person.directory is None or person.card is None:
        return None
    return href_element(href(MemberRef(Family.ADDRESSBOOKS, facts.viewer.address, person.directory, person.card)))


def _language(facts: Facts) -> bytes | None:
    return escape(facts.person.language) if facts.person is not None and facts.person.language else None


def _default(facts: Facts) -> bytes | None:
    if facts.default is None:
        return None
    return href_element(href(CollectionRef(Family.CALENDARS, facts.viewer.address, facts.default.slug)))


def _record_type(_facts: Facts) -> bytes:
    return b"users"


ROWS = (
    Property(dav("principal-URL"), PRINCIPAL, _principal),
    Property(dav("alternate-URI-set"), PRINCIPAL, lambda _: b""),
    Property(dav("group-member-set"), PRINCIPAL, lambda _: b""),
    Property(dav("group-membership"), PRINCIPAL, lambda _: b""),
    Property(caldav("calendar-home-set"), PRINCIPAL, _calendar_home),
    Property(carddav("addressbook-home-set"), PRINCIPAL, _addressbook_home),
    Property(carddav("directory-gateway"), PRINCIPAL, _directory),
    Property(carddav("principal-address"), PRINCIPAL, _card),
    Property(Name("http://nextcloud.com/ns", "language"), PRINCIPAL, _language),
    Property(caldav("calendar-user-address-set"), PRINCIPAL, _addresses),
    Property(caldav("calendar-user-type"), PRINCIPAL, lambda _: b"INDIVIDUAL"),
    Property(caldav("schedule-inbox-URL"), PRINCIPAL, _inbox),
    Property(caldav("schedule-outbox-URL"), PRINCIPAL, _outbox),
    Property(caldav("schedule-default-calendar-URL"), frozenset({S.INBOX}), _default),
    Property(calendarserver("email-address-set"), PRINCIPAL, _emails),
    Property(calendarserver("first-name"), PRINCIPAL, lambda f: _part(f, first=True)),
    Property(calendarserver("last-name"), PRINCIPAL, lambda f: _part(f, first=False)),
    Property(calendarserver("record-type"), PRINCIPAL, _record_type),
)


def _part(facts: Facts, *, first: bool) -> bytes | None:
    """What Apple shows beside an avatar: the name's last word, and those before it."""
    if facts.person is None:
        return None
    before, _, last = facts.person.display_name.rpartition(" ")
    return escape((before or last) if first else (last if before else ""))
