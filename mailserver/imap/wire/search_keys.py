"""The grammar of SEARCH: from octets to the values of mail/search.py. RFC 9051 §6.4.4, RFC 3501 §6.4.4, RFC 7162.

A search key is a row of _KEYS. Nesting is bounded where it costs a call: parentheses, NOT before OR. Chains of OR,
which clients write a hundred long, are no nesting: they are read in one loop and become a balanced tree.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import Enum

from mailserver.errors import Refusal
from mailserver.imap.wire.charsets import CHARSETS, decode
from mailserver.imap.wire.reader import BadSyntax, Reader
from mailserver.mail.search import (
    All,
    And,
    Body,
    DateTest,
    HasFlag,
    Header,
    InternalDate,
    Larger,
    ModSeq,
    Not,
    Numbers,
    Or,
    Recent,
    SearchKey,
    SentDate,
    Smaller,
    Text,
    Uids,
)

MAX_DEPTH = 50
MAX_KEYS = 1000


class BadCharset(Refusal):
    imap = f"BADCHARSET ({' '.join(CHARSETS)})"
    text = "The charset is not known"


class SearchReturn(Enum):
    """Result options of ESEARCH; the value is the name on the wire. RFC 4731."""

    MIN = "MIN"
    MAX = "MAX"
    COUNT = "COUNT"
    ALL = "ALL"


@dataclass(frozen=True, slots=True)
class SearchRequest:
    key: SearchKey
    returns: frozenset[SearchReturn] | None = None  # None: no RETURN, answered with SEARCH instead of ESEARCH
    modseq: bool = False  # a MODSEQ key is in it: the answer tells the highest modseq, RFC 7162 §3.1.5


def parse(r: Reader) -> SearchRequest:
    """search = "SEARCH" [SP "RETURN" SP "(" … ")"] SP ["CHARSET" SP charset SP] search-key *(SP search-key)

    Raises BadSyntax, and BadCharset once it is clear that nothing else is wrong with the arguments before it.
    """
    r.sp()
    returns = _returns(r)
    parser = _KeyParser(r, _charset(r))
    key = parser.all_of(r.at_end)
    r.end()
    return SearchRequest(key, returns, parser.modseq)


def _returns(r: Reader) -> frozenset[SearchReturn] | None:
    if not r.accept_word(b"RETURN"):
        return None
    r.sp()
    names = r.parenthesised(r.word, empty=True)
    if not set(names) <= SearchReturn.__members__.keys():
        raise BadSyntax("Unknown SEARCH return option")
    r.sp()
    return frozenset(SearchReturn[name] for name in names) or frozenset({SearchReturn.ALL})  # RFC 4731 §3.1


def _charset(r: Reader) -> str | None:
    if not r.accept_word(b"CHARSET"):
        return None
    r.sp()
    charset = r.astring().decode("ascii", "replace").upper()
    r.sp()
    if charset not in CHARSETS:
        raise BadCharset
    return charset


class _KeyParser:
    """Counts what one SEARCH may cost while its keys are read."""

    def __init__(self, r: Reader, charset: str | None) -> None:
        self.r = r
        self.modseq = False
        self._charset = charset
        self._depth = 0
        self._keys = 0

    def all_of(self, ended: Callable[[], bool]) -> SearchKey:
        """search-key *(SP search-key): all of them together."""
        keys = [self.key()]
        while not ended():
            self.r.sp()
            keys.append(self.key())
        return keys[0] if len(keys) == 1 else And(tuple(keys))

    def key(self) -> SearchKey:
        """One search key, with the NOTs and ORs before it."""
        negated = False
        while self.r.accept_word(b"NOT"):
            self.r.sp()
            negated = not negated
        key = self._alternatives()
        return Not(key) if negated else key

    def _alternatives(self) -> SearchKey:
        """OR of ORs in any order is one list: each OR takes one key more."""
        alternatives: list[SearchKey] = []
        wanted = 1
        while wanted:
            if self.r.accept_word(b"OR"):
                wanted += 1
            else:
                alternatives.append(self._operand())
                wanted -= 1
            if wanted:
                self.r.sp()
        return _any_of(alternatives)

    def _operand(self) -> SearchKey:
        self._keys += 1
        if self._keys > MAX_KEYS:
            raise BadSyntax(f"More than {MAX_KEYS} search keys")
        if self.r.peek(4).upper() == b"NOT ":
            return self._nested(self.key)
        if self.r.accept(b"("):
            return self._nested(self._group)
        if self.r.peek() in _SEQUENCE_STARTS:
            return Numbers(self.r.sequence_set())
        read = _KEYS.get(self.r.word())
        if read is None:
            raise BadSyntax("Unknown search key")
        return read(self)

    def _nested(self, read: Callable[[], SearchKey]) -> SearchKey:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise BadSyntax(f"Search keys nested deeper than {MAX_DEPTH}")
        key = read()
        self._depth -= 1
        return key

    def _group(self) -> SearchKey:
        key = self.all_of(lambda: self.r.peek() == b")")
        self.r.expect(b")")
        return key

    def text(self) -> str:
        """SP astring, decoded."""
        self.r.sp()
        return decode(self.r.astring(), self._charset)

    def number(self) -> int:
        self.r.sp()
        return self.r.number64()

    def date(self) -> date:
        self.r.sp()
        return self.r.date()


_SEQUENCE_STARTS = frozenset(b"%d" % digit for digit in range(1, 10)) | {b"*", b"$"}


def _any_of(keys: list[SearchKey]) -> SearchKey:
    """Balanced, so that whoever walks the tree goes no deeper than the logarithm."""
    if len(keys) == 1:
        return keys[0]
    middle = len(keys) // 2
    return Or(_any_of(keys[:middle]), _any_of(keys[middle:]))


# --- rows ------------------------------------------------------------------------------------------------------


def _always(key: SearchKey) -> Callable[[_KeyParser], SearchKey]:
    return lambda _: key


def _header(name: str) -> Callable[[_KeyParser], SearchKey]:
    return lambda p: Header(name, p.text())


def _any_header(p: _KeyParser) -> SearchKey:
    """HEADER SP header-fld-name SP astring"""
    p.r.sp()
    name = p.r.astring()
    if not name.isascii():
        raise BadSyntax("Not the name of a header field")
    return Header(name.decode("ascii"), p.text())


def _keyword(p: _KeyParser) -> SearchKey:
    p.r.sp()
    return HasFlag(p.r.keyword())


def _uid(p: _KeyParser) -> SearchKey:
    p.r.sp()
    return Uids(p.r.sequence_set())


def _modseq(p: _KeyParser) -> SearchKey:
    """MODSEQ [SP entry-name SP ("priv" / "shared" / "all")] SP mod-sequence-valzer

    Flags have no modseq of their own here: with an entry the message's is taken, as RFC 7162 §3.1.5 allows.
    """
    p.modseq = True
    p.r.sp()
    if p.r.peek() == b'"':
        p.r.string()
        p.r.sp()
        if p.r.word() not in ("PRIV", "SHARED", "ALL"):
            raise BadSyntax("priv, shared or all expected")
        p.r.sp()
    return ModSeq(p.r.number64())


_FLAGS = ("Answered", "Deleted", "Draft", "Flagged", "Seen")
_FIELDS = ("Bcc", "Cc", "From", "Subject", "To")

_KEYS: dict[str, Callable[[_KeyParser], SearchKey]] = {
    "ALL": _always(All()),
    "NEW": _always(And((Recent(), Not(HasFlag("\\Seen"))))),
    "OLD": _always(Not(Recent())),
    "RECENT": _always(Recent()),
    **{flag.upper(): _always(HasFlag("\\" + flag)) for flag in _FLAGS},
    **{"UN" + flag.upper(): _always(Not(HasFlag("\\" + flag))) for flag in _FLAGS},
    "KEYWORD": _keyword,
    "UNKEYWORD": lambda p: Not(_keyword(p)),
    **{field.upper(): _header(field) for field in _FIELDS},
    "HEADER": _any_header,
    "BODY": lambda p: Body(p.text()),
    "TEXT": lambda p: Text(p.text()),
    "LARGER": lambda p: Larger(p.number()),
    "SMALLER": lambda p: Smaller(p.number()),
    "BEFORE": lambda p: InternalDate(DateTest.BEFORE, p.date()),
    "ON": lambda p: InternalDate(DateTest.ON, p.date()),
    "SINCE": lambda p: InternalDate(DateTest.SINCE, p.date()),
    "SENTBEFORE": lambda p: SentDate(DateTest.BEFORE, p.date()),
    "SENTON": lambda p: SentDate(DateTest.ON, p.date()),
    "SENTSINCE": lambda p: SentDate(DateTest.SINCE, p.date()),
    "UID": _uid,
    "MODSEQ": _modseq,
}
