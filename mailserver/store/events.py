"""What changed, told after commit in commit order. Only facts; whoever listens decides what it means."""

from dataclasses import dataclass

import msgspec

from mailserver.mail.flags import FlagSet
from mailserver.store import queue_states


class AddedMessage(msgspec.Struct, frozen=True, gc=False):
    """A struct of msgspec's, because COPY and MOVE make thousands at once."""

    uid: int
    size: int
    internal_date: int  # epoch seconds
    flags: FlagSet
    modseq: int
    content_id: int
    thread_id: int
    save_date: int  # epoch seconds


@dataclass(frozen=True, slots=True)
class MessagesAdded:
    user_id: int
    mailbox_id: int
    messages: tuple[AddedMessage, ...]  # by uid


@dataclass(frozen=True, slots=True)
class FlagsChanged:
    user_id: int
    mailbox_id: int
    changes: tuple[tuple[int, FlagSet, int], ...]  # (uid, flags now, modseq), by uid


@dataclass(frozen=True, slots=True)
class MessagesRemoved:
    user_id: int
    mailbox_id: int
    modseq: int
    uids: tuple[int, ...]  # ascending


@dataclass(frozen=True, slots=True)
class MailboxesChanged:
    """Mailboxes of a user were created, renamed, removed or given another special use."""

    user_id: int
    removed: tuple[int, ...] = ()  # mailbox ids


@dataclass(frozen=True, slots=True)
class AnnotationsChanged:
    """What clients noted about a mailbox or the server, RFC 5464: the names of the entries, not their values."""

    user_id: int | None  # the mailbox's owner; None: the server's
    mailbox_id: int | None  # None: the server's
    shared: tuple[str, ...]  # entries that concern everybody who may see the mailbox
    private: tuple[str, ...]  # entries that concern `by` alone
    by: int  # the user who changed them


@dataclass(frozen=True, slots=True)
class SubscriptionsChanged:
    user_id: int


@dataclass(frozen=True, slots=True)
class AccountsChanged:
    """Users, domains or aliases changed: whoever is logged in may not be allowed to any more."""


@dataclass(frozen=True, slots=True)
class QueueChanged:
    """Rows of the outbound queue were added or became due."""

    queued: int = 0  # rows that were added


@dataclass(frozen=True, slots=True)
class QueueSettled:
    """What a turn of the outbound queue came to."""

    outcomes: tuple[queue_states.Event, ...]  # one for each row that changed
    seconds: tuple[float, ...]  # how long each attempt took; rows share one


@dataclass(frozen=True, slots=True)
class DkimKeysChanged:
    """Other keys sign from now on."""


@dataclass(frozen=True, slots=True)
class CollectionChanged:
    """A calendar or address book, a member of it, or who sees it; also that it came or went."""

    user_id: int  # the owner
    family: str  # "calendars" or "addressbooks"
    collection_id: int
    modseq: int  # the owner's change number


@dataclass(frozen=True, slots=True)
class SchedulingMailAdded:
    """An invitation, an answer or a cancellation waits to become mail."""


@dataclass(frozen=True, slots=True)
class FeedsChanged:
    """A calendar shows another outside feed, or one that is to be fetched now."""


@dataclass(frozen=True, slots=True)
class ForeignCommit:
    """Another process wrote to the database; anything may have changed."""


Event = (
    MessagesAdded
    | FlagsChanged
    | MessagesRemoved
    | MailboxesChanged
    | AnnotationsChanged
    | SubscriptionsChanged
    | AccountsChanged
    | QueueChanged
    | DkimKeysChanged
    | QueueSettled
    | CollectionChanged
    | SchedulingMailAdded
    | FeedsChanged
    | ForeignCommit
)
