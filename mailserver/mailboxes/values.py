"""What the mailbox service takes and gives: plain values."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from mailserver.errors import Refusal
from mailserver.mail.flags import FlagMode, FlagSet
from mailserver.store.changes import Changes
from mailserver.store.details import Detail, StoredDetail
from mailserver.store.mailbox_status import Status
from mailserver.store.quota import Quota
from mailserver.store.staging import Staged

__all__ = [
    "LEAST",
    "MOST",
    "Appended",
    "AppendedAll",
    "Changes",
    "Copied",
    "Detail",
    "FlagMode",
    "Found",
    "MessageGone",
    "NewMessage",
    "Quota",
    "SearchView",
    "Status",
    "Stored",
    "StoredDetail",
]


class MessageGone(Refusal):
    """Another session removed it; NOOP tells the client which, RFC 5530 §3."""

    imap, http, text = "EXPUNGEISSUED", 404, "Some of the messages were removed meanwhile"


@dataclass(frozen=True, slots=True)
class Appended:
    uidvalidity: int
    uid: int
    mailbox_id: int


@dataclass(frozen=True, slots=True)
class NewMessage:
    """To be added to a mailbox."""

    staged: Staged
    flags: FlagSet
    internal_date: int | None  # epoch seconds; None: now


@dataclass(frozen=True, slots=True)
class AppendedAll:
    uidvalidity: int
    uids: tuple[int, ...]  # ascending, in the order of the messages
    mailbox_id: int


@dataclass(frozen=True, slots=True)
class Copied:
    uidvalidity: int  # of the target
    source_uids: tuple[int, ...]  # ascending
    target_uids: tuple[int, ...]  # in the same order


@dataclass(frozen=True, slots=True)
class Stored:
    changed: list[int]  # UIDs whose flags are different now, ascending
    failed: list[int]  # UIDs changed after `unchanged_since`, RFC 7162 §3.1.3
    modseq: int  # of the changed ones; 0 where nothing changed
    before: int  # the mailbox's highest change number until then: nothing else of it changed in between


@dataclass(frozen=True, slots=True)
class SearchView:
    """What the asking session believes: message number n is uids[n - 1]."""

    uids: Sequence[int]  # ascending; may still name messages that are gone
    is_recent: Callable[[int], bool]
    saved: Sequence[int] = ()  # UIDs of "$", the saved search result, RFC 5182
    now: int = 0  # epoch seconds, for the keys that ask for an age
    at: Callable[[int, int], None] = lambda _done, _goal: None  # hears how many messages of how many were read


LEAST, MOST = 1, 100  # RELEVANCY, RFC 6203 §4


@dataclass(frozen=True, slots=True)
class Found:
    uids: list[int]  # ascending
    scores: Mapping[int, int] = field(default_factory=dict)  # uid → LEAST to MOST, of those that a FUZZY key found
