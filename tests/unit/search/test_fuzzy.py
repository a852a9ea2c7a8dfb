"""FUZZY: what a person meant is found, and what is about it stands first. RFC 6203"""

from collections.abc import Iterator
from contextlib import closing

import pytest
from pysqlite3 import dbapi2 as sqlite

from mailserver.mail.casemap import fold
from mailserver.search.documents import Place
from mailserver.search.fuzzy import BEST, BODY, TEXT, Ranked, distance, rank
from mailserver.search.units import GRAM, Cutter
from mailserver.store import word_tables
from mailserver.store.word_tables import Entry, Ix

LETTERS: list[dict[Place, str]] = [
    {Place.FRONT: "Subject: Quarterly report", Place.BODY: "see the numbers"},
    {Place.FRONT: "Subject: hello", Place.BODY: "the quarterly report is attached"},
    {Place.FRONT: "Subject: hello", Place.BODY: "he reported it", Place.NAMES: "invoice.pdf"},
    {Place.FRONT: "Subject: hello", Place.BODY: "nothing", Place.HEADER: "x-note: quarterly report"},
    {Place.FRONT: "From: müller@example.test", Place.BODY: "Straße 会議資料 a1b2c3d4e5f6"},
]
ALL = range(1, len(LETTERS) + 1)


@pytest.fixture(scope="module")
def ix() -> Iterator[Ix]:
    with closing(sqlite.connect(":memory:", isolation_level=None)) as connection:
        word_tables.create(connection)
        ix = Ix(connection)
        cutter = Cutter()
        entries = [
            Entry(number, [(place, cutter.units((fold(text),))) for place, text in letter.items()], 0, None)
            for number, letter in enumerate(LETTERS, 1)
        ]
        words = {unit for entry in entries for _, units in entry.units for unit in units if unit[0] != GRAM}
        word_tables.learn(ix, sorted(words), lambda word: "@" in word or "." in word or "-" in word)
        word_tables.add(ix, entries, len(entries))
        yield ix


# needle, contents from the best on
ORDERS: list[tuple[str, list[int]]] = [
    ("quarterly report", [1, 2, 4]),  # in the subject, the text, elsewhere in the header
    ("report quarterly", [1, 2, 4]),
    ("report", [1, 2, 3, 4]),  # a text that has it weighs more than a header; as a beginning a bit less
    ("repor", [1, 2, 3, 4]),
    ("uarter", [1, 2, 4]),
    ("reprot", [1, 2, 4]),
    ("quartrely", [1, 2, 4]),
    ("invoice", [3]),
    ("muller", [5]),
    ("MÜLLER", [5]),
    ("strasse", [5]),
    ("会議", [5]),
    ("a1b2c3d4e5f6", [5]),
    ("report nowhere", []),
    ("rep0rt", []),  # with a digit it is no typing error
    ("sees", [1]),
    ("e", []),
    ("?!", []),
    ("", []),
]


@pytest.mark.parametrize(("needle", "order"), ORDERS)
def test_contents_are_ranked(ix: Ix, needle: str, order: list[int]) -> None:
    found = rank(ix, fold(needle), TEXT, ALL).scores
    assert sorted(found, key=lambda content: (-found[content], content)) == order
    assert all(1 <= score <= BEST for score in found.values())


def test_only_the_contents_asked_about_are_ranked(ix: Ix) -> None:
    assert [*rank(ix, "report", TEXT, {2}).scores] == [2]
    assert rank(ix, "report", TEXT, ()) == Ranked({}, set())


def test_a_body_is_no_header(ix: Ix) -> None:
    assert [*rank(ix, "report", BODY, ALL).scores] == [2, 3]
    assert [*rank(ix, "invoice", BODY, ALL).scores] == [3]
    assert rank(ix, "hello", BODY, ALL).scores == {}


def test_what_is_not_in_the_index_is_told(ix: Ix) -> None:
    assert rank(ix, "invoice", TEXT, {3, 6, 7}).unsure == {6, 7}


def test_an_exact_hit_in_a_subject_is_the_best(ix: Ix) -> None:
    assert rank(ix, "quarterly report", TEXT, ALL).scores[1] == BEST


@pytest.mark.parametrize(
    ("a", "b", "apart"),
    [("report", "report", 0), ("report", "reprot", 1), ("report", "repot", 1), ("report", "reporrt", 1),
     ("report", "rapport", 2), ("report", "export", 2), ("abcd", "dcba", 3), ("a", "abcdef", 3)],
)  # fmt: skip
def test_distance_counts_slips_of_the_hand(a: str, b: str, apart: int) -> None:
    assert distance(a, b, 2) == distance(b, a, 2) == apart
