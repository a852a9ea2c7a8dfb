"""The calendar of birthdays and anniversaries in a user's contacts.

Made from the contacts, never written by a client: `settle` compares what it holds with what the books say and writes
the difference, so that sync tokens work as in any calendar. It is called after every change of a book, and at the
start for changes of other processes. The calendar is there while there is something in it.

    29 February    is kept on the last day of February
    no year        nothing is said of an age; the event begins in 1972, a leap year
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from mailserver.groupware.accepted import Accept
from mailserver.ical import write
from mailserver.store import collections, contacts, members, profiles
from mailserver.store.collections import Collection, Draft, Family, Kind
from mailserver.store.contacts import Dated
from mailserver.store.database import Rx, Tx
from mailserver.vcard.fields import Day, day

SLUG, NAME = "birthdays", "Birthdays"
COLOR = "#E6B422"
NO_YEAR = 1972
OLDEST, NEWEST = 1604, 2096  # what clients can count with; leap years, so that every day is in them
PRODID = "-//mailserver//birthdays//EN"


@dataclass(frozen=True, slots=True)
class Event:
    uid: str
    data: bytes


@dataclass(frozen=True, slots=True)
class _Sort:
    """One of the two days a contact can have."""

    of: Callable[[Dated], str | None]
    key: str
    summary: str
    since: str
    category: str


_SORTS = (
    _Sort(lambda each: each.birthday, "birthday", "{name}: birthday", "Born {date}", "BIRTHDAY"),
    _Sort(lambda each: each.anniversary, "anniversary", "{name}: anniversary", "Since {date}", "ANNIVERSARY"),
)


def settle(tx: Tx, user_id: int, accept: Accept, *, by_default: bool) -> None:
    """Make the calendar what the user's own books say. `by_default`: for accounts that have not chosen."""
    choice = profiles.shows_birthdays(tx, user_id)
    events = _events(tx, user_id) if (by_default if choice is None else choice) else {}
    calendar = _calendar(tx, user_id)
    if calendar is None:
        if not events:
            return
        calendar = _new(tx, user_id)
    if not events:
        collections.remove(tx, calendar)
        return
    there = {member.href: member for member in members.list(tx, calendar)}
    for href, event in events.items():
        member = there.pop(href, None)
        if member is not None and member.etag == members.etag_of(event.data):
            continue
        accepted = accept(event.data, calendar)
        draft = accepted.draft(event.data)
        stored = (
            members.add(tx, calendar, href, draft) if member is None else members.replace(tx, calendar, member, draft)
        )
        accepted.apply(tx, stored.id)
    for gone in there.values():
        members.remove(tx, calendar, gone)


def event(contact: Dated, when: Day, sort: str) -> Event:
    """The yearly event of a contact's day; `sort`: birthday or anniversary."""
    words = next(each for each in _SORTS if each.key == sort)
    uid = hashlib.blake2b(f"{contact.addressbook_id}\0{contact.uid}\0{sort}".encode(), digest_size=16).hexdigest()
    start = date(min(max(when.year or NO_YEAR, OLDEST), NEWEST), when.month, when.day)
    lines = [
        write.line("UID", uid),
        write.line("DTSTAMP", f"{start:%Y%m%d}T000000Z"),  # of no meaning, so that nothing changes with the clock
        write.line("DTSTART", f"{start:%Y%m%d}", {"VALUE": "DATE"}),
        write.line("DTEND", f"{start + timedelta(days=1):%Y%m%d}", {"VALUE": "DATE"}),
        write.line("RRULE", _rule(when)),
        write.line("SUMMARY", write.escaped(words.summary.format(name=contact.full_name))),
        *([write.line("DESCRIPTION", write.escaped(words.since.format(date=when)))] if when.year else []),
        write.line("CATEGORIES", words.category),
        write.line("CLASS", "PRIVATE"),
        write.line("TRANSP", "TRANSPARENT"),
    ]
    return Event(uid, write.calendar([write.component("VEVENT", lines)], prodid=PRODID))


def _rule(when: Day) -> str:
    """RFC 5545 leaves years without a 29 February out of a yearly rule: the last day of the month is in each."""
    if (when.month, when.day) == (2, 29):
        return "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1"
    return "FREQ=YEARLY"


def _events(rx: Rx, user_id: int) -> dict[str, Event]:
    """By href."""
    found = dict[str, Event]()
    for book in collections.list(rx, Family.ADDRESSBOOKS, user_id):
        if book.kind is not Kind.ORDINARY:
            continue
        for contact in contacts.list_dated(rx, book.id):
            for sort in _SORTS:
                when = day(sort.of(contact) or "")
                if when is not None:
                    made = event(contact, when, sort.key)
                    found[f"{made.uid}.ics"] = made
    return found


def _calendar(rx: Rx, user_id: int) -> Collection | None:
    own = collections.list(rx, Family.CALENDARS, user_id)
    return next((each for each in own if each.kind is Kind.BIRTHDAYS), None)


def _new(tx: Tx, user_id: int) -> Collection:
    slug, number = SLUG, 1
    while not collections.is_free(tx, Family.CALENDARS, user_id, slug):
        number += 1
        slug = f"{SLUG}-{number}"
    draft = Draft(slug, NAME, Kind.BIRTHDAYS, color=COLOR, components=("VEVENT",), is_transparent=True)
    return collections.add(tx, Family.CALENDARS, user_id, draft)
