"""Waits between attempts, and how many make a row old enough to be given up."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.config.tree import RetrySchedule
from mailserver.queue import schedule

SQUARES, STEPS = RetrySchedule.SQUARES, RetrySchedule.STEPS
DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("kind", "failed", "minutes"),
    [
        *((SQUARES, number, number**2) for number in range(1, 7)),  # as published: 1, 4, 9, 16, 25, 36
        (SQUARES, 37, 1369),
        (SQUARES, 38, 1440),  # n² would be 1444: a day is the most
        (SQUARES, 1_000_000, 1440),
        *((STEPS, number + 1, wait) for number, wait in enumerate((5, 15, 30, 60, 120, 240, 480, 960, 1440))),
        (STEPS, 50, 1440),
    ],
)
def test_waits(kind: RetrySchedule, failed: int, minutes: int) -> None:
    assert schedule.minutes(kind, failed) == minutes


@given(st.sampled_from(RetrySchedule), st.integers(1, 100), st.integers(0, 2**42), st.floats(0, 1))
def test_a_wait_is_spread_by_a_tenth_and_never_longer_than_a_day(
    kind: RetrySchedule, failed: int, failed_at: int, chance: float
) -> None:
    planned = schedule.minutes(kind, failed) * 60_000
    wait = schedule.next_attempt(kind, failed, failed_at, chance) - failed_at
    assert planned * 0.9 - 1 <= wait <= min(planned * 1.1 + 1, DAY_MS)
    assert wait <= schedule.longest(kind, failed)


def test_squares_end_after_28_attempts_in_five_days() -> None:
    begun = [0, *accumulate(number**2 for number in range(1, 40))]
    assert sum(minute <= 5 * 1440 for minute in begun) == 28


@pytest.mark.parametrize(
    ("kind", "days", "least"),
    [
        (SQUARES, 5, 12),  # ten hours
        (STEPS, 5, 10),  # 0, 5, 20, 50, 110 … 3350 minutes: ten of them in two and a half days
        (SQUARES, 0.01, 3),  # a quarter of an hour: 0, 1 and 5 minutes are in its first half
        (SQUARES, 0.0001, 1),
    ],
)
def test_least_attempts(kind: RetrySchedule, days: float, least: int) -> None:
    assert schedule.least_attempts(kind, days) == least
