"""The grammar of SEARCH: from octets to the values of mail/search.py. RFC 9051 §6.4.4, RFC 3501 §6.4.4.

A search key is a row of _KEYS. Nesting is bounded where it costs a call: parentheses, NOT before OR. Chains of OR,
which clients write a hundred long, are no nesting: they are read in one loop and become a balanced tree.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

from mailserver.errors import Refusal
from mailserver.imap.wire import object_ids, search_returns
from mailserver.imap.wire.charsets import CHARSETS, decode
from mailserver.imap.wire.reader import MAX_NUMBER, BadSyntax, Reader, UidRequired
from mailserver.imap.wire.search_returns import Returns, SearchReturn
from mailserver.mail.search import (
    All,
    And,
    Body,
    DateTest,
    EmailId,
    HasFlag,
    Header,
    InternalDate,
    Larger,
    ModSeq,
    Not,
    Numbers,
    Or,
    Recent,
    SaveDate,
    SearchKey,
    SentDate,
    Smaller,
    Text,
    ThreadId,
    Uids,
    Within,
    fuzzily,
)
from mailserver.mail.sequence import SequenceSet

MAX_DEPTH = 50
MAX_KEYS = 1000


class BadCharset(Refusal):
    imap = f"BADCHARSET ({' '.join(CHARSETS)})"
    text = "The charset is not known"


@dataclass(frozen=True, slots=True)
class Program:
    """What is searched for."""

    key: SearchKey
    modseq: bool = False  # a MODSEQ key is in it: the answer tells the highest modseq, RFC 7162 §3.1.5
    fuzzy: bool = False  # a FUZZY key is in it
    numbers: bool = False  # message numbers are in it, which mean something in the selected mailbox alone
    charset: bool = False  # CHARSET was given


@dataclass(frozen=True, slots=True)
class SearchRequest:
    program: Program
    returns: Returns | None = None  # None: no RETURN, answered with SEARCH instead of ESEARCH
    refusal: BadCharset | None = None  # to be raised by whoever empties the saved result first, RFC 5182 §2.1


def parse(r: Reader) -> SearchRequest:
    """search = "SEARCH" [SP "RETURN" SP "(" … ")"] SP search-program

    Raises BadSyntax, and BadCharset once it is clear that nothing else is wrong with the arguments before it.
    """
    r.sp()
    return parse_request(r)


def parse_request(r: Reader) -> SearchRequest:
    """What stands behind SEARCH SP."""
    returns = search_returns.parse(r)
    return request_of(returns, lambda: parse_program(r))


def request_of(returns: Returns | None, read: Callable[[], Program]) -> SearchRequest:
    try:
        program = read()
    except BadCharset as refusal:
        if returns is None or SearchReturn.SAVE not in returns:
            raise
        return SearchRequest(Program(All()), returns, refusal)
    if returns is not None and SearchReturn.RELEVANCY in returns and not program.fuzzy:
        raise BadSyntax("RELEVANCY needs a FUZZY key")  # RFC 6203 §4
    return SearchRequest(program, returns)


def parse_program(r: Reader) -> Program:
    """search-program = ["CHARSET" SP charset SP] search-key *(SP search-key), to the end of the command"""
    if not r.accept_word(b"CHARSET"):
        return parse_keys(r, None)
    r.sp()
    return replace(parse_keys(r, parse_charset(r)), charset=True)


def parse_charset(r: Reader) -> str:
    """charset SP"""
    charset = r.astring().decode("ascii", "replace").upper()
    r.sp()
    if charset not in CHARSETS:
        raise BadCharset
    return charset


def parse_keys(r: Reader, charset: str | None) -> Program:
    parser = _KeyParser(r, charset)
    key = parser.all_of(r.at_end)
    r.end()
    return Program(key, parser.modseq, parser.fuzzy, parser.numbers)


class _KeyParser:
    """Counts what one SEARCH may cost while its keys are read."""

    def __init__(self, r: Reader, charset: str | None) -> None:
        self.r = r
        self.modseq = False
        self.fuzzy = False
        self.numbers = False
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
            return self._numbers()
        word = self.r.word()
        read = _KEYS.get(word)
        if read is None or (self.r.rev2 and word in _OBSOLETE):
            raise BadSyntax("Unknown search key")
        return read(self)

    def _numbers(self) -> SearchKey:
        """Message numbers, or "$" which stands for UIDs too."""
        numbers = self.r.sequence_set()
        if self.r.uid_only and not numbers.saved:
            raise UidRequired
        self.numbers = True
        return Numbers(numbers)

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

    def fuzzy_key(self) -> SearchKey:
        """FUZZY SP search-key"""
        self.fuzzy = True
        self.r.sp()
        return fuzzily(self._nested(self.key))

    def number(self) -> int:
        self.r.sp()
        return self.r.number64()

    def seconds(self) -> int:
        self.r.sp()
        return self.r.nz_number()

    def object_id(self, letter: str) -> int | None:
        """SP objectid: the number in it"""
        self.r.sp()
        written = self.r.atom()
        if not _OBJECT_ID.fullmatch(written):
            raise BadSyntax("Not an object id")
        return object_ids.number_of(written.decode("ascii"), letter)

    def date(self) -> date:
        self.r.sp()
        return self.r.date()


_OBJECT_ID = re.compile(rb"[A-Za-z0-9_-]{1,255}")
_OBSOLETE = frozenset({"NEW", "OLD", "RECENT"})  # in IMAP4rev2, RFC 9051 appendix E
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
    uids = p.r.sequence_set()
    p.numbers |= uids.saved
    return Uids(uids)


def _uids_from(first: int, last: int) -> SearchKey:
    return Uids(SequenceSet(((first, last),) if first <= last else ()))


def _uid_after(p: _KeyParser) -> SearchKey:
    """UIDAFTER SP uniqueid: higher ones, RFC 9738 §3.2"""
    p.r.sp()
    return _uids_from(p.r.nz_number() + 1, MAX_NUMBER)


def _uid_before(p: _KeyParser) -> SearchKey:
    p.r.sp()
    return _uids_from(1, p.r.nz_number() - 1)


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
    "OLDER": lambda p: Within(True, p.seconds()),
    "YOUNGER": lambda p: Within(False, p.seconds()),
    "SAVEDBEFORE": lambda p: SaveDate(DateTest.BEFORE, p.date()),
    "SAVEDON": lambda p: SaveDate(DateTest.ON, p.date()),
    "SAVEDSINCE": lambda p: SaveDate(DateTest.SINCE, p.date()),
    "SAVEDATESUPPORTED": _always(All()),  # in all mailboxes, so for all messages
    "EMAILID": lambda p: EmailId(p.object_id("M")),
    "THREADID": lambda p: ThreadId(p.object_id("T")),
    "FUZZY": _KeyParser.fuzzy_key,
    "UID": _uid,
    "UIDAFTER": _uid_after,
    "UIDBEFORE": _uid_before,
    "MODSEQ": _modseq,
}
