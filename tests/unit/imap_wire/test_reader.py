"""The terminals of the grammar: examples, borders, refusals."""

from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.errors import BadValue, LimitReached
from mailserver.imap.wire.reader import BadSyntax, Reader
from mailserver.mail.flags import FlagSet
from mailserver.mail.sequence import STAR, SequenceSet


def reader(text: bytes, *literals: bytes, utf8: bool = False) -> Reader:
    return Reader(b"a", "X", text, literals, utf8=utf8)


READ: list[tuple[Callable[[Reader], object], bytes, object]] = [
    (Reader.atom, b"Foo{", b"Foo"),
    (Reader.atom, b"a[b", b"a[b"),
    (Reader.atom, b"a]b", b"a"),
    (Reader.word, b"fooBar ", "FOOBAR"),
    (Reader.item_name, b"body.peek[1]", "BODY.PEEK"),
    (Reader.astring, b"a]b%", b"a]b"),
    (Reader.astring, b'"a b"', b"a b"),
    (Reader.astring, b'"a\\"b\\\\c"', b'a"b\\c'),
    (Reader.astring, b'""', b""),
    (Reader.nstring, b"nil", None),
    (Reader.nstring, b'"nil"', b"nil"),
    (Reader.number, b"0", 0),
    (Reader.number, b"4294967295)", 4294967295),
    (Reader.nz_number, b"1", 1),
    (Reader.number64, b"9223372036854775807", 2**63 - 1),
    (Reader.sequence_set, b"1", SequenceSet(((1, 1),))),
    (Reader.sequence_set, b"2,4:7,9,12:* x", SequenceSet(((2, 2), (4, 7), (9, 9), (12, STAR)))),  # RFC 9051 §9
    (Reader.sequence_set, b"*:4294967295", SequenceSet(((STAR, 4294967295),))),
    (Reader.sequence_set, b"$", SequenceSet((), saved=True)),
    (Reader.mailbox, b"inbox", "INBOX"),
    (Reader.mailbox, b'"iNBoX/x"', "INBOX/x"),
    (Reader.mailbox, b"inboxes", "inboxes"),
    (Reader.mailbox, b"a/inbox", "a/inbox"),
    (Reader.mailbox, b"Entw&APw-rfe", "Entwürfe"),
    (Reader.mailbox, b'""', ""),
    (Reader.list_mailbox, b"%/a*]", "%/a*]"),
    (Reader.list_mailbox, b'"% *"', "% *"),
    (Reader.flag, b"\\sEEN", "\\Seen"),
    (Reader.flag, b"$Junk", "$Junk"),
    (Reader.flag_list, b"()", FlagSet.of([])),
    (Reader.flag_list, b"(\\seen Foo foo)", FlagSet.of(["\\Seen", "foo"])),
    (Reader.date, b"1-Feb-1994", date(1994, 2, 1)),
    (Reader.date, b'"28-fEB-1994"', date(1994, 2, 28)),
    (Reader.date_time, b'"17-Jul-1996 02:44:25 -0700"', 837_596_665),
    (Reader.date_time, b'" 1-Jan-1970 01:00:00 +0100"', 0),
    (Reader.date_time, b'"31-Dec-1969 23:59:59 +0000"', -1),
    (Reader.date_time, b'"31-Dec-2016 23:59:60 +0000"', 1_483_228_800),
    (Reader.rest, b"dGVzdA==", b"dGVzdA=="),
]


@pytest.mark.parametrize(("method", "text", "wanted"), READ)
def test_reads(method: Callable[[Reader], object], text: bytes, wanted: object) -> None:
    assert method(reader(text)) == wanted


