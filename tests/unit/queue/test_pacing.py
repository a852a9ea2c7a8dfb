"""What providers say when we are too fast, and how their pace comes back by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.queue.pacing import QUIET_SECONDS, SAME_SECONDS, STEPS, Pace, is_rate_reply, provider


@pytest.mark.parametrize(
    ("code", "text", "is_rate"),
    [
        (421, "4.7.28 Our system has detected an unusual rate of unsolicited mail originating from your IP", True),
        (421, "4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume", True),
        (451, "4.7.500 Server busy. Please try again later from [192.0.2.1].", True),
        (421, "RP-001 The mail server IP connecting to Outlook.com has exceeded the rate limit allowed", True),
        (421, "4.7.0 Too many connections from your host", True),
        (450, "4.7.1 Error: too much mail from 192.0.2.1", True),
        (452, "4.3.1 throttling your connection", True),
        (451, "4.7.1 Please slow down", True),
        (421, "maximum number of sessions reached", True),
        (421, "4.3.2 Service shutting down, try again later", False),
        (451, "4.7.1 Greylisted, please try again later", False),
        (450, "4.7.1 Client host greylisting in action, try again in 300 seconds", False),
        (452, "4.5.3 Too many recipients", False),  # of one transaction
        (450, "4.2.1 The user you are trying to contact is receiving mail at a rate that prevents", False),
        (452, "4.2.2 The mailbox is over its quota limit for messages", False),
        (451, "4.3.0 operate on the corporate side", False),  # "rate" is a word, not a syllable
        (550, "5.7.1 rate limit exceeded", False),  # for good: a bounce, not a pace
        (250, "ok, but slow down", False),
        (441, "4.4.1 too many connections", False),
    ],
)
def test_replies(code: int, text: str, is_rate: bool) -> None:
    assert is_rate_reply(code, text) is is_rate


@pytest.mark.parametrize(
    ("host", "whose"),
    [
        ("alt1.gmail-smtp-in.l.google.com", "google.com"),
        ("example-net.mail.protection.outlook.com", "outlook.com"),
        ("mx.example.co.uk", "example.co.uk"),
        ("mx1.example.de", "example.de"),
        ("mx.co.de", "mx.co.de"),
        ("localhost", "localhost"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("MX.Example.Net.", "example.net"),
    ],
)
def test_whose_host_it_is(host: str, whose: str) -> None:
    assert provider(host) == whose


def test_each_complaint_is_a_step_and_quiet_leads_back_step_by_step() -> None:
    pace, now = Pace(), 1000.0
    gaps = []
    for _ in range(len(STEPS) + 2):
        pace.complained(now, "421 too fast")
        gaps.append(pace.at(now).gap)
        now += SAME_SECONDS
    assert gaps == [1.0, 5.0, 15.0, 60.0, 300.0, 300.0, 300.0, 300.0]
    now -= SAME_SECONDS
    assert pace.reason == "421 too fast"
    back = [pace.at(now + QUIET_SECONDS * quiet).gap for quiet in range(7)]
    assert back == [300.0, 60.0, 15.0, 5.0, 1.0, 0.0, 0.0]
    assert pace.reason == ""


def test_complaints_at_the_same_time_are_one() -> None:
    pace = Pace()
    for second in range(8):
        pace.complained(100.0 + second / 10, "421 too fast")
    assert pace.at(101.0) is STEPS[1]


@given(st.lists(st.tuples(st.floats(0, 5000), st.booleans()), max_size=50))
def test_it_is_never_slower_than_the_last_step_and_always_recovers(events: list[tuple[float, bool]]) -> None:
    pace, now = Pace(), 0.0
    for later, complains in events:
        now += later
        if complains:
            pace.complained(now, "421 too fast")
        assert pace.at(now) in STEPS
    assert pace.at(now + QUIET_SECONDS * len(STEPS)) is STEPS[0]
