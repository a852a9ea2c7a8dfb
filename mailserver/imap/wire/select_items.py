"""Parameters of SELECT and EXAMINE. RFC 4466 §2.1, RFC 7162 §3.1.8, §3.2.5."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from mailserver.imap.wire.reader import BadSyntax, Reader, UidRequired
from mailserver.mail.sequence import STAR, Ranges


@dataclass(frozen=True, slots=True)
class KnownState:
    """What a client that was away knows of the mailbox. RFC 7162 §3.2.5."""

    uidvalidity: int
    modseq: int
    uids: Ranges | None = None  # that it keeps; None: all there ever were
    numbers: Ranges = ()  # some message numbers, ascending …
    uids_of_numbers: Ranges = ()  # … and the UIDs they had, as many of them


@dataclass(frozen=True, slots=True)
class SelectParameters:
    condstore: bool = False  # enables CONDSTORE for the connection
    known: KnownState | None = None  # QRESYNC


def parse(r: Reader) -> SelectParameters:
    """[SP "(" select-param *(SP select-param) ")"]"""
    parameters = SelectParameters()
    given: set[str] = set()
    for field, value in r.parenthesised(lambda: _parameter(r)) if r.accept(b" ") else ():
        if field in given:
            raise BadSyntax("SELECT parameter given twice")
        given.add(field)
        parameters = replace(parameters, **{field: value})
    return parameters


def _parameter(r: Reader) -> tuple[str, Any]:
    """The parameter's field and its value."""
    row = _PARAMETERS.get(r.word())
    if row is None:
        raise BadSyntax("Unknown SELECT parameter")
    field, read = row
    return field, read(r)


def _known_state(r: Reader) -> KnownState:
    """SP "(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")" """
    r.sp()
    r.expect(b"(")
    uidvalidity = r.nz_number()
    r.sp()
    state = KnownState(uidvalidity, _modseq(r))
    if r.peek(2)[:1] == b" " and r.peek(2) != b" (":
        r.sp()
        state = replace(state, uids=_known_set(r))
    if r.accept(b" "):
        numbers, uids = _match_data(r)
        state = replace(state, numbers=numbers, uids_of_numbers=uids)
    r.expect(b")")
    return state


def _modseq(r: Reader) -> int:
    modseq = r.number64()
    if not modseq:
        raise BadSyntax("A mod-sequence is at least 1")
    return modseq


def _match_data(r: Reader) -> tuple[Ranges, Ranges]:
    """seq-match-data = "(" known-sequence-set SP known-uid-set ")" """
    if r.uid_only:
        raise UidRequired
    r.expect(b"(")
    numbers = _ascending_set(r)
    r.sp()
    uids = _ascending_set(r)
    r.expect(b")")
    if _count(numbers) != _count(uids):
        raise BadSyntax("As many message numbers as UIDs expected")
    return numbers, uids


def _known_set(r: Reader) -> Ranges:
    """A sequence set without "*" and "$": the client names what it knows."""
    messages = r.sequence_set()
    if messages.saved or any(STAR in pair for pair in messages.ranges):
        raise BadSyntax('No "*" is allowed here')
    return messages.resolve(0)


def _ascending_set(r: Reader) -> Ranges:
    """Pairs are made in the order of the sets, RFC 7162 §3.2.5.2: only ascending ones can be right."""
    start = r.position
    ranges = _known_set(r)
    numbers = [int(number) for part in r.text[start : r.position].split(b",") for number in part.split(b":")]
    if any(before > after for before, after in pairwise(numbers)):
        raise BadSyntax("Ascending numbers expected")
    return ranges


def _count(ranges: Ranges) -> int:
    return sum(last - first + 1 for first, last in ranges)


_PARAMETERS: dict[str, tuple[str, Callable[[Reader], Any]]] = {
    "CONDSTORE": ("condstore", lambda _: True),
    "QRESYNC": ("known", _known_state),
}
