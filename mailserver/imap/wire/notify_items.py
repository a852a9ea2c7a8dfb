"""What NOTIFY asks for: kinds of mailboxes, and the events of each. RFC 5465 §8.

An event that the server can tell is a member of Event, heard and worded in imap/watch.py and commands/notify.py; all
others are refused by name.
"""

from dataclasses import dataclass
from enum import Enum

from mailserver.errors import Refusal
from mailserver.imap.wire import fetch_items
from mailserver.imap.wire.fetch_items import FetchItem
from mailserver.imap.wire.reader import BadSyntax, Reader

MAX_GROUPS = 100
MAX_NAMES = 1000  # of one group


class Event(Enum):
    """The value is the name on the wire."""

    MESSAGE_NEW = "MessageNew"
    MESSAGE_EXPUNGE = "MessageExpunge"
    FLAG_CHANGE = "FlagChange"
    MAILBOX_NAME = "MailboxName"
    SUBSCRIPTION_CHANGE = "SubscriptionChange"
    MAILBOX_METADATA_CHANGE = "MailboxMetadataChange"
    SERVER_METADATA_CHANGE = "ServerMetadataChange"


MESSAGE_EVENTS = frozenset({Event.MESSAGE_NEW, Event.MESSAGE_EXPUNGE, Event.FLAG_CHANGE})
_TOGETHER = frozenset({Event.MESSAGE_NEW, Event.MESSAGE_EXPUNGE})
_EVENTS = {event.value.upper(): event for event in Event}


class BadEvent(Refusal):
    imap = f"BADEVENT ({' '.join(event.value for event in Event)})"
    text = "Some of the events are not supported"


class Which(Enum):
    """Mailboxes that a group is about; the value is the name on the wire."""

    SELECTED = "SELECTED"
    SELECTED_DELAYED = "SELECTED-DELAYED"  # EXPUNGE only where a command allows it
    INBOXES = "INBOXES"
    PERSONAL = "PERSONAL"
    SUBSCRIBED = "SUBSCRIBED"
    SUBTREE = "SUBTREE"
    MAILBOXES = "MAILBOXES"


OF_SELECTED = frozenset({Which.SELECTED, Which.SELECTED_DELAYED})
_NAMED = frozenset({Which.SUBTREE, Which.MAILBOXES})
_WHICH = {which.value: which for which in Which}


@dataclass(frozen=True, slots=True)
class EventGroup:
    which: Which
    names: tuple[str, ...] = ()  # of SUBTREE and MAILBOXES
    events: frozenset[Event] = frozenset()
    fetch: tuple[FetchItem, ...] = ()  # of each new message in the selected mailbox


@dataclass(frozen=True, slots=True)
class NotifyRequest:
    groups: tuple[EventGroup, ...] = ()  # the first that a mailbox belongs to counts; none: NOTIFY NONE
    status: bool = False  # STATUS of all mailboxes with message events first


def parse(r: Reader) -> NotifyRequest:
    """notify = "NOTIFY" SP ("SET" [SP "STATUS"] SP event-groups / "NONE"). Raises BadEvent too."""
    r.sp()
    match r.word():
        case "NONE":
            request = NotifyRequest()
        case "SET":
            request = _set(r)
        case _:
            raise BadSyntax("SET or NONE expected")
    r.end()
    return request


def _set(r: Reader) -> NotifyRequest:
    r.sp()
    status = r.accept_word(b"STATUS")
    if status:
        r.sp()
    groups = [_group(r)]
    while r.accept(b" "):
        groups.append(_group(r))
        if len(groups) > MAX_GROUPS:
            raise BadSyntax(f"At most {MAX_GROUPS} groups of events")
    if sum(group.which in OF_SELECTED for group in groups) > 1:
        raise BadSyntax("One group is about the selected mailbox at most")
    return NotifyRequest(tuple(groups), status)


def _group(r: Reader) -> EventGroup:
    """event-group = "(" filter-mailboxes SP events ")" """
    r.expect(b"(")
    which = _WHICH.get(r.word())
    if which is None:
        raise BadSyntax("Unknown kind of mailboxes")
    names: tuple[str, ...] = ()
    if which in _NAMED:
        r.sp()
        names = _names(r)
    r.sp()
    events, fetch = _events(r)
    r.expect(b")")
    _check(which, events, fetch)
    return EventGroup(which, names, events, fetch or ())


def _names(r: Reader) -> tuple[str, ...]:
    """one-or-more-mailbox: no wildcards, "*" is a character like others. RFC 5465 §6.6"""
    names = r.parenthesised(r.mailbox) if r.peek() == b"(" else [r.mailbox()]
    if len(names) > MAX_NAMES:
        raise BadSyntax(f"At most {MAX_NAMES} names")
    return tuple(names)


def _events(r: Reader) -> tuple[frozenset[Event], tuple[FetchItem, ...] | None]:
    """ "(" event *(SP event) ")" / "NONE"; MessageNew may have FETCH items behind it."""
    if r.accept_word(b"NONE"):
        return frozenset(), None
    events: set[Event] = set()
    fetch: tuple[FetchItem, ...] | None = None
    unknown = False
    r.expect(b"(")
    while True:
        event = _EVENTS.get(r.word())
        unknown |= event is None
        events |= {event} if event is not None else set()
        if r.peek(2) == b" (" and event is Event.MESSAGE_NEW and fetch is None:
            r.sp()
            fetch = fetch_items.parse_items(r)
        if r.accept(b")"):
            break
        r.sp()
    if unknown:
        raise BadEvent
    return frozenset(events), fetch


def _check(which: Which, events: frozenset[Event], fetch: tuple[FetchItem, ...] | None) -> None:
    """What belongs together, RFC 5465 §5, and what only the selected mailbox has, §5.2, §6.1."""
    if events & MESSAGE_EVENTS and not events >= _TOGETHER:
        raise BadSyntax("Message events need both MessageNew and MessageExpunge")
    if which in OF_SELECTED and not events <= MESSAGE_EVENTS:
        raise BadSyntax("The selected mailbox has message events only")
    if fetch is not None and which not in OF_SELECTED:
        raise BadSyntax("FETCH items are for new messages of the selected mailbox")
