"""What time ranges an occurrence is in: the tables of RFC 4791 §9.9 as one interval each.

A range from `start` to `end` (milliseconds since the epoch, end excluded) is overlapped where start < until and
end > since. The tables compare now with "<", now with "≤"; a millisecond more or less makes all of them this.
"""

from typing import NamedTuple

EVER = 1 << 53  # later than any time
NEVER = -EVER  # earlier than any time


class Reach(NamedTuple):
    """Milliseconds since the epoch."""

    since: int
    until: int

    def overlaps(self, start: int, end: int) -> bool:
        return start < self.until and end > self.since


ALWAYS = Reach(NEVER, EVER)


def of_event(start: int, end: int) -> Reach:
    """Seconds since the epoch. An event without length is at its start: the first instant of a range counts."""
    return Reach(start * 1000, max(end * 1000, start * 1000 + 1))


def of_point(start: int) -> Reach:
    """VTODO and VJOURNAL that have a DTSTART with a time and no more; triggers of alarms."""
    return Reach(start * 1000, start * 1000 + 1)


def of_task_with_duration(start: int, end: int) -> Reach:
    return Reach(start * 1000 if end > start else start * 1000 - 1, end * 1000 + 1)


def of_task(start: int, due: int) -> Reach:
    return Reach(min(start * 1000, due * 1000 - 1), max(due * 1000, start * 1000 + 1))


def of_task_due(due: int) -> Reach:
    return Reach(due * 1000 - 1, due * 1000)


def of_task_without_times(completed: int | None, created: int | None) -> Reach:
    if completed is not None:
        times = [completed] if created is None else [completed, created]
        return Reach(min(times) * 1000 - 1, max(times) * 1000 + 1)
    return ALWAYS if created is None else Reach(created * 1000, EVER)


def of_free_busy(start: int, end: int) -> Reach:
    return Reach(start * 1000, end * 1000 + 1)


def of_availability(start: int | None, end: int | None) -> Reach:
    """VAVAILABILITY, RFC 7953 §6: what is not said has no border."""
    return Reach(NEVER if start is None else start * 1000, EVER if end is None else end * 1000)
