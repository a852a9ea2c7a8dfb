"""One search in all texts finds what a search in each of them does, however they came together."""

from array import array

from hypothesis import given
from hypothesis import strategies as st

from mailserver.mailboxes.kept_fields import NO_MOMENT, Moments, Texts

LETTERS = st.text("abé\0", max_size=6)
VALUES = st.dictionaries(st.integers(1, 60), st.none() | LETTERS, max_size=25)


def texts_of(values: dict[int, str | None]) -> Texts:
    return Texts.of(sorted(values), values)


@given(VALUES, LETTERS)
def test_finds_what_each_text_holds(values: dict[int, str | None], needle: str) -> None:
    texts = texts_of(values)
    assert dict(texts) == values
    expected = [uid for uid in sorted(values) if (text := values[uid]) is not None and needle in text]
    assert [texts.uids[place] for place in texts.find(needle)] == expected


@given(VALUES, VALUES, LETTERS)
def test_joined_in_any_order_is_as_made_at_once(
    first: dict[int, str | None], second: dict[int, str | None], needle: str
) -> None:
    later = {uid: text for uid, text in second.items() if uid not in first}
    joined, whole = texts_of(first).joined(texts_of(later)), texts_of(first | later)
    assert dict(joined) == dict(whole)
    assert (joined.uids, joined.weight) == (whole.uids, whole.weight)
    assert [*joined.find(needle)] == [*whole.find(needle)]


@given(VALUES, st.sets(st.integers(1, 60)))
def test_what_is_left_out_is_gone_and_nothing_else(values: dict[int, str | None], gone: set[int]) -> None:
    texts = texts_of(values)
    rest = texts.only([place for place, uid in enumerate(texts.uids) if uid not in gone])
    assert dict(rest) == {uid: text for uid, text in values.items() if uid not in gone}


def test_half_a_text_is_not_found_across_two() -> None:
    texts = texts_of({1: "ab", 2: "cd", 5: None, 7: "bc"})
    assert [texts.uids[place] for place in texts.find("bc")] == [7]


def test_moments_come_together_by_uid() -> None:
    joined = Moments.of([2, 9], {2: 5, 9: None}).joined(Moments.of([4], {4: 7}))
    assert (joined.uids, joined.values) == (array("q", [2, 4, 9]), array("q", [5, 7, NO_MOMENT]))
