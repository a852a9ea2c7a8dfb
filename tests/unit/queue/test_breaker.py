"""Who fails five times in a row is left alone for five minutes, and trusted again after two good connections."""

import pytest

from mailserver.queue.breaker import FAILURES, OPEN_SECONDS, Breaker, Circuit, counts

CLOSED, OPEN, HALF = Circuit.CLOSED, Circuit.OPEN, Circuit.HALF_OPEN


def state_after(steps: str) -> Circuit:
    """F: a failure, s: a success, each a second after the other; w: five minutes pass."""
    breaker, now = Breaker(), 0.0
    for step in steps:
        now += OPEN_SECONDS if step == "w" else 1.0
        if step == "F":
            breaker.failed(now, "timeout")
        elif step == "s":
            breaker.succeeded(now)
    return breaker.at(now)


@pytest.mark.parametrize(
    ("steps", "state"),
    [
        ("", CLOSED),
        ("FFFF", CLOSED),
        ("FFFFF", OPEN),
        ("FFFFsF", CLOSED),  # in a row
        ("FFFFFs", OPEN),  # of a connection that began before
        ("FFFFFFFFFF", OPEN),
        ("FFFFFw", HALF),
        ("FFFFFws", HALF),
        ("FFFFFwss", CLOSED),
        ("FFFFFwsF", OPEN),
        ("FFFFFwF", OPEN),
        ("FFFFFwFw", HALF),
        ("FFFFFwssFFFF", CLOSED),  # it starts from nothing
        ("FFFFFwwww", HALF),  # somebody has to try
    ],
)
def test_states(steps: str, state: Circuit) -> None:
    assert state_after(steps) is state


def test_failures_while_open_do_not_begin_the_wait_anew() -> None:
    breaker = Breaker()
    for _ in range(FAILURES):
        breaker.failed(0.0, "timeout")
    breaker.failed(OPEN_SECONDS - 1, "timeout")
    assert breaker.at(OPEN_SECONDS) is HALF


@pytest.mark.parametrize(
    ("code", "text", "is_failure"),
    [
        (421, "4.3.2 shutting down", True),
        (451, "4.3.0 local error", True),
        (450, "greylisted", True),
        (450, "4.2.1 mailbox busy", False),  # of one mailbox
        (452, "4.2.2 mailbox full", False),
        (451, "4.1.8 sender's domain not found now", False),
        (550, "5.1.1 no such user", False),
        (554, "5.7.1 blocked", False),
        (250, "ok", False),
        (354, "go ahead", False),
    ],
)
def test_what_counts(code: int, text: str, is_failure: bool) -> None:
    assert counts(code, text) is is_failure
