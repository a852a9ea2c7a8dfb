"""What a client wants to be told of other mailboxes, and what happened in them since it was last told. RFC 5465.

What is kept does not grow with what happens: a set of mailboxes that changed, and that names did. What to say of
them is read when it is said, so that a client that does not read costs no more than one that does.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mailserver.imap.wire.notify_items import MESSAGE_EVENTS, OF_SELECTED, Event, EventGroup, NotifyRequest, Which
from mailserver.mail.rights import Rights
from mailserver.mailboxes import names
from mailserver.mailboxes.access import Listed
from mailserver.mailboxes.annotations import READERS
from mailserver.store import events

MAX_UNTOLD = 250  # mailboxes with news that a client has not read: asking for all of them costs it less then

_EVENT_OF = {
    events.MessagesAdded: Event.MESSAGE_NEW,
    events.MessagesRemoved: Event.MESSAGE_EXPUNGE,
    events.FlagsChanged: Event.FLAG_CHANGE,
}
MessageEvent = events.MessagesAdded | events.MessagesRemoved | events.FlagsChanged

MAX_ENTRIES = 1000  # names of METADATA entries that a client has not been told of

SERVER = 0  # in place of a mailbox's id


class Names(Protocol):
    """What a user sees at one moment: own mailboxes, those of others, subscriptions."""

    @property
    def mailboxes(self) -> Mapping[str, Listed]: ...
    @property
    def subscribed(self) -> frozenset[str]: ...
    @property
    def with_children(self) -> frozenset[str]: ...


class Watch:
    def __init__(
        self, request: NotifyRequest, user_id: int, seen: Names, wake: Callable[[], None], max_untold: int = MAX_UNTOLD
    ) -> None:
        self._request = request
        self._groups = _Groups(request.groups)
        self._user_id = user_id
        self._wake = wake
        self._max_untold = max_untold
        self._changed: dict[int, set[Event]] = {}  # mailbox id → what happened in it
        self._entries: dict[int, set[str]] = {}  # mailbox id or SERVER → METADATA entries that changed
        self._foreign = False  # another process wrote: no event says what
        self.names_heard = 0  # how often names changed
        self._names_known = 0  # up to which of these changes they were read
        self.overflowed = False
        self.seen = seen
        self._names = _by_id(seen)

    @property
    def of_selected(self) -> EventGroup | None:
        return next((group for group in self._request.groups if group.which in OF_SELECTED), None)

    @property
    def names_changed(self) -> bool:
        """Until names are read again nobody knows who wants to hear of what."""
        return self._names_known < self.names_heard

    @property
    def has_news(self) -> bool:
        return bool(self._changed or self._entries) or self.names_changed or self.overflowed

    def group_of(self, name: str, subscribed: Collection[str]) -> EventGroup | None:
        """The first that the mailbox belongs to."""
        return self._groups.first_with(name, subscribed)

    def wants(self, event: Event, name: str) -> bool:
        return self.wants_any((event,), name)

    def wants_any(self, happened: Collection[Event], name: str) -> bool:
        """Of messages only who may read them hears, RFC 5465 §5; of entries who may ask for them, RFC 5464 §3.3."""
        group = self.group_of(name, self.seen.subscribed)
        if group is None or group.events.isdisjoint(happened):
            return False
        listed = self.seen.mailboxes.get(name)
        return listed is None or any(event in group.events and _may_hear(event, listed.rights) for event in happened)

    # ---- what happens, on the loop ----

    def hear(self, event: events.Event) -> None:
        match event:
            case events.MessagesAdded() | events.MessagesRemoved() | events.FlagsChanged():
                if event.user_id == self._user_id or event.mailbox_id in self._names:
                    self._hear_messages(event)
            case events.MailboxesChanged():  # whoever's: rights to it may have been given
                self._hear_names()
            case events.SubscriptionsChanged() if event.user_id == self._user_id:
                self._hear_names()
            case events.AnnotationsChanged():
                self._hear_annotations(event)
            case events.ForeignCommit():
                self._foreign = True
                self._hear_names()

    def _hear_messages(self, event: MessageEvent) -> None:
        happened, name = _EVENT_OF[type(event)], self._names.get(event.mailbox_id)
        if name is not None and not self.names_changed and not self.wants(happened, name):
            return
        self._changed.setdefault(event.mailbox_id, set()).add(happened)
        if len(self._changed) > self._max_untold:
            self._overflow()
        self._wake()

    def _hear_annotations(self, event: events.AnnotationsChanged) -> None:
        """Private entries are their user's; of a mailbox only who sees it hears."""
        entries = {*event.shared, *(event.private if event.by == self._user_id else ())}
        if not entries or not self._wants_annotations(event.mailbox_id):
            return
        self._entries.setdefault(event.mailbox_id or SERVER, set()).update(entries)
        if sum(map(len, self._entries.values())) > MAX_ENTRIES:
            self._overflow()
        self._wake()

    def _wants_annotations(self, mailbox_id: int | None) -> bool:
        if mailbox_id is None:
            return any(Event.SERVER_METADATA_CHANGE in group.events for group in self._request.groups)
        if self.names_changed:
            return True
        name = self._names.get(mailbox_id)
        return name is not None and self.wants(Event.MAILBOX_METADATA_CHANGE, name)

    def _overflow(self) -> None:
        self._changed.clear()
        self._entries.clear()
        self.overflowed = True

    def _hear_names(self) -> None:
        self.names_heard += 1
        self._wake()

    # ---- what is told of it ----

    def take_changed(self, selected_id: int) -> list[str]:
        """Names of mailboxes with news that are wanted, ascending; the selected one is told of otherwise."""
        changed, self._changed = self._changed, {}
        named = {name: changed[mailbox_id] for mailbox_id, name in self._names.items() if mailbox_id in changed}
        named.pop(self._names.get(selected_id, ""), None)
        return sorted(name for name, happened in named.items() if self.wants_any(happened, name))

    def take_entries(self) -> list[tuple[str, list[str]]]:
        """(name, "" for the server; the entries that changed) each."""
        taken, self._entries = self._entries, {}
        wanted = {place: name for place, name in self._names.items() if self.wants(Event.MAILBOX_METADATA_CHANGE, name)}
        known = {SERVER: "", **wanted}
        return sorted((known[place], sorted(entries)) for place, entries in taken.items() if place in known)

    def take_names(self, now: Names, heard: int) -> "list[Renaming]":
        """What is different in names since they were last seen, as far as it is wanted.

        `heard`: `names_heard` when they began to be read; `now` may be without what was heard of since.
        """
        self._names_known = heard
        before, self.seen, self._names = self.seen, now, _by_id(now)
        if self._foreign:
            self._foreign = self.names_changed  # another commit may have come behind this reading
            self._note_silent_changes(before)
        named = {change for change in _renamings(before, now) if self._wants_name(change)}
        subscribed = before.subscribed ^ now.subscribed
        told = {change.name for change in named}
        for name in subscribed - told:
            if self.wants(Event.SUBSCRIPTION_CHANGE, name):
                named.add(Renaming(name))
        return sorted(named, key=lambda change: change.name)

    def with_messages(self, selected_id: int) -> list[str]:
        """Names of all mailboxes whose messages are watched, but for the selected one."""
        return sorted(
            name
            for name, listed in self.seen.mailboxes.items()
            if listed.mailbox.id != selected_id and self.wants_any(MESSAGE_EVENTS, name)
        )

    def _wants_name(self, change: "Renaming") -> bool:
        return any(self.wants(Event.MAILBOX_NAME, name) for name in (change.name, change.old) if name)

    def _note_silent_changes(self, before: Names) -> None:
        """What changed since names were last read may be told twice: better than not at all."""
        known = {listed.mailbox.id: listed.mailbox.highestmodseq for listed in before.mailboxes.values()}
        for mailbox in (listed.mailbox for listed in self.seen.mailboxes.values()):
            if known.get(mailbox.id, mailbox.highestmodseq) != mailbox.highestmodseq:
                self._changed.setdefault(mailbox.id, set()).update(MESSAGE_EVENTS)


