"""What LIST and LSUB ask for, and which names a pattern means. RFC 9051 §6.3.9, RFC 3501 §6.3.9, RFC 5819, RFC 6154,
RFC 8440, RFC 9590."""

from dataclasses import dataclass
from enum import Enum

from mailserver.imap.wire import metadata_items, status_items
from mailserver.imap.wire.reader import BadSyntax, Reader
from mailserver.imap.wire.status_items import StatusItem

MAX_PATTERNS = 100
MAX_PATTERN_CHARACTERS = 2000  # no mailbox name is as long


class Selection(Enum):
    """Which mailboxes. The value is the name on the wire."""

    SUBSCRIBED = "SUBSCRIBED"
    REMOTE = "REMOTE"
    RECURSIVEMATCH = "RECURSIVEMATCH"
    SPECIAL_USE = "SPECIAL-USE"


class ListReturn(Enum):
    """What is told of each; STATUS and METADATA are beside them, as they have items."""

    SUBSCRIBED = "SUBSCRIBED"
    CHILDREN = "CHILDREN"
    SPECIAL_USE = "SPECIAL-USE"
    MYRIGHTS = "MYRIGHTS"


_SELECTIONS = {option.value: option for option in Selection}
_RETURNS = {option.value: option for option in ListReturn}
_BASE = {Selection.SUBSCRIBED, Selection.SPECIAL_USE}  # what RECURSIVEMATCH needs beside it, RFC 5258 §3.1


@dataclass(frozen=True, slots=True)
class ListRequest:
    reference: str
    patterns: tuple[str, ...]  # as sent, without the reference
    selection: frozenset[Selection] = frozenset()
    returns: frozenset[ListReturn] = frozenset()
    status: tuple[StatusItem, ...] = ()
    metadata: tuple[str, ...] = ()  # entries
    extended: bool = False  # a selection, several patterns or RETURN: `LIST () "" ""` is no question for the separator

    @property
    def full_patterns(self) -> tuple[str, ...]:
        return tuple(self.reference + pattern for pattern in self.patterns)


def parse_list(r: Reader) -> ListRequest:
    """list = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts]"""
    r.sp()
    selection = None
    if r.peek() == b"(":
        selection = _selection(r)
        r.sp()
    reference = _short(r.mailbox())
    r.sp()
    several = r.peek() == b"("
    patterns = r.parenthesised(lambda: _pattern(r)) if several else [_pattern(r)]
    if len(patterns) > MAX_PATTERNS:
        raise BadSyntax(f"At most {MAX_PATTERNS} patterns")
    returning = r.accept(b" ")
    returns = _returns(r) if returning else _Returns(frozenset(), (), ())
    r.end()
    extended = selection is not None or several or returning
    told = returns.options, returns.status, returns.metadata
    return ListRequest(reference, tuple(patterns), selection or frozenset(), *told, extended)


def parse_lsub(r: Reader) -> ListRequest:
    """lsub = "LSUB" SP mailbox SP list-mailbox"""
    r.sp()
    reference = _short(r.mailbox())
    r.sp()
    pattern = _pattern(r)
    r.end()
    return ListRequest(reference, (pattern,), frozenset({Selection.SUBSCRIBED}))


def _pattern(r: Reader) -> str:
    return _short(r.list_mailbox())


def _short(name: str) -> str:
    if len(name) > MAX_PATTERN_CHARACTERS:
        raise BadSyntax("Mailbox pattern too long")
    return name


def _selection(r: Reader) -> frozenset[Selection]:
    names = r.parenthesised(r.word, empty=True)
    if not set(names) <= _SELECTIONS.keys():
        raise BadSyntax("Unknown LIST selection option")
    selection = frozenset(_SELECTIONS[name] for name in names)
    if Selection.RECURSIVEMATCH in selection and not selection & _BASE:
        raise BadSyntax("RECURSIVEMATCH needs SUBSCRIBED or SPECIAL-USE")
    return selection


@dataclass(frozen=True, slots=True)
class _Returns:
    options: frozenset[ListReturn]
    status: tuple[StatusItem, ...]
    metadata: tuple[str, ...]


def _returns(r: Reader) -> _Returns:
    """ "RETURN" SP "(" [return-option *(SP return-option)] ")" """
    if r.word() != "RETURN":
        raise BadSyntax("RETURN expected")
    r.sp()
    given = r.parenthesised(lambda: _return(r), empty=True)
    return _Returns(
        frozenset(option for each in given for option in each.options),
        next((each.status for each in given if each.status), ()),
        next((each.metadata for each in given if each.metadata), ()),
    )


def _return(r: Reader) -> _Returns:
    name = r.word()
    if name == "STATUS":
        r.sp()
        return _Returns(frozenset(), status_items.parse_items(r), ())
    if name == "METADATA":
        r.sp()
        return _Returns(frozenset(), (), metadata_items.parse_entries(r))
    if name not in _RETURNS:
        raise BadSyntax("Unknown LIST return option")
    return _Returns(frozenset({_RETURNS[name]}), (), ())
