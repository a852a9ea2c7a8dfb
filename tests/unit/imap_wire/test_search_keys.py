"""SEARCH: the whole grammar, charsets, and bounds that long but honest searches never meet."""

from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.imap.wire import search_returns
from mailserver.imap.wire.partial_range import PartialRange
from mailserver.imap.wire.reader import BadSyntax, Reader
from mailserver.imap.wire.search_keys import BadCharset, Program, SearchRequest, parse
from mailserver.imap.wire.search_returns import Returns, SearchReturn
from mailserver.mail.search import (
    All,
    And,
    Body,
    DateTest,
    EmailId,
    Fuzzy,
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
)
from mailserver.mail.sequence import STAR, SequenceSet
from tests.growth import is_linear

DAY = date(1994, 2, 1)
SEEN = HasFlag("\\Seen")


def search(text: bytes, *literals: bytes, utf8: bool = False) -> SearchRequest:
    return parse(Reader(b"a", "SEARCH", b" " + text, literals, utf8=utf8))


def key(text: bytes, *literals: bytes) -> SearchKey:
    return search(text, *literals).program.key


def returns(*options: SearchReturn) -> Returns:
    return Returns(frozenset(options))


KEYS: list[tuple[bytes, SearchKey]] = [
    (b"ALL", All()),
    (b"all", All()),
    (b"ANSWERED", HasFlag("\\Answered")),
    (b"BCC x", Header("Bcc", "x")),
    (b"BEFORE 1-Feb-1994", InternalDate(DateTest.BEFORE, DAY)),
    (b'BODY "a b"', Body("a b")),
    (b"CC x", Header("Cc", "x")),
    (b"DELETED", HasFlag("\\Deleted")),
    (b"DRAFT", HasFlag("\\Draft")),
    (b"FLAGGED", HasFlag("\\Flagged")),
    (b'FROM "Smith"', Header("From", "Smith")),
    (b'HEADER Message-ID ""', Header("Message-ID", "")),
    (b"KEYWORD $Junk", HasFlag("$Junk")),
    (b"LARGER 10", Larger(10)),
    (b"NEW", And((Recent(), Not(SEEN)))),
    (b"NOT SEEN", Not(SEEN)),
    (b"NOT NOT SEEN", SEEN),
    (b"OLD", Not(Recent())),
    (b'ON "1-Feb-1994"', InternalDate(DateTest.ON, DAY)),
    (b"OR SEEN ALL", Or(SEEN, All())),
    (b"OR NOT SEEN ALL", Or(Not(SEEN), All())),
    (b"NOT OR SEEN ALL", Not(Or(SEEN, All()))),
    (b"OR (SEEN DRAFT) ALL", Or(And((SEEN, HasFlag("\\Draft"))), All())),
    (b"RECENT", Recent()),
    (b"SEEN", SEEN),
    (b"SENTBEFORE 1-Feb-1994", SentDate(DateTest.BEFORE, DAY)),
    (b"SENTON 1-Feb-1994", SentDate(DateTest.ON, DAY)),
    (b"SENTSINCE 1-Feb-1994", SentDate(DateTest.SINCE, DAY)),
    (b"SINCE 1-Feb-1994", InternalDate(DateTest.SINCE, DAY)),
    (b"SMALLER 10", Smaller(10)),
    (b"SUBJECT {5}\r\n", Header("Subject", "a b\r\n")),
    (b"TEXT x", Text("x")),
    (b"TO x", Header("To", "x")),
    (b"UID 1:*", Uids(SequenceSet(((1, STAR),)))),
    (b"UID $", Uids(SequenceSet((), saved=True))),
    (b"UNANSWERED", Not(HasFlag("\\Answered"))),
    (b"UNDELETED", Not(HasFlag("\\Deleted"))),
    (b"UNDRAFT", Not(HasFlag("\\Draft"))),
    (b"UNFLAGGED", Not(HasFlag("\\Flagged"))),
    (b"UNKEYWORD $Junk", Not(HasFlag("$Junk"))),
    (b"UNSEEN", Not(SEEN)),
    (b"2,5:7", Numbers(SequenceSet(((2, 2), (5, 7))))),
    (b"*", Numbers(SequenceSet(((STAR, STAR),)))),
    (b"$", Numbers(SequenceSet((), saved=True))),
    (b"OLDER 3600", Within(True, 3600)),
    (b"YOUNGER 1", Within(False, 1)),
    (b"SAVEDBEFORE 1-Feb-1994", SaveDate(DateTest.BEFORE, DAY)),
    (b"SAVEDON 1-Feb-1994", SaveDate(DateTest.ON, DAY)),
    (b"SAVEDSINCE 1-Feb-1994", SaveDate(DateTest.SINCE, DAY)),
    (b"SAVEDATESUPPORTED", All()),
    (b"EMAILID M17", EmailId(17)),
    (b"EMAILID m17", EmailId(None)),  # ids have a case, and this is none of ours
    (b"EMAILID T17", EmailId(None)),
    (b"EMAILID M017", EmailId(None)),
    (b"THREADID T99999999999999999999999", ThreadId(None)),
    (b"THREADID T3", ThreadId(3)),
    (b"FUZZY SUBJECT x", Fuzzy(Header("Subject", "x"))),
    (b"FUZZY NOT OR BODY x (TEXT y SEEN)", Not(Or(Fuzzy(Body("x")), And((Fuzzy(Text("y")), SEEN))))),
    (b"FUZZY FUZZY BODY x BODY y", And((Fuzzy(Body("x")), Body("y")))),
    (b"(SEEN)", SEEN),
    (b"((SEEN) (ALL))", And((SEEN, All()))),
    (b"MODSEQ 620162338", ModSeq(620162338)),
    (b'MODSEQ "/flags/\\\\draft" all 620162338', ModSeq(620162338)),  # RFC 7162 §3.1.5
    (
        b'FLAGGED SINCE 1-Feb-1994 NOT FROM "Smith"',  # RFC 9051 §6.4.4
        And((HasFlag("\\Flagged"), InternalDate(DateTest.SINCE, DAY), Not(Header("From", "Smith")))),
    ),
]


