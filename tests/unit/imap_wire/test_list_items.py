"""LIST and LSUB: options, patterns, and which names a pattern means."""

import itertools
import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.imap.wire.list_items import ListRequest, ListReturn, Selection, parse_list, parse_lsub
from mailserver.imap.wire.patterns import Patterns
from mailserver.imap.wire.reader import BadSyntax, Reader
from mailserver.imap.wire.status_items import StatusItem
from tests.growth import is_linear


def reader(text: bytes, *literals: bytes) -> Reader:
    return Reader(b"a", "LIST", text, literals)


SUBSCRIBED = frozenset({Selection.SUBSCRIBED})
LISTS = [
    (b' "" ""', ListRequest("", ("",))),
    (b' "" *', ListRequest("", ("*",))),
    (b" foo/ %", ListRequest("foo/", ("%",))),
    (b' (SUBSCRIBED) "" "*"', ListRequest("", ("*",), SUBSCRIBED, extended=True)),
    (b' () "" ""', ListRequest("", ("",), extended=True)),
    (
        b' (recursivematch SUBSCRIBED) "" "%"',
        ListRequest("", ("%",), SUBSCRIBED | {Selection.RECURSIVEMATCH}, extended=True),
    ),
    (
        b' (SPECIAL-USE REMOTE) "" *',
        ListRequest("", ("*",), frozenset({Selection.SPECIAL_USE, Selection.REMOTE}), extended=True),
    ),
    (b' "" (INBOX Drafts "Sent/%")', ListRequest("", ("INBOX", "Drafts", "Sent/%"), extended=True)),
    (b' "" % RETURN ()', ListRequest("", ("%",), extended=True)),
    (
        b' "" % RETURN (CHILDREN subscribed SPECIAL-USE MyRights)',
        ListRequest("", ("%",), returns=frozenset(ListReturn), extended=True),
    ),
    (
        b' "" % RETURN (STATUS (MESSAGES UNSEEN) CHILDREN)',
        ListRequest(
            "",
            ("%",),
            returns=frozenset({ListReturn.CHILDREN}),
            status=(StatusItem.MESSAGES, StatusItem.UNSEEN),
            extended=True,
        ),
    ),
    (b' "" &AOk-*', ListRequest("", ("é*",))),
    (b' inbox "inbox"', ListRequest("INBOX", ("INBOX",))),
]


@pytest.mark.parametrize(("text", "wanted"), LISTS)
def test_list(text: bytes, wanted: ListRequest) -> None:
    assert parse_list(reader(text)) == wanted


def test_lsub() -> None:
    assert parse_lsub(reader(b' "#news." "comp.*"')) == ListRequest("#news.", ("comp.*",), SUBSCRIBED)


REFUSED = [
    b"",
    b' ""',
    b' "" ',
    b' (NOSUCH) "" *',
    b' (RECURSIVEMATCH) "" *',
    b' (RECURSIVEMATCH REMOTE) "" *',
    b' "" ()',
    b' "" (a',
    b' "" * RETURN',
    b' "" * RETURN (NOSUCH)',
    b' "" * RETURN (STATUS)',
    b' "" * RETURN (STATUS ())',
    b' "" * RETURN (STATUS (NOSUCH))',
    b' "" * NOSUCH ()',
    b' "" & ',
    b' "" "&AGE-"',
    b' "" "' + b"%" * 3000 + b'"',
    b' "' + b"x" * 3000 + b'" *',
    b' "" (' + b"* " * 200 + b"*)",
    b" (" + b"(" * 100_000,
]


@pytest.mark.parametrize("text", REFUSED)
def test_not_in_the_grammar(text: bytes) -> None:
    with pytest.raises(BadSyntax):
        parse_list(reader(text))


def test_the_reference_stands_before_each_pattern() -> None:
    assert parse_list(reader(b' foo/ (% "b*")')).full_patterns == ("foo/%", "foo/b*")


MATCHES = [
    ("*", "a/b/c", True),
    ("%", "a", True),
    ("%", "a/b", False),
    ("%/%", "a/b", True),
    ("a/%", "a/b", True),
    ("a/%", "a/b/c", False),
    ("a/*", "a/b/c", True),
    ("a*", "a", True),
    ("*a", "b/a", True),
    ("%a", "b/a", False),
    ("a%b", "ab", True),
    ("*/b", "/b", True),
    ("a", "A", False),
    ("", "", True),
    ("", "a", False),
    ("%%*", "a/b", True),
    ("%%", "a/b", False),
    ("inbox", "INBOX", True),
    ("iNb%", "INBOX", True),
    ("inbox/x", "INBOX/x", True),
    ("inbox/X", "INBOX/x", False),
    ("inboxes", "INBOXes", False),
    ("a.%", "a.b/c", False),
    ("ü*", "uber", False),
    ("ü*", "übung", True),
    ("[a]*(b)+", "[a]*(b)+", True),
]


def matches(pattern: str, name: str, separator: str = "/") -> bool:
    return Patterns([pattern], separator).matches(name)


@pytest.mark.parametrize(("pattern", "name", "wanted"), MATCHES)
def test_matches(pattern: str, name: str, wanted: bool) -> None:
    assert matches(pattern, name) is wanted


def test_another_separator() -> None:
    assert not matches("%", "a.b", ".")
    assert matches("%", "a/b", ".")


def oracle(pattern: str, name: str) -> bool:
    wild = {"*": ".*", "%": "[^/]*"}
    return re.fullmatch("".join(wild.get(c) or re.escape(c) for c in pattern), name, re.DOTALL) is not None


def test_all_short_patterns_and_names() -> None:
    names = ["".join(n) for size in range(5) for n in itertools.product("ab/", repeat=size)]
    for size in range(5):
        for letters in itertools.product("a*%/", repeat=size):
            pattern = "".join(letters)
            for name in names[::3]:
                assert matches(pattern, name) == oracle(pattern, name), (pattern, name)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text("ab/*%", max_size=8), max_size=4), st.text("ab/", max_size=10))
def test_several_patterns_at_once_are_their_union(patterns: list[str], name: str) -> None:
    assert Patterns(patterns).matches(name) == any(oracle(pattern, name) for pattern in patterns)


@pytest.mark.parametrize("piece", ["%*", "*a", "%a", "*%a", "*/", "a*a"])
def test_hostile_patterns_are_answered_at_once(piece: str) -> None:
    pattern = piece * 500 + "x"

    def matched(count: int) -> Callable[[], object]:
        names = ("a" * 2 * count, "a/" * count, "b" * 2 * count)
        return lambda: [matches(pattern, name) for name in names]

    assert not any(matches(pattern, name) for name in ("a" * 1000, "a/" * 500, "b" * 1000))
    assert is_linear(matched, 250)
