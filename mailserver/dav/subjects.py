"""Kinds of resources, as properties and reports tell them apart."""

from enum import Enum, auto

from mailserver.dav.resources import (
    Attachment,
    CollectionRef,
    Home,
    Homes,
    Inbox,
    InboxItem,
    MemberRef,
    Outbox,
    Principal,
    Principals,
    Resource,
    Root,
)
from mailserver.store.collections import Family


class Subject(Enum):
    ROOT = auto()
    PRINCIPALS = auto()
    PRINCIPAL = auto()
    HOMES = auto()
    CALENDAR_HOME = auto()
    ADDRESSBOOK_HOME = auto()
    CALENDAR = auto()
    ADDRESSBOOK = auto()
    EVENT = auto()  # any calendar object
    CONTACT = auto()
    INBOX = auto()
    OUTBOX = auto()
    INBOX_ITEM = auto()
    ATTACHMENT = auto()


S = Subject
ALL = frozenset(Subject)
HOMES = frozenset({S.CALENDAR_HOME, S.ADDRESSBOOK_HOME})
COLLECTIONS = frozenset({S.CALENDAR, S.ADDRESSBOOK})
MEMBERS = frozenset({S.EVENT, S.CONTACT})
OBJECTS = MEMBERS | {S.INBOX_ITEM}  # what is GET as iCalendar or vCard

_ALONE: dict[type, Subject] = {
    Root: S.ROOT,
    Principals: S.PRINCIPALS,
    Principal: S.PRINCIPAL,
    Homes: S.HOMES,
    Inbox: S.INBOX,
    Outbox: S.OUTBOX,
    InboxItem: S.INBOX_ITEM,
    Attachment: S.ATTACHMENT,
}
_OF_FAMILY: dict[tuple[type, Family], Subject] = {
    (Home, Family.CALENDARS): S.CALENDAR_HOME,
    (Home, Family.ADDRESSBOOKS): S.ADDRESSBOOK_HOME,
    (CollectionRef, Family.CALENDARS): S.CALENDAR,
    (CollectionRef, Family.ADDRESSBOOKS): S.ADDRESSBOOK,
    (MemberRef, Family.CALENDARS): S.EVENT,
    (MemberRef, Family.ADDRESSBOOKS): S.CONTACT,
}


def subject_of(resource: Resource) -> Subject:
    if isinstance(resource, (Home, CollectionRef, MemberRef)):
        return _OF_FAMILY[type(resource), resource.family]
    return _ALONE[type(resource)]