@pytest.mark.parametrize(("text", "wanted"), KEYS)
def test_keys(text: bytes, wanted: SearchKey) -> None:
    assert key(text, b"a b\r\n") == wanted


def test_returns() -> None:
    assert search(b"ALL").returns is None
    assert search(b"RETURN () ALL").returns == search_returns.ALL
    assert search(b"RETURN (min MAX) CHARSET UTF-8 ALL").returns == returns(SearchReturn.MIN, SearchReturn.MAX)
    assert search(b"RETURN (COUNT ALL) SEEN") == SearchRequest(
        Program(SEEN), returns(SearchReturn.COUNT, SearchReturn.ALL)
    )
    assert search(b"RETURN (SAVE CONTEXT UPDATE) SEEN").returns == returns(
        SearchReturn.SAVE, SearchReturn.CONTEXT, SearchReturn.UPDATE
    )
    assert search(b"RETURN (PARTIAL -1:-10) SEEN").returns == Returns(
        frozenset({SearchReturn.PARTIAL}), PartialRange(1, 10, True, b"-1:-10")
    )


def test_modseq_is_told() -> None:
    assert search(b"OR SEEN NOT (MODSEQ 1)").program.modseq
    assert not search(b"SEEN").program.modseq


def test_what_means_something_in_one_mailbox_or_at_one_moment_alone_is_told() -> None:
    assert search(b"NOT (1:2)").program.numbers
    assert search(b"OR SEEN UID $").program.numbers
    assert not search(b"UID 1:2").program.numbers
    assert search(b"FUZZY SEEN").program.fuzzy
    assert not search(b"SEEN").program.fuzzy
    assert search(b"CHARSET UTF-8 SEEN").program.charset
    assert not search(b"SEEN").program.charset


CHARSETS = [
    (b"CHARSET UTF-8 SUBJECT {3}\r\n", "é€".encode()[:5], "é€"),
    (b'CHARSET "utf-8" SUBJECT {3}\r\n', "€".encode(), "€"),
    (b"SUBJECT {3}\r\n", "€".encode(), "€"),
    (b"CHARSET ISO-8859-1 SUBJECT {1}\r\n", b"\xe9", "é"),
    (b"CHARSET koi8-r SUBJECT {1}\r\n", b"\xc1", "а"),
    (b"CHARSET SHIFT_JIS SUBJECT {1}\r\n", b"\x93\xfa", "日"),
    (b"CHARSET US-ASCII SUBJECT {1}\r\n", b"x", "x"),
]


@pytest.mark.parametrize(("text", "literal", "wanted"), CHARSETS)
def test_text_is_decoded(text: bytes, literal: bytes, wanted: str) -> None:
    assert key(text, literal) == Header("Subject", wanted)


@pytest.mark.parametrize("charset", [b"X-UNKNOWN", b"zlib", b"rot13", b"unicode_escape", b'""', b"{2}\r\n"])
def test_an_unknown_charset_is_answered_with_the_known_ones(charset: bytes) -> None:
    with pytest.raises(BadCharset) as caught:
        search(b"CHARSET " + charset + b" TEXT x", b"\xc3\xa9")
    assert caught.value.imap is not None
    assert caught.value.imap.startswith("BADCHARSET (US-ASCII UTF-8 ")


