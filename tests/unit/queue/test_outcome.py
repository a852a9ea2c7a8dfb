"""From a carrier's result to what becomes of the row."""

import pytest

from mailserver.config.tree import RetrySchedule
from mailserver.queue import outcome
from mailserver.queue.outcome import Terms
from mailserver.remote.consignment import Result, Verdict
from mailserver.store.attempts import Attempt
from mailserver.store.queue import Entry, Status
from mailserver.store.queue_record import Settled
from mailserver.store.queue_states import Event

NOW = 1_000_000_000
MINUTE = 60_000
ATTEMPT = Attempt(NOW, 5, "mx.far.example", "192.0.2.1", None, 451, "4.3.0", "come back in 5 minutes")
TERMS = Terms(RetrySchedule.SQUARES, 12, NOW, 0.5)


def row(attempts: int = 0, expires_at: int | None = NOW + 1, last_error: str | None = None) -> Entry:
    return Entry(
        7, "ann@example.test", "x@far.example", "0" * 64, attempts, None, "2026-03-01 12:00:00", last_error,
        Status.SENDING, "2026-03-01 12:00:00", "w", 1, expires_at, None, None, None, None, None, "7BIT", False, 100,
        None, "far.example", 0, None, None, None, None, None, None, None, False, False, None, None, None, 0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("entry", "result", "expected"),
    [
        (row(), Result(7, Verdict.DELIVERED, ATTEMPT), Settled(7, Event.DELIVER, ATTEMPT)),
        (row(), Result(7, Verdict.RELAYED, ATTEMPT), Settled(7, Event.RELAY, ATTEMPT)),
        (row(), Result(7, Verdict.FAILED, ATTEMPT), Settled(7, Event.BOUNCE, ATTEMPT)),
        # "5" in the text of a 451 makes it nothing but a 451
        (row(), Result(7, Verdict.DEFERRED, ATTEMPT), Settled(7, Event.DEFER, ATTEMPT, NOW + MINUTE)),
        (row(2), Result(7, Verdict.DEFERRED, ATTEMPT), Settled(7, Event.DEFER, ATTEMPT, NOW + 9 * MINUTE)),
        # a server that named a later moment is believed, one that named an earlier is not
        (row(), Result(7, Verdict.DEFERRED, ATTEMPT, NOW + 9999999), Settled(7, Event.DEFER, ATTEMPT, NOW + 9999999)),
        (row(2), Result(7, Verdict.DEFERRED, ATTEMPT, NOW), Settled(7, Event.DEFER, ATTEMPT, NOW + 9 * MINUTE)),
        # its time is over
        (
            row(11, NOW),
            Result(7, Verdict.DEFERRED, ATTEMPT),
            Settled(7, Event.EXPIRE, ATTEMPT, text="Given up after 12 attempts: come back in 5 minutes"),
        ),
        # its time is over by the clock, but it was hardly tried: the clock jumped
        (row(10, 0), Result(7, Verdict.DEFERRED, ATTEMPT), Settled(7, Event.DEFER, ATTEMPT, NOW + 121 * MINUTE)),
        (row(99, None), Result(7, Verdict.DEFERRED, ATTEMPT), Settled(7, Event.DEFER, ATTEMPT, NOW + 1368 * MINUTE)),
        # a closed gate costs nothing,
        (
            row(3),
            Result(7, Verdict.NOT_TRIED, None, NOW + 300, "mx failed repeatedly"),
            Settled(7, Event.RETURN, None, NOW + 300, "mx failed repeatedly"),
        ),
        (row(3), Result(7, Verdict.NOT_TRIED, None), Settled(7, Event.RETURN, None, NOW + MINUTE)),
        # until the row's time is over: then it counts, so that a host that is gone does not keep it for ever
        (
            row(3, NOW),
            Result(7, Verdict.NOT_TRIED, None, NOW + 300, "closed"),
            Settled(7, Event.DEFER, None, NOW + 16 * MINUTE, "closed"),
        ),
        (
            row(11, NOW),
            Result(7, Verdict.NOT_TRIED, None, NOW + 300, "closed"),
            Settled(7, Event.EXPIRE, None, text="Given up after 12 attempts: closed"),
        ),
    ],
)
def test_what_becomes_of_a_row(entry: Entry, result: Result, expected: Settled) -> None:
    assert outcome.settled(entry, result, TERMS) == expected


def test_what_was_given_up_without_a_last_attempt_says_why_all_the_same() -> None:
    assert outcome.expired(row(12, 0, "no route"), None, NOW) == "Given up after 12 attempts: no route"
    assert outcome.expired(row(0, 0), None, NOW) == "Given up after 0 attempts: it was never tried"


def test_chance_is_even_from_0_to_1() -> None:
    assert outcome.chance(lambda octets: b"\0" * octets) == 0.0
    assert outcome.chance(lambda octets: b"\xff" * octets) == 1.0
