"""The rank of a correspondent: any order of messages gives the same, and time orders nobody anew. Against the sum."""

from math import isclose
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from mailserver.store.correspondents import HALF_LIFE_MS, added_rank, rank_of, score

YEAR_MS = 365 * 86_400_000
NOW_MS = 1_790_000_000_000
Messages = list[tuple[float, int]]  # (weight, how long ago)

messages = st.lists(st.tuples(st.sampled_from([1.0, 0.5]), st.integers(0, 3 * YEAR_MS)), min_size=1, max_size=40)


def ranked(written: Messages) -> float:
    rank, *others = [rank_of(weight, NOW_MS - age) for weight, age in written]
    for other in others:
        rank = added_rank(rank, other)
    return rank


def summed(written: Messages) -> float:
    return sum(weight * 2.0 ** (-age / HALF_LIFE_MS) for weight, age in written)


@given(messages)
def test_the_score_is_the_sum_of_what_each_message_still_counts(written: Messages) -> None:
    assert isclose(score(ranked(written), NOW_MS), summed(written), rel_tol=1e-9)


@given(messages, st.randoms())
def test_the_order_of_messages_does_not_matter(written: Messages, chance: Random) -> None:
    shuffled = written[:]
    chance.shuffle(shuffled)
    assert isclose(ranked(written), ranked(shuffled), rel_tol=1e-12)


@given(messages, messages, st.integers(0, 10 * YEAR_MS))
def test_who_is_before_another_stays_so_while_nobody_writes(one: Messages, other: Messages, later: int) -> None:
    first, second = ranked(one), ranked(other)
    if first > second + 1e-9:
        assert score(first, NOW_MS + later) > score(second, NOW_MS + later)


@given(messages, st.sampled_from([1.0, 0.5]))
def test_a_message_more_is_never_less(written: Messages, weight: float) -> None:
    assert added_rank(ranked(written), rank_of(weight, NOW_MS)) > ranked(written)


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_ranks_far_apart_are_added_without_overflow(one: float, other: float) -> None:
    assert max(one, other) <= added_rank(one, other) <= max(one, other) + 1
