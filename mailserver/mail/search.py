"""What an IMAP client looks for, as a value: the search keys of RFC 9051 §6.4.4 and RFC 3501 §6.4.4.

The IMAP grammar makes these; whoever holds the mailbox evaluates them. Text is decoded already; matching is
substring without case (i;unicode-casemap, RFC 5051).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import Enum

from mailserver.mail.sequence import SequenceSet


class DateTest(Enum):
    BEFORE = "before"
    ON = "on"
    SINCE = "since"


@dataclass(frozen=True, slots=True)
class All:
    pass


@dataclass(frozen=True, slots=True)
class And:
    keys: "tuple[SearchKey, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    first: "SearchKey"
    second: "SearchKey"


@dataclass(frozen=True, slots=True)
class Not:
    key: "SearchKey"


@dataclass(frozen=True, slots=True)
class HasFlag:
    """A system flag or keyword is set; UNSEEN is Not(HasFlag("\\Seen"))."""

    flag: str


@dataclass(frozen=True, slots=True)
class Recent:
    """\\Recent to the asking session; NEW is And((Recent(), Not(seen))), OLD is Not(Recent())."""


@dataclass(frozen=True, slots=True)
class Numbers:
    numbers: SequenceSet  # message numbers of the asking session


@dataclass(frozen=True, slots=True)
class Uids:
    uids: SequenceSet


@dataclass(frozen=True, slots=True)
class Larger:
    octets: int


@dataclass(frozen=True, slots=True)
class Smaller:
    octets: int


@dataclass(frozen=True, slots=True)
class InternalDate:
    """By the internal date's day, UTC."""

    test: DateTest
    day: date


@dataclass(frozen=True, slots=True)
class Within:
    """OLDER and YOUNGER: by the internal date and the time of asking; exactly this age is both. RFC 5032."""

    older: bool
    seconds: int


@dataclass(frozen=True, slots=True)
class SaveDate:
    """By the day, UTC, on which the message came into its mailbox. RFC 8514."""

    test: DateTest
    day: date


@dataclass(frozen=True, slots=True)
class SentDate:
    """By the Date field's day in the zone it was written in, RFC 9051 §6.4.4; without a Date nothing matches."""

    test: DateTest
    day: date


@dataclass(frozen=True, slots=True)
class Header:
    """A field of this name contains the text; an empty text asks only whether the field is there.

    FROM, TO, CC, BCC and SUBJECT are Header too.
    """

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Body:
    text: str  # in the decoded text of any text part


@dataclass(frozen=True, slots=True)
class Text:
    text: str  # in the header or the body


@dataclass(frozen=True, slots=True)
class ModSeq:
    """Changed at or after this number, RFC 7162 §3.1.5."""

    modseq: int


@dataclass(frozen=True, slots=True)
class EmailId:
    content_id: int | None  # None: an id that no message has, RFC 8474 §6


@dataclass(frozen=True, slots=True)
class ThreadId:
    thread_id: int | None


@dataclass(frozen=True, slots=True)
class Fuzzy:
    """As people search: all words of the text, in any order, in other forms too. RFC 6203."""

    key: "Header | Body | Text"


SearchKey = (
    All
    | And
    | Or
    | Not
    | HasFlag
    | Recent
    | Numbers
    | Uids
    | Larger
    | Smaller
    | InternalDate
    | Within
    | SaveDate
    | SentDate
    | Header
    | Body
    | Text
    | ModSeq
    | EmailId
    | ThreadId
    | Fuzzy
)


def fuzzily(key: SearchKey) -> SearchKey:
    """FUZZY before a key: every key in it that looks for text does so fuzzily, RFC 6203 §5."""
    match key:
        case Header() | Body() | Text():
            return Fuzzy(key)
        case And():
            return And(tuple(map(fuzzily, key.keys)))
        case Or():
            return Or(fuzzily(key.first), fuzzily(key.second))
        case Not():
            return Not(fuzzily(key.key))
        case _:
            return key


def leaves(key: SearchKey) -> Iterator[SearchKey]:
    """The keys that are no combination of others."""
    match key:
        case And():
            for each in key.keys:
                yield from leaves(each)
        case Or():
            yield from leaves(key.first)
            yield from leaves(key.second)
        case Not():
            yield from leaves(key.key)
        case _:
            yield key