def _by_id(seen: Names) -> dict[int, str]:
    return {listed.mailbox.id: name for name, listed in seen.mailboxes.items()}


@dataclass(frozen=True, slots=True)
class Renaming:
    """A name to be listed again; `old` where the mailbox had another before."""

    name: str
    old: str = ""


def _renamings(before: Names, now: Names) -> set[Renaming]:
    """Made, removed, renamed, shared or not any more, got or lost its children, got another special use."""
    had = {listed.mailbox.id: listed for listed in before.mailboxes.values()}
    changes: set[Renaming] = set()
    for name, listed in now.mailboxes.items():
        earlier = had.pop(listed.mailbox.id, None)
        if earlier is None:
            changes.add(Renaming(name))
        elif earlier.name != name:
            changes.add(Renaming(name, earlier.name))
        elif _shows(earlier, before) != _shows(listed, now):
            changes.add(Renaming(name))
    return changes | {Renaming(listed.name) for listed in had.values() if listed.name not in now.mailboxes}


def _shows(listed: Listed, seen: Names) -> tuple[bool, str | None]:
    return listed.name in seen.with_children, listed.mailbox.special_use


def _may_hear(event: Event, rights: Rights) -> bool:
    if event in MESSAGE_EVENTS:
        return "r" in rights
    return event is not Event.MAILBOX_METADATA_CHANGE or not rights.isdisjoint(READERS)


class _Groups:
    """Finds the group of a name without going through all: a client may name thousands, and has thousands of names."""

    def __init__(self, groups: Sequence[EventGroup]) -> None:
        self._groups = groups
        self._kinds: dict[Which, int] = {}  # the first group of each
        self._names: dict[str, int] = {}  # of MAILBOXES: the first group with it
        self._roots: dict[str, int] = {}  # of SUBTREE
        for place, group in enumerate(groups):
            self._kinds.setdefault(group.which, place)
            named = self._roots if group.which is Which.SUBTREE else self._names
            for name in map(names.canonical, group.names):
                named.setdefault(name, place)

    def first_with(self, name: str, subscribed: Collection[str]) -> EventGroup | None:
        places = [self._names.get(name), *map(self._roots.get, (name, *names.parents(name)))]
        if names.split_other(name) is None:  # filters may put new mail anywhere, so all are inboxes: RFC 5465 §6.3
            places += [self._kinds.get(Which.PERSONAL), self._kinds.get(Which.INBOXES)]
        if name in subscribed:
            places.append(self._kinds.get(Which.SUBSCRIBED))
        first = min((place for place in places if place is not None), default=None)
        return None if first is None else self._groups[first]