REFUSED = [
    b"",
    b" ",
    b"NOSUCH",
    b"NOT",
    b"OR",
    b"OR SEEN",
    b"SEEN ",
    b"SEEN  SEEN",
    b"()",
    b"(SEEN",
    b"SEEN)",
    b"(SEEN))",
    b"0",
    b"1,",
    b"UID",
    b"UID x",
    b"KEYWORD \\Seen",
    b"LARGER x",
    b"LARGER 99999999999999999999",
    b"BEFORE 32-Jan-2000",
    b"BEFORE yesterday",
    b"FROM",
    b"HEADER x",
    b"CHARSET UTF-8",
    b"CHARSET UTF-8 CHARSET UTF-8 ALL",
    b"RETURN ALL",
    b"RETURN (NOSUCH) ALL",
    b"RETURN (ALL)",
    b"RETURN (PARTIAL) ALL",
    b"RETURN (PARTIAL 0:5) ALL",
    b"RETURN (PARTIAL 1:*) ALL",
    b"RETURN (PARTIAL -1:5) ALL",
    b"RETURN (PARTIAL 5) ALL",
    b"RETURN (PARTIAL 1:4294967296) ALL",
    b"RETURN (PARTIAL 1:2 PARTIAL 3:4) ALL",
    b"RETURN (PARTIAL 1:2 ALL) ALL",
    b"RETURN (ALL ALL) ALL",
    b"RETURN (RELEVANCY) ALL",
    b"OLDER 0",
    b"YOUNGER -1",
    b"SAVEDON today",
    b"EMAILID",
    b"EMAILID M=1",
    b"THREADID " + b"a" * 256,
    b"FUZZY",
    b"FUZZY " * 60 + b"ALL",
    b"MODSEQ",
    b'MODSEQ "/flags/x" none 5',
    b"CHARSET UTF-8 SUBJECT {2}\r\n",
    b"CHARSET US-ASCII SUBJECT {2}\r\n",
    b"(" * 100_000,
    b"(" * 51 + b"ALL" + b")" * 51,
    b"OR NOT " * 60 + b"ALL ALL",
    b"ALL " * 1000 + b"ALL",
    b"OR " * 1001 + b"ALL " * 1001 + b"ALL",
]


@pytest.mark.parametrize("text", REFUSED)
def test_not_in_the_grammar(text: bytes) -> None:
    with pytest.raises(BadSyntax):
        search(text, b"\xff\xfe")


def depth(k: SearchKey) -> int:
    match k:
        case And(keys):
            return 1 + max(map(depth, keys))
        case Or(first, second):
            return 1 + max(depth(first), depth(second))
        case Not(inner):
            return 1 + depth(inner)
        case _:
            return 0


def test_long_honest_searches_pass_and_stay_shallow() -> None:
    right = b"".join(b"OR HEADER Message-ID <%d@x> " % n for n in range(900)) + b"ALL"
    left = b"OR " * 900 + b"SEEN " * 900 + b"ALL"
    for text in (right, left):
        assert depth(key(text)) <= 10
    assert depth(key(b"(" * 50 + b"SEEN" + b")" * 50)) == 0
    assert key(b"NOT " * 5001 + b"SEEN") == Not(SEEN)
    assert key(b" ".join([b"SEEN"] * 1000)) == And((SEEN,) * 1000)


@pytest.mark.parametrize(
    "piece", [b"(", b"NOT ", b"OR ", b"OR NOT ", b"(NOT ", b"1,", b"ALL ", b'"', b"\\", b"{1}\r\n"]
)
def test_hostile_searches_are_answered_at_once(piece: bytes) -> None:
    def refused(count: int) -> Callable[[], object]:
        text = piece * count

        def work() -> None:
            with pytest.raises(BadSyntax):
                search(text)

        return work

    assert is_linear(refused, 50_000)


LEAVES = st.sampled_from([b"SEEN", b"1:3", b'FROM "a b"', b"UID 5", b"BEFORE 1-Feb-1994", b"LARGER 5"])
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        inner.map(lambda k: b"NOT " + k)
        | st.tuples(inner, inner).map(lambda pair: b"OR %b %b" % pair)
        | st.lists(inner, min_size=1, max_size=3).map(lambda keys: b"(%b)" % b" ".join(keys))
    ),
    max_leaves=12,
)


def written(k: SearchKey) -> bytes:
    match k:
        case And(keys):
            return b"(%b)" % b" ".join(map(written, keys))
        case Or(first, second):
            return b"OR (%b) (%b)" % (written(first), written(second))
        case Not(inner):
            return b"NOT (%b)" % written(inner)
        case HasFlag():
            return b"SEEN"
        case Numbers():
            return b"1:3"
        case Uids():
            return b"UID 5"
        case Header():
            return b'FROM "a b"'
        case Larger():
            return b"LARGER 5"
        case _:
            return b"BEFORE 1-Feb-1994"


@settings(max_examples=100, deadline=None)
@given(TREES)
def test_what_was_read_reads_the_same_when_written(text: bytes) -> None:
    once = key(text)
    assert key(written(once)) == once