REFUSED: list[tuple[Callable[[Reader], object], bytes]] = [
    (Reader.sp, b""),
    (Reader.sp, b"\t"),
    (Reader.end, b" "),
    (Reader.atom, b""),
    (Reader.atom, b"\xc3\xa9"),
    (Reader.atom, b"\\Seen"),
    (Reader.atom, b"\x7f"),
    (Reader.astring, b'"abc'),
    (Reader.astring, b'"a\\b"'),
    (Reader.astring, b'"a\r\nb"'),
    (Reader.astring, b'"a\0b"'),
    (Reader.astring, b'"caf\xc3\xa9"'),
    (Reader.astring, b"{5"),
    (Reader.astring, b"{5}"),  # without the CRLF the framer leaves behind it
    (Reader.astring, b"{5}\r\n"),  # without the literal
    (Reader.astring, b"{99999999999999999999999}\r\n"),
    (Reader.string, b"abc"),
    (Reader.nstring, b"nils"),
    (Reader.number, b"-1"),
    (Reader.number, b"+1"),
    (Reader.number, b"4294967296"),
    (Reader.number, b"00000000001"),
    (Reader.number, b"9" * 100_000),
    (Reader.number, "١".encode()),
    (Reader.number64, b"9223372036854775808"),
    (Reader.nz_number, b"0"),
    (Reader.nz_number, b"01"),
    (Reader.sequence_set, b"0"),
    (Reader.sequence_set, b"1:0"),
    (Reader.sequence_set, b"1,"),
    (Reader.sequence_set, b",1"),
    (Reader.sequence_set, b"1::2"),
    (Reader.sequence_set, b"1:2:3"),
    (Reader.sequence_set, b"4294967296"),
    (Reader.sequence_set, b"x"),
    (Reader.sequence_set, b"-1"),
    (Reader.mailbox, b"a&b"),
    (Reader.mailbox, b"&AAo-"),
    (Reader.mailbox, b'"&2D0-"'),
    (Reader.list_mailbox, b"("),
    (Reader.flag, b"\\Recent"),
    (Reader.flag, b"\\*"),
    (Reader.flag, b"\\Foo"),
    (Reader.flag, b"\\"),
    (Reader.flag_list, b"(a  b)"),
    (Reader.flag_list, b"(a"),
    (Reader.flag_list, b"a"),
    (Reader.date, b"31-Feb-1994"),
    (Reader.date, b"1-Foo-1994"),
    (Reader.date, b"1-Jan-0000"),
    (Reader.date, b'"1-Jan-1994'),
    (Reader.date, b"1-Jan-94"),
    (Reader.date_time, b'"1-Jan-1994 00:00:00 +0000"'),
    (Reader.date_time, b'" 1-Jan-1994 24:00:00 +0000"'),
    (Reader.date_time, b'" 1-Jan-1994 00:00:61 +0000"'),
    (Reader.date_time, b'" 1-Jan-1994 00:00:00 +0060"'),
    (Reader.date_time, b'" 1-Jan-1994 00:00:00"'),
    (Reader.date_time, b'"30-Feb-1994 00:00:00 +0000"'),
    (Reader.rest, b"{1+}\r\n"),
]


@pytest.mark.parametrize(("method", "text"), REFUSED)
def test_refuses(method: Callable[[Reader], object], text: bytes) -> None:
    with pytest.raises(BadSyntax) as caught:
        method(reader(text))
    assert caught.value.text.isascii()
    assert caught.value.text.isprintable()


def test_literals_are_taken_in_order() -> None:
    r = reader(b"{2}\r\n {0+}\r\n ~{1}\r\n", b"ab", b"", b"\0")
    assert r.astring() == b"ab"
    r.sp()
    assert r.string() == b""
    r.sp()
    assert r.literal8() == b"\0"
    r.end()


def test_nul_is_for_literal8_only() -> None:
    with pytest.raises(BadSyntax):
        reader(b"{1}\r\n", b"\0").astring()
    with pytest.raises(BadSyntax):
        reader(b"{1}\r\n", b"\0").literal8()


def test_utf8_switches_strings_and_names() -> None:
    assert reader(b'"Entw\xc3\xbcrfe"', utf8=True).mailbox() == "Entwürfe"
    assert reader(b"a&b", utf8=True).mailbox() == "a&b"
    assert reader(b"Entw&APw-rfe", utf8=True).mailbox() == "Entw&APw-rfe"
    with pytest.raises(BadSyntax):
        reader(b'"\xff"', utf8=True).mailbox()
    with pytest.raises(BadSyntax):
        reader(b"{2}\r\n", "é".encode()).mailbox()


def test_keywords_that_can_not_be_kept_are_a_no() -> None:
    with pytest.raises(BadValue):
        reader(b"a,b").flag()
    with pytest.raises(LimitReached):
        reader(b"x" * 256).flag()
    with pytest.raises(LimitReached):
        reader(b"(%b)" % b" ".join(b"k%d" % n for n in range(101))).flag_list()


def test_steps() -> None:
    r = reader(b" Foo(NIL)")
    assert r.peek(4) == b" Foo"
    r.sp()
    assert not r.accept_word(b"FO")
    assert r.accept(b"fOO")
    r.expect(b"(")
    assert r.accept_word(b"nil")
    r.expect(b")")
    assert r.at_end()
    assert r.peek() == b""


def test_lists() -> None:
    r = reader(b"(a b c)()")
    assert r.parenthesised(r.atom) == [b"a", b"b", b"c"]
    assert r.parenthesised(r.atom, empty=True) == []
    for bad in (b"()", b"(a ", b"(a  b)", b"( a)", b"(a )"):
        r = reader(bad)
        with pytest.raises(BadSyntax):
            r.parenthesised(r.atom)


def test_uid_is_in_the_name() -> None:
    assert Reader(b"a", "UID COPY", b"").uid
    assert not Reader(b"a", "COPY", b"").uid


@given(st.lists(st.integers(1, 2**32 - 1), min_size=1))
def test_sequence_sets_are_kept_as_sent(numbers: list[int]) -> None:
    text = b",".join(b"%d" % number for number in numbers)
    assert reader(text).sequence_set().ranges == tuple((number, number) for number in numbers)
