"""What the index says of random needles and texts: nothing wrong, nothing left out."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pysqlite3 import dbapi2 as sqlite

from mailserver.mail.casemap import fold
from mailserver.search import lookup
from mailserver.search.documents import Place
from mailserver.search.lookup import BODY, TEXT, Narrowed, narrow, narrow_field
from mailserver.search.units import CONNECTORS, GRAM, Cutter
from mailserver.store import word_tables
from mailserver.store.word_tables import Entry, Ix

PIECES = (
    *("report", "reports", "export", "Straße", "İstanbul", "istanbul", "ISTANBUL", "ısı", "façade", "naïve", "a", "ab"),
    *("x1y2z3x1y2z3", "9876543210", "ann@example.test", "mail.example.test", "e-mail", "don’t", "49.99", "192.0.2.7"),
    *(
        "会議",
        "会議資料",
        "日本語",
        "ภาษาไทย",
        "👍",
        "👨\u200d👩",
        "e\u0301\u0323",
        "q\u0308\u0301",
        "fi",
        "ﬁ",
        "²",
        "½",
    ),
    *("b=" + "k9+Zq/" * 9, "http://www.example.test/a-b_c?d=e%20f", "…", "-", "--", "%", "\t", "\r\n", "  ", "·", "€5"),
)
BORDERS = (" ", " ", " ", "", ".", "@", "-", ",", "\r\n", "\0", "\u3000", "\u1680", "\xa0", '"')
TEXTS = st.lists(
    st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(BORDERS)), max_size=12).map(
        lambda pairs: fold("".join(piece + border for piece, border in pairs))
    ),
    min_size=1,
    max_size=6,
)


@pytest.fixture
def ix() -> Iterator[Ix]:
    with closing(sqlite.connect(":memory:", isolation_level=None)) as connection:
        word_tables.create(connection)
        yield Ix(connection)


def index(ix: Ix, texts: list[str], place: Place = Place.BODY) -> None:
    """Texts as contents 1, 2, 3 …"""
    found = [Cutter().units((text,)) for text in texts]
    words = word_tables.list_new(ix, {unit for units in found for unit in units if unit[0] != GRAM})
    word_tables.learn(ix, words, lambda word: not {*CONNECTORS}.isdisjoint(word))
    entries = [Entry(number, [(place, units)], 0, None) for number, units in enumerate(found, 1)]
    word_tables.add(ix, entries, len(texts))


def truth(texts: list[str], needle: str) -> set[int]:
    return {number for number, text in enumerate(texts, 1) if needle in text}


def needles_in(texts: list[str]) -> st.SearchStrategy[str]:
    """Cut from a text anywhere, or a piece that may be in none."""

    def cut(text: str) -> st.SearchStrategy[str]:
        ends = st.tuples(st.integers(0, len(text)), st.integers(1, 12))
        return ends.map(lambda end: text[end[0] : end[0] + end[1]])

    return st.one_of(st.sampled_from(texts).flatmap(cut), st.sampled_from(PIECES).map(fold))


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_what_is_found_is_there_and_what_is_there_is_found_or_read(data: st.DataObject) -> None:
    texts = data.draw(TEXTS)
    with closing(sqlite.connect(":memory:", isolation_level=None)) as connection:
        word_tables.create(connection)
        ix = Ix(connection)
        index(ix, texts)
        for needle in filter(None, data.draw(st.lists(needles_in(texts), min_size=5, max_size=20))):
            narrowed = narrow(ix, needle, BODY, range(1, len(texts) + 1))
            assert narrowed.found <= truth(texts, needle) <= narrowed.found | narrowed.unsure, needle
            assert narrowed.found.isdisjoint(narrowed.unsure)


LETTERS = [
    *("the quarterly report is late", "report: quarterly earnings", "reporting on quarterly-report@example.test"),
    *(
        "会議資料を送ります",
        "meet at x9y8z7x9y8z7 now",
        "nothing of this",
        "1234567890123",
        "E-Mail: ann.smith@firm.example",
    ),
]

# needle, found without reading, to be read
ANSWERS: list[tuple[str, set[int], set[int]]] = [
    ("report", {1, 2, 3}, set()),
    ("eport", {1, 2, 3}, set()),
    ("e", {1, 2, 3, 5, 8}, set()),
    ("ly", {1, 2, 3}, set()),
    ("quarterly report", set(), {1, 2, 3}),  # both words are there, in whatever order
    ("terly rep", set(), {1, 2, 3}),
    ("quarterly earn", set(), {2}),
    ("earnings quarter", set(), {2}),
    ("late quarterly", set(), {1}),
    ("late earnings", set(), set()),
    ("quarterly-rep", {3}, {1, 2}),
    ("@example.te", {3}, set()),
    ("smith@firm", {8}, set()),
    ("会", {4}, set()),
    ("資料", {4}, set()),
    ("議資料", set(), {4}),
    ("9y8", {5}, set()),
    ("9y8z7x", set(), {5}),
    ("9y8z7y", set(), set()),
    ("nowhere", set(), set()),
    ("?", set(), {1, 2, 3, 4, 5, 6, 7, 8}),
]


@pytest.mark.parametrize(("needle", "found", "unsure"), ANSWERS)
def test_few_needles_need_reading(ix: Ix, needle: str, found: set[int], unsure: set[int]) -> None:
    index(ix, [fold(letter) for letter in LETTERS])
    assert narrow(ix, needle, BODY, range(1, 9)) == Narrowed(found, unsure)


def test_only_the_contents_asked_about_are_answered(ix: Ix) -> None:
    index(ix, ["report"] * 5)
    assert narrow(ix, "report", BODY, {2, 4}) == Narrowed({2, 4}, set())
    assert narrow(ix, "report", BODY, set()) == Narrowed(set(), set())


def test_what_is_not_in_the_index_must_be_read(ix: Ix) -> None:
    index(ix, ["report", "other"])
    entry = Entry(3, [(Place.BODY, ["report"])], 0, "too long")
    word_tables.add(ix, [entry, Entry(4, [], 0, "unreadable")], 4)
    assert narrow(ix, "report", BODY, range(1, 7)) == Narrowed({1, 3}, {4, 5, 6})
    assert narrow(ix, "absent", BODY, range(1, 7)) == Narrowed(set(), {3, 4, 5, 6})


def test_places_are_told_apart(ix: Ix) -> None:
    index(ix, ["subject: report"], Place.FRONT)
    assert narrow(ix, "report", TEXT, {1}).found == {1}
    assert narrow(ix, "report", BODY, {1}) == Narrowed(set(), set())


def test_a_header_field_is_asked_for_by_name_and_text(ix: Ix) -> None:
    lines = ["x-odd-field: blue", "x-odd: field blue", "x-odd-field: green", "other: x-odd-field: blue"]
    index(ix, lines, Place.HEADER)
    assert narrow_field(ix, "x-odd-field", "blue", range(1, 5)) == Narrowed(set(), {1, 4})
    assert narrow_field(ix, "x-odd-field", "", range(1, 5)) == Narrowed(set(), {1, 3, 4})


def test_a_needle_in_very_many_words_asks_about_some_and_reads_the_rest(
    ix: Ix, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [f"w{number:04}e" for number in range(300)] + ["all " + " ".join(f"w{number:04}e" for number in range(290))]
    index(ix, texts)
    asked: list[str] = []
    find = word_tables.find
    monkeypatch.setattr(
        word_tables, "find", lambda rx, expression, *rest: asked.append(expression) or find(rx, expression, *rest)
    )
    narrowed = narrow(ix, "e", BODY, {1, 301})
    assert narrowed.found | narrowed.unsure == {1, 301}
    assert len(asked) < 4
    assert narrow(ix, "e", BODY, range(1, 302)).found == {*range(1, 302)}


@pytest.mark.parametrize(
    "needle", ["a " * 200, "ab " * 5000, "x" * 5000, "1" * 5000, "会" * 3000, "'" * 300 + "a", 'a"b OR c*']
)
def test_long_and_odd_needles_are_no_trouble(ix: Ix, needle: str) -> None:
    texts = [needle.strip(), "a", "x" * 100]
    index(ix, texts)
    narrowed = narrow(ix, needle.strip(), BODY, {1, 2, 3})
    assert 1 in narrowed.found | narrowed.unsure


def test_limits_of_a_question_keep_it_right(ix: Ix, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAX_ENDINGS", "MAX_CLAUSES", "MAX_GRAMS", "MAX_WORDS", "TOGETHER"):
        monkeypatch.setattr(lookup, name, 1)
    index(ix, [fold(letter) for letter in LETTERS])
    for needle, found, unsure in ANSWERS:
        narrowed = narrow(ix, needle, BODY, range(1, 9))
        assert narrowed.found <= truth([fold(letter) for letter in LETTERS], needle)
        assert narrowed.found | narrowed.unsure >= (found | unsure) & truth([fold(each) for each in LETTERS], needle)
