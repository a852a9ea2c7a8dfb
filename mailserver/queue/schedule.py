"""When a failed delivery is tried again, and when it has been tried long enough. Pure.

The wait after the nth failed attempt is n² minutes (1, 4, 9, 16 …) or, by setting, comes from a table; each is spread
by a tenth either way, so that what failed together does not come back together, and none is longer than a day.
RFC 5321 §4.5.4.1.

Waits are wall time, and clocks jump. Back: no row waits longer than its one interval from now (`longest`). Forward: a
row expires only when it was tried as often as it would have been in half of its days, at most MOST_ATTEMPTS times
(`least_attempts`): that many waits take hours whatever the clock says.
"""

from collections.abc import Callable, Iterator
from itertools import count

from mailserver.config.tree import RetrySchedule

MINUTE_MS = 60_000
CAP_MINUTES = 24 * 60.0
SPREAD = 0.1
MOST_ATTEMPTS = 12  # with squares they take ten hours
STEPS = (5, 15, 30, 60, 120, 240, 480, 960, 1440)  # minutes

_MINUTES: dict[RetrySchedule, Callable[[int], float]] = {
    RetrySchedule.SQUARES: lambda failed: float(failed**2),
    RetrySchedule.STEPS: lambda failed: float(STEPS[min(failed, len(STEPS)) - 1]),
}


def minutes(schedule: RetrySchedule, failed: int) -> float:
    """The wait after so many failed attempts (1 or more), before it is spread."""
    return min(_MINUTES[schedule](failed), CAP_MINUTES)


def next_attempt(schedule: RetrySchedule, failed: int, failed_at_ms: int, chance: float) -> int:
    """Epoch milliseconds. `failed`: attempts up to now, this one included; `chance`: 0 to 1, even."""
    wait = minutes(schedule, failed)
    low, high = wait * (1 - SPREAD), min(wait * (1 + SPREAD), CAP_MINUTES)
    return failed_at_ms + round((low + (high - low) * chance) * MINUTE_MS)


def longest(schedule: RetrySchedule, failed: int) -> int:
    """The longest wait there is after so many failed attempts, in milliseconds."""
    return next_attempt(schedule, failed, 0, 1.0)


def least_attempts(schedule: RetrySchedule, days: float) -> int:
    """How often a row must have been tried before it is given up for its age."""
    half = days * 24 * 60 / 2
    return min(max(sum(1 for begun in _beginnings(schedule, half)), 1), MOST_ATTEMPTS)


def _beginnings(schedule: RetrySchedule, limit: float) -> Iterator[float]:
    """The minutes after the first attempt at which further ones begin, below a limit."""
    begun = 0.0
    for failed in count(1):
        if begun >= limit or failed > MOST_ATTEMPTS:
            return
        yield begun
        begun += minutes(schedule, failed)
