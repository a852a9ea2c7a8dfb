"""What a text is cut into, and that the cuts of its parts do not matter."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail.casemap import fold
from mailserver.search import units
from mailserver.search.units import Cutter

TEXTS = st.text(st.sampled_from("abc1ßİé\u0301 .@-_'’~\"\0\n\u1680\u2028\u200d\x1f日本語กข😀\ud800"), max_size=60)

CUT: list[tuple[str, set[str], str]] = [
    ("to be or not to be", {"to", "be", "or", "not"}, "distinct words"),
    ("Straße", {"strasse"}, "folded before it is cut"),
    ("café", {"cafe\u0301"}, "a mark is of its word"),
    ('a, (b) <c> "d"', {"a", "b", "c", "d"}, "punctuation separates"),
    ("ann@mail.example.test.", {"ann", "mail", "example", "test", "ann@mail.example.test"}, "a chain and its words"),
    ("a..b", {"a", "b"}, "two connectors do not join"),
    ("don’t", {"don", "t", "don’t"}, "an apostrophe joins"),
    ("192.0.2.7", {"192", "0", "2", "7"}, "the number of a host is no chain"),
    ("49.99", {"49", "99", "49.99"}, "an amount is one"),
    ("会議室", {"~会議", "~議室", "~室"}, "no spaces, no words"),
    ("abc会議", {"abc", "~会議", "~議"}, "scripts part words"),
    ("a1b2c3d4e5", {"~a1b", "~1b2", "~b2c", "~2c3", "~c3d", "~3d4", "~d4e", "~4e5", "~e5", "~5"}, "a hash"),
    ("windows2000", {"windows2000"}, "a number at the end is of the word"),
    ("1234567890", {*("~123", "~234", "~345", "~456", "~567", "~678", "~789", "~890", "~90", "~0")}, "a long number"),
    ("x" * 41, {"~xxx", "~xx", "~x"}, "longer than words are"),
    (
        "x1.ab1cd2ef3g.y",
        {"x1", "y", *("~ab1", "~b1c", "~1cd", "~cd2", "~d2e", "~2ef", "~ef3", "~f3g", "~3g", "~g")},
        "",
    ),
    ("b=" + "ab+" * 14, {"~b", "~ab"}, "a line of a signature has no words"),
    ("half \ud800 a pair", {"half", "a", "pair"}, "half a surrogate pair separates"),
    ("a\u1680b", {"a", "b"}, "what str.split() splits at is a separator"),
    ("", set(), "nothing"),
]


@pytest.mark.parametrize(("text", "found", "why"), CUT)
def test_texts_are_cut_into_units(text: str, found: set[str], why: str) -> None:
    assert Cutter().units((fold(text),)) == found, why


@given(TEXTS, st.lists(st.integers(0, 60)))
def test_cuts_between_parts_do_not_matter(text: str, cuts: list[int]) -> None:
    edges = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    parts = [text[a:b] for a, b in pairwise(edges)]
    assert Cutter().units(parts) == Cutter().units((text,))


@given(TEXTS)
def test_every_unit_is_in_the_text(text: str) -> None:
    assert all(unit.removeprefix(units.GRAM) in text for unit in Cutter().units((text,)))


def test_pieces_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "MOST_KEPT", 3)
    cutter = Cutter()
    for number in range(10):
        assert cutter.units((f"word{number} again",)) == {f"word{number}", "again"}
        assert len(cutter._kept) <= 3
