"""Octets from strangers: whatever they send, the framer and each parser answer with a value or a refusal of theirs."""

from collections.abc import Callable

from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailserver.errors import Refusal
from mailserver.imap.wire import (
    append_items,
    fetch_items,
    list_items,
    partial_range,
    search_keys,
    search_sources,
    select_items,
    sort_keys,
    status_items,
    store_items,
)
from mailserver.imap.wire.frames import BEFORE_LOGIN, AppendStart, Command, after_login
from mailserver.imap.wire.framing import CommandFramer
from mailserver.imap.wire.reader import BadSyntax, Reader

PARSERS: list[Callable[[Reader], object]] = [
    append_items.parse,
    fetch_items.parse_items,
    fetch_items.parse_modifiers,
    list_items.parse_list,
    list_items.parse_lsub,
    partial_range.parse,
    search_keys.parse,
    search_sources.parse,
    sort_keys.parse_algorithm,
    sort_keys.parse_criteria,
    select_items.parse,
    status_items.parse_items,
    store_items.parse,
    Reader.astring,
    Reader.nstring,
    Reader.literal8,
    Reader.mailbox,
    Reader.list_mailbox,
    Reader.sequence_set,
    Reader.flag_list,
    Reader.date,
    Reader.date_time,
    Reader.number,
    Reader.nz_number,
    Reader.number64,
    Reader.rest,
]

WORDS = st.sampled_from(
    b"a|b2|*|+| |  |(|)|[|]|<|>|{3}\r\nabc|{2+}\r\nxy|~{1+}\r\n\0|{0}\r\n|{99999999999999999999}\r\n|{5+}\n|\r\n|\n|\r|"
    b"\0|"
    b'\xff|\xc3\xa9|"|\\|"a b"|"\\\\"|NIL|UID|APPEND|FETCH|SEARCH|STORE|LIST|INBOX|&AOk-|&|%|1:*|1,2|0|4294967296|$|'
    b"FLAGS|+FLAGS.SILENT|\\Seen|\\Recent|BODY.PEEK[|BODY[1.2.HEADER.FIELDS (a)]<1.2>|ALL|NOT|OR|CHARSET|UTF-8|RETURN|"
    b'MODSEQ|1-Jan-2024|" 1-Jan-2024 10:00:00 +0100"|SUBJECT|KEYWORD|STATUS|MESSAGES|CONDSTORE|CHANGEDSINCE|'
    b"UNCHANGEDSINCE|PARTIAL|-1:-5|SAVE|FUZZY|RELEVANCY|OLDER|EMAILID|M1|IN|SUBTREE|REVERSE|DATE|REFERENCES|"
    b"SUBSCRIBED|RECURSIVEMATCH".split(b"|")
)
TEXT = st.lists(WORDS | st.binary(max_size=3), max_size=25).map(b"".join) | st.lists(WORDS, max_size=15).map(b" ".join)


def read_all(text: bytes, literals: tuple[bytes, ...], utf8: bool) -> None:
    for parse in PARSERS:
        for start in (text, b" " + text):
            try:
                parse(Reader(b"a", "X", start, literals, utf8=utf8))
            except (BadSyntax, Refusal):
                continue


@settings(max_examples=300, deadline=None)
@given(TEXT, st.lists(st.binary(max_size=5), max_size=3), st.booleans())
@example(b"\xd9\xa1", [], False)
@example(b"&" * 50, [], False)
@example(b"{0}\r\n" * 5, [b""], True)
def test_every_parser_takes_any_octets(text: bytes, literals: list[bytes], utf8: bool) -> None:
    read_all(text, tuple(literals), utf8)


@settings(max_examples=300, deadline=None)
@given(st.lists(TEXT, max_size=6), st.booleans(), st.booleans(), st.sampled_from([1, 7, 10_000]), st.randoms())
def test_a_connection_takes_any_octets(  # type: ignore[no-untyped-def]
    lines: list[bytes], known: bool, utf8: bool, step: int, chance
) -> None:
    framer = CommandFramer(after_login(100) if known else BEFORE_LOGIN)
    framer.utf8 = utf8
    data = b"\r\n".join(lines) + b"\r\n"
    for start in range(0, len(data), step):
        framer.feed(data[start : start + step])
        while (item := framer.next()) is not None:
            if isinstance(item, Command | AppendStart):
                read_all(item.reader.text, tuple(item.reader.literals), utf8)
            if chance.random() < 0.1:
                framer.refuse()
            elif isinstance(item, Command) and chance.random() < 0.1:
                framer.expect_line(100)
