"""What a client wants to be told of other mailboxes, and what happened in them since it was last told. RFC 5465.

What is kept does not grow with what happens: a set of mailboxes that changed, and that names did. What to say of
them is read when it is said, so that a client that does not read costs no more than one that does.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from mailserver.imap.wire.notify_items import MESSAGE_EVENTS, OF_SELECTED, Event, EventGroup, NotifyRequest, Which
from mailserver.mailboxes import names
from mailserver.store import events
from mailserver.store.mailboxes import Mailbox

MAX_UNTOLD = 250  # mailboxes with news that a client has not read: asking for all of them costs it less then

_EVENT_OF = {
    events.MessagesAdded: Event.MESSAGE_NEW,
    events.MessagesRemoved: Event.MESSAGE_EXPUNGE,
    events.FlagsChanged: Event.FLAG_CHANGE,
}
MessageEvent = events.MessagesAdded | events.MessagesRemoved | events.FlagsChanged


class Names(Protocol):
    """An account's mailboxes and subscriptions at one moment."""

    @property
    def mailboxes(self) -> Mapping[str, Mailbox]: ...
    @property
    def subscribed(self) -> frozenset[str]: ...
    @property
    def with_children(self) -> frozenset[str]: ...


class Watch:
    def __init__(
        self, request: NotifyRequest, user_id: int, seen: Names, wake: Callable[[], None], max_untold: int = MAX_UNTOLD
    ) -> None:
        self._request = request
        self._user_id = user_id
        self._wake = wake
        self._max_untold = max_untold
        self._changed: dict[int, set[Event]] = {}  # mailbox id → what happened in it
        self._foreign = False  # another process wrote: no event says what
        self.names_changed = False
        self.overflowed = False
        self.seen = seen
        self._names = _by_id(seen)

    @property
    def of_selected(self) -> EventGroup | None:
        return next((group for group in self._request.groups if group.which in OF_SELECTED), None)

    @property
    def has_news(self) -> bool:
        return bool(self._changed) or self.names_changed or self.overflowed

    def group_of(self, name: str, subscribed: Collection[str]) -> EventGroup | None:
        """The first that the mailbox belongs to."""
        return next((group for group in self._request.groups if _holds(group, name, subscribed)), None)

    def wants(self, event: Event, name: str) -> bool:
        group = self.group_of(name, self.seen.subscribed)
        return group is not None and event in group.events

    # ---- what happens, on the loop ----

    def hear(self, event: events.Event) -> None:
        match event:
            case events.MessagesAdded() | events.MessagesRemoved() | events.FlagsChanged():
                if event.user_id == self._user_id:
                    self._hear_messages(event)
            case events.MailboxesChanged() | events.SubscriptionsChanged():
                if event.user_id == self._user_id:
                    self._hear_names()
            case events.ForeignCommit():
                self._foreign = True
                self._hear_names()

    def _hear_messages(self, event: MessageEvent) -> None:
        happened, name = _EVENT_OF[type(event)], self._names.get(event.mailbox_id)
        if name is not None and not self.wants(happened, name):
            return
        self._changed.setdefault(event.mailbox_id, set()).add(happened)
        if len(self._changed) > self._max_untold:
            self._changed.clear()
            self.overflowed = True
        self._wake()

    def _hear_names(self) -> None:
        self.names_changed = True
        self._wake()

    # ---- what is told of it ----

    def take_changed(self, selected_id: int) -> list[str]:
        """Names of mailboxes with news that are wanted, ascending; the selected one is told of otherwise."""
        changed, self._changed = self._changed, {}
        named = {name: changed[mailbox_id] for mailbox_id, name in self._names.items() if mailbox_id in changed}
        named.pop(self._names.get(selected_id, ""), None)
        return sorted(name for name, happened in named.items() if any(self.wants(event, name) for event in happened))

    def take_names(self, now: Names) -> "list[Renaming]":
        """What is different in names since they were last seen, as far as it is wanted."""
        self.names_changed = False
        before, self.seen, self._names = self.seen, now, _by_id(now)
        if self._foreign:
            self._foreign = False
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
            for name, mailbox in self.seen.mailboxes.items()
            if mailbox.id != selected_id
            and (group := self.group_of(name, self.seen.subscribed)) is not None
            and group.events & MESSAGE_EVENTS
        )

    def _wants_name(self, change: "Renaming") -> bool:
        return any(self.wants(Event.MAILBOX_NAME, name) for name in (change.name, change.old) if name)

    def _note_silent_changes(self, before: Names) -> None:
        """What changed since names were last read may be told twice: better than not at all."""
        known = {mailbox.id: mailbox.highestmodseq for mailbox in before.mailboxes.values()}
        for mailbox in self.seen.mailboxes.values():
            if known.get(mailbox.id, mailbox.highestmodseq) != mailbox.highestmodseq:
                self._changed.setdefault(mailbox.id, set()).update(MESSAGE_EVENTS)


def _by_id(seen: Names) -> dict[int, str]:
    return {mailbox.id: name for name, mailbox in seen.mailboxes.items()}


@dataclass(frozen=True, slots=True)
class Renaming:
    """A name to be listed again; `old` where the mailbox had another before."""

    name: str
    old: str = ""


def _renamings(before: Names, now: Names) -> set[Renaming]:
    """Made, removed, renamed, got or lost its children, got another special use."""
    had = {mailbox.id: mailbox for mailbox in before.mailboxes.values()}
    changes: set[Renaming] = set()
    for name, mailbox in now.mailboxes.items():
        earlier = had.pop(mailbox.id, None)
        if earlier is None:
            changes.add(Renaming(name))
        elif earlier.name != name:
            changes.add(Renaming(name, earlier.name))
        elif _shows(earlier, before) != _shows(mailbox, now):
            changes.add(Renaming(name))
    return changes | {Renaming(mailbox.name) for mailbox in had.values() if mailbox.name not in now.mailboxes}


def _shows(mailbox: Mailbox, seen: Names) -> tuple[bool, str | None]:
    return mailbox.name in seen.with_children, mailbox.special_use


def _holds(group: EventGroup, name: str, subscribed: Collection[str]) -> bool:
    match group.which:
        case Which.PERSONAL | Which.INBOXES:  # filters may put new mail anywhere, so all are inboxes: RFC 5465 §6.3
            return True
        case Which.SUBSCRIBED:
            return name in subscribed
        case Which.MAILBOXES:
            return name in map(names.canonical, group.names)
        case Which.SUBTREE:
            roots = [names.canonical(root) for root in group.names]
            return any(name == root or names.is_below(name, root) for root in roots)
        case _:
            return False
