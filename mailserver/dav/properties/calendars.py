"""Properties of calendars, their objects and their homes. RFC 4791 §5.2, RFC 6638 §9, RFC 7809 §5, Apple's."""

from mailserver.dav.facts import Facts
from mailserver.dav.names import apple, caldav, calendarserver
from mailserver.dav.properties import parse
from mailserver.dav.properties.property import Live, Need, Property
from mailserver.dav.resources import Principal, href
from mailserver.dav.subjects import COLLECTIONS, Subject
from mailserver.dav.xml_writer import attribute, element, escape, text_element
from mailserver.dav.xml_writer import href as href_element
from mailserver.groupware.access import Privilege
from mailserver.ical import write
from mailserver.ical.made_zones import vtimezone
from mailserver.ical.recurrence import MAX_INSTANCES
from mailserver.store.collections import ALL_COMPONENTS
from mailserver.store.members import Member

S = Subject
CALENDAR = frozenset({S.CALENDAR})
EVENT = frozenset({S.EVENT})
TAKES_OBJECTS = frozenset({S.CALENDAR, S.INBOX})
COLLATIONS = ("i;ascii-casemap", "i;octet", "i;unicode-casemap")  # RFC 4790, RFC 5051
FIRST_DATE, LAST_DATE = b"00010101T000000Z", b"99991231T235959Z"  # every time that can be written is taken


def schedule_tag(member: Member) -> bytes | None:
    return b'"%b"' % member.schedule_tag.encode("ascii") if member.schedule_tag else None


def _comp(name: str) -> bytes:
    return element(caldav("comp"), attributes=attribute("name", name))


def _components(facts: Facts) -> bytes | None:
    names = facts.seen.collection.components if facts.seen is not None else ALL_COMPONENTS
    return b"".join(map(_comp, names))


def _component_sets(_facts: Facts) -> bytes:
    """RFC 6638 has it from Apple: a calendar may be made with any set of these."""
    return b"".join(element(caldav("supported-calendar-component-set"), _comp(name)) for name in ALL_COMPONENTS)


def _data_types(_facts: Facts) -> bytes:
    return b'<C:calendar-data content-type="text/calendar" version="2.0"/>'


def _collations(_facts: Facts) -> bytes:
    return b"".join(text_element(caldav("supported-collation"), name) for name in COLLATIONS)


def _description(facts: Facts) -> bytes | None:
    text = facts.seen.collection.description if facts.seen is not None else None
    return escape(text) if text is not None else None


def _timezone(facts: Facts) -> bytes | None:
    """Of one that has only a name (RFC 7809 §5.2, or the owner's) it is made."""
    if facts.seen is None:
        return None
    text, name = facts.seen.collection.timezone, facts.seen.collection.timezone_id
    if text is not None:
        return escape(text)
    made = vtimezone(name) if name else None
    return escape(write.calendar([made]).decode()) if made else None


def _timezone_id(facts: Facts) -> bytes | None:
    name = facts.seen.collection.timezone_id if facts.seen is not None else None
    return escape(name) if name else None


def _transparency(facts: Facts) -> bytes | None:
    if facts.seen is None:
        return None
    return element(caldav("transparent" if facts.seen.is_transparent else "opaque"))


def _color(facts: Facts) -> bytes | None:
    return escape(facts.seen.color) if facts.seen is not None and facts.seen.color else None


def _order(facts: Facts) -> bytes | None:
    return b"%d" % facts.seen.position if facts.seen is not None and facts.seen.position is not None else None


def _schedule_tag(facts: Facts) -> bytes | None:
    return schedule_tag(facts.member) if facts.member is not None else None


def _max_octets(facts: Facts) -> bytes:
    return b"%d" % facts.limits.max_object_octets


def _sharing_modes(facts: Facts) -> bytes | None:
    if facts.seen is None or Privilege.SHARE not in facts.seen.privileges:
        return None
    return element(calendarserver("can-be-shared"))


def _invite(facts: Facts) -> bytes | None:
    """Who it is shared with: for the owner all of them, for a sharee himself and the owner. caldav-sharing §5.2.2"""
    if facts.seen is None:
        return None
    owner = facts.seen.collection.owner
    organizer = element(calendarserver("organizer"), href_element(href(Principal(owner))))
    shares = facts.shares if facts.seen.share is None else (facts.seen.share,)
    return organizer + b"".join(_sharee(share.address, may_write=share.may_write) for share in shares)


def _sharee(address: str, *, may_write: bool) -> bytes:
    access = element(calendarserver("access"), element(calendarserver("read-write" if may_write else "read")))
    user = href_element(f"mailto:{address}") + text_element(calendarserver("common-name"), address)
    return element(calendarserver("user"), user + element(calendarserver("invite-accepted")) + access)


def _shared_url(facts: Facts) -> bytes | None:
    """To a sharee: whose it is. caldav-sharing §5.2"""
    if facts.seen is None or facts.seen.share is None:
        return None
    return href_element(href(Principal(facts.seen.collection.owner)))


def _source(facts: Facts) -> bytes | None:
    """Of the outside feed; often as good as a password, so that it is the owner's alone."""
    return href_element(facts.source) if facts.source is not None else None


def _free_busy_set(_facts: Facts) -> bytes:
    """RFC 6638 says schedule-calendar-transp in its place; old clients still ask."""
    return b""


ROWS = (
    Property(caldav("calendar-description"), CALENDAR, _description, live=Live("description", parse.description)),
    Property(caldav("calendar-timezone"), CALENDAR, _timezone, live=Live("timezone", parse.timezone)),
    Property(caldav("calendar-timezone-id"), CALENDAR, _timezone_id, live=Live("timezone_id", parse.timezone_id)),
    Property(caldav("supported-calendar-component-set"), TAKES_OBJECTS, _components),
    Property(caldav("supported-calendar-component-sets"), frozenset({S.CALENDAR_HOME}), _component_sets),
    Property(caldav("supported-calendar-data"), TAKES_OBJECTS, _data_types),
    Property(caldav("supported-collation-set"), CALENDAR, _collations),
    Property(caldav("max-resource-size"), TAKES_OBJECTS, _max_octets),
    Property(caldav("max-instances"), TAKES_OBJECTS, lambda _: b"%d" % MAX_INSTANCES),
    Property(caldav("max-attendees-per-instance"), TAKES_OBJECTS, lambda facts: b"%d" % facts.limits.max_attendees),
    Property(caldav("min-date-time"), TAKES_OBJECTS, lambda _: FIRST_DATE),
    Property(caldav("max-date-time"), TAKES_OBJECTS, lambda _: LAST_DATE),
    Property(
        caldav("schedule-calendar-transp"), CALENDAR, _transparency, live=Live("is_transparent", parse.is_transparent)
    ),
    Property(caldav("schedule-tag"), EVENT, _schedule_tag),
    Property(caldav("calendar-free-busy-set"), frozenset({S.INBOX}), _free_busy_set),
    Property(apple("calendar-color"), COLLECTIONS, _color, live=Live("color", parse.color)),
    Property(apple("calendar-order"), COLLECTIONS, _order, live=Live("position", parse.position)),
    Property(calendarserver("allowed-sharing-modes"), COLLECTIONS, _sharing_modes),
    Property(calendarserver("invite"), COLLECTIONS, _invite, needs=Need.SHARES),
    Property(calendarserver("source"), CALENDAR, _source, needs=Need.SOURCE, live=Live("source", parse.source)),
    Property(calendarserver("organizer"), COLLECTIONS, _shared_url),
)
