"""The grammar of SORT's criteria and THREAD's algorithm. RFC 5256 §5, RFC 5957, RFC 6203 §6."""

from mailserver.imap.wire.reader import BadSyntax, Reader
from mailserver.mail.sorting import Criterion, SortKey
from mailserver.mail.threading import Algorithm

MAX_SORT_KEYS = 20  # there are ten criteria; each further one costs a pass


def parse_criteria(r: Reader) -> tuple[SortKey, ...]:
    """sort-criteria = "(" sort-key *(SP sort-key) ")" """
    keys = r.parenthesised(lambda: _key(r))
    if len(keys) > MAX_SORT_KEYS:
        raise BadSyntax(f"More than {MAX_SORT_KEYS} sort keys")
    return tuple(keys)


def _key(r: Reader) -> SortKey:
    """sort-key = ["REVERSE" SP] criterion"""
    reverse = r.accept_word(b"REVERSE")
    if reverse:
        r.sp()
    name = r.word()
    if name not in Criterion.__members__:
        raise BadSyntax("Unknown sort criterion")
    return SortKey(Criterion[name], reverse)


def parse_algorithm(r: Reader) -> Algorithm:
    name = r.word()
    if name not in Algorithm.__members__:
        raise BadSyntax("Unknown threading algorithm")
    return Algorithm[name]
