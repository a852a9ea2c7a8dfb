"""The small grammars around SEARCH: pages, sources, sort keys, algorithms, object ids, and what RETURN concerns."""

from collections.abc import Callable

import pytest

from mailserver.imap.wire import object_ids, partial_range, search_sources, sort_keys
from mailserver.imap.wire.partial_range import PartialRange
from mailserver.imap.wire.reader import BadSyntax, Reader
from mailserver.imap.wire.search_returns import Returns, SearchReturn
from mailserver.imap.wire.search_sources import Filter, Source
from mailserver.mail.sorting import Criterion, SortKey
from mailserver.mail.threading import Algorithm


def reader(text: bytes) -> Reader:
    return Reader(b"a", "ESEARCH", text)


@pytest.mark.parametrize(
    ("text", "page"),
    [
        (b"1:3", [10, 11, 12]),
        (b"3:1", [10, 11, 12]),
        (b"5:9", [14]),
        (b"6:9", []),
        (b"2:2", [11]),
        (b"-1:-2", [13, 14]),
        (b"-2:-1", [13, 14]),
        (b"-4:-9", [10, 11]),
        (b"-5:-5", [10]),
        (b"-6:-9", []),
        (b"1:4294967295", [10, 11, 12, 13, 14]),
    ],
)
def test_pages(text: bytes, page: list[int]) -> None:
    found = partial_range.parse(reader(text))
    assert found.of([10, 11, 12, 13, 14]) == page
    assert found.of([]) == []
    assert found.wire == text


@pytest.mark.parametrize(
    "text", [b"", b"1", b"0:1", b"1:0", b"1:*", b"-1:2", b"1:-2", b"01:2", b"1:2,3", b"4294967296:1", b"-0:-1"]
)
def test_not_a_page(text: bytes) -> None:
    with pytest.raises(BadSyntax):
        partial_range.parse(reader(text))


MIN, MAX, ALL, COUNT, SAVE = (
    SearchReturn.MIN,
    SearchReturn.MAX,
    SearchReturn.ALL,
    SearchReturn.COUNT,
    SearchReturn.SAVE,
)


@pytest.mark.parametrize(
    ("options", "partial", "concerned"),
    [
        ((SAVE,), None, [9, 5, 7, 6]),
        ((SAVE, ALL), None, [9, 5, 7, 6]),
        ((SAVE, MIN), None, [9]),
        ((SAVE, MAX), None, [6]),
        ((SAVE, MIN, MAX), None, [9, 6]),
        ((SAVE, MIN, COUNT), None, [9, 5, 7, 6]),
        ((MIN, SearchReturn.UPDATE), None, [9]),
        ((SAVE, SearchReturn.PARTIAL), PartialRange(2, 3, False, b""), [5, 7]),
        ((SAVE, SearchReturn.PARTIAL, MIN), PartialRange(2, 3, False, b""), [9, 5, 7]),
        ((SAVE, SearchReturn.PARTIAL, MAX), PartialRange(2, 3, False, b""), [5, 7, 6]),
        ((SAVE, SearchReturn.PARTIAL, COUNT), PartialRange(2, 3, False, b""), [9, 5, 7, 6]),
    ],
)
def test_what_save_and_modseq_are_about(
    options: tuple[SearchReturn, ...], partial: PartialRange | None, concerned: list[int]
) -> None:
    """RFC 5182 §2.4, RFC 9394 §3.2; the results are sorted, so the first is MIN."""
    assert Returns(frozenset(options), partial).concerned([9, 5, 7, 6]) == concerned
    assert [*Returns(frozenset(options), partial).concerned([])] == []


@pytest.mark.parametrize(
    ("text", "sources"),
    [
        (b"ALL", search_sources.SELECTED_ALONE),
        (b"IN (selected) ALL", (Source(Filter.SELECTED),)),
        (
            b"in (Personal INBOXES subscribed) ALL",
            (Source(Filter.PERSONAL), Source(Filter.INBOXES), Source(Filter.SUBSCRIBED)),
        ),
        (b"IN (mailboxes a subtree (b c)) ALL", (Source(Filter.MAILBOXES, ("a",)), Source(Filter.SUBTREE, ("b", "c")))),
        (
            b"IN (personal subtree a personal subtree (b c) personal) ALL",  # each filter once
            (Source(Filter.PERSONAL), Source(Filter.SUBTREE, ("a", "b", "c"))),
        ),
        (b'IN (subtree-one "") ALL', (Source(Filter.SUBTREE_ONE, ("",)),)),
    ],
)
def test_sources(text: bytes, sources: tuple[Source, ...]) -> None:
    r = reader(text)
    assert search_sources.parse(r) == sources
    assert r.peek(3) == b"ALL"


@pytest.mark.parametrize(
    "text",
    [
        b"IN ALL",
        b"IN () ALL",
        b"IN (nowhere) ALL",
        b"IN (selected-delayed) ALL",
        b"IN (mailboxes) ALL",
        b"IN (mailboxes ()) ALL",
        b"IN (subtree a b) ALL",
        b"IN (personal)ALL",
        b"IN (mailboxes (" + b" ".join([b"a"] * 1001) + b")) ALL",
    ],
)
def test_not_sources(text: bytes) -> None:
    with pytest.raises(BadSyntax):
        search_sources.parse(reader(text))


def test_sort_criteria() -> None:
    found = sort_keys.parse_criteria(reader(b"(SUBJECT REVERSE date displayfrom)"))
    assert found == (SortKey(Criterion.SUBJECT), SortKey(Criterion.DATE, True), SortKey(Criterion.DISPLAYFROM))


@pytest.mark.parametrize(
    "text", [b"", b"()", b"SUBJECT", b"(COLOUR)", b"(REVERSE)", b"(DATE REVERSE)", b"(" + b"DATE " * 20 + b"DATE)"]
)
def test_not_sort_criteria(text: bytes) -> None:
    with pytest.raises(BadSyntax):
        sort_keys.parse_criteria(reader(text))


def test_algorithms() -> None:
    assert [sort_keys.parse_algorithm(reader(name)) for name in (b"REFS", b"references", b"OrderedSubject")] == [
        Algorithm.REFS,
        Algorithm.REFERENCES,
        Algorithm.ORDEREDSUBJECT,
    ]
    with pytest.raises(BadSyntax):
        sort_keys.parse_algorithm(reader(b"JWZ"))


@pytest.mark.parametrize(
    ("write", "letter"), [(object_ids.email_id, "M"), (object_ids.thread_id, "T"), (object_ids.mailbox_id, "F")]
)
def test_object_ids_come_back_as_they_went(write: Callable[[int], bytes], letter: str) -> None:
    for number in (1, 17, 2**53):
        assert object_ids.number_of(write(number).decode(), letter) == number
    for other in ("", letter, letter + "0", letter + "01", letter + "x", "X1", letter.lower() + "1"):
        assert object_ids.number_of(other, letter) is None
