"""Which mailboxes an ESEARCH looks into: IN (…). RFC 7377 §3, filters of RFC 5465 §6."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from mailserver.imap.wire.reader import BadSyntax, Reader

MAX_NAMES = 1000  # in one IN


class Filter(Enum):
    """The value is the name on the wire."""

    SELECTED = "SELECTED"
    INBOXES = "INBOXES"  # where deliveries go
    PERSONAL = "PERSONAL"
    SUBSCRIBED = "SUBSCRIBED"
    SUBTREE = "SUBTREE"
    SUBTREE_ONE = "SUBTREE-ONE"
    MAILBOXES = "MAILBOXES"


_FILTERS = {filter_.value: filter_ for filter_ in Filter}
_NAMING = frozenset({Filter.SUBTREE, Filter.SUBTREE_ONE, Filter.MAILBOXES})


@dataclass(frozen=True, slots=True)
class Source:
    filter: Filter
    names: tuple[str, ...] = ()  # mailboxes, of those that name some


SELECTED_ALONE = (Source(Filter.SELECTED),)


def parse(r: Reader) -> tuple[Source, ...]:
    """["IN" SP "(" source *(SP source) ")" SP]; the selected mailbox where it is missing. RFC 7377 §2.2."""
    if not r.accept_word(b"IN"):
        return SELECTED_ALONE
    r.sp()
    sources = tuple(r.parenthesised(lambda: _source(r)))
    if sum(len(source.names) for source in sources) > MAX_NAMES:
        raise BadSyntax(f"More than {MAX_NAMES} mailboxes")
    r.sp()
    return _merged(sources)


def _merged(sources: Sequence[Source]) -> tuple[Source, ...]:
    """Each filter once: together they mean the same, and cost one look at each mailbox."""
    names: dict[Filter, tuple[str, ...]] = {}
    for source in sources:
        names[source.filter] = names.get(source.filter, ()) + source.names
    return tuple(Source(filter_, all_) for filter_, all_ in names.items())


def _source(r: Reader) -> Source:
    found = _FILTERS.get(r.word())
    if found is None:  # SELECTED-DELAYED too, which is for NOTIFY alone
        raise BadSyntax("Unknown source of messages")
    if found not in _NAMING:
        return Source(found)
    r.sp()
    return Source(found, tuple(_names(r)))


def _names(r: Reader) -> Sequence[str]:
    """one-or-more-mailbox = mailbox / many-mailboxes"""
    return r.parenthesised(r.mailbox) if r.peek() == b"(" else [r.mailbox()]
