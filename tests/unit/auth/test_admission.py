"""Who may connect."""

import pytest

from mailserver.auth.admission import WINDOW_SECONDS, Admission, source
from mailserver.config.tree import SmtpConfig


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:0:1::5", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_what_counts_as_one(address: str, counted_as: str) -> None:
    assert source(address) == counted_as


def test_each_ceiling_holds_and_gives_way_again() -> None:
    admission = Admission(SmtpConfig(max_connections=3, max_connections_per_address=2, max_connection_rate=100))
    for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
        assert admission.refusal(address, 0) is None or address == "192.0.2.1"
        admission.enter(address)
    assert admission.refusal("192.0.2.1", 0) == "address"
    assert admission.refusal("192.0.2.9", 0) == "total"
    admission.leave("192.0.2.1")
    assert admission.refusal("192.0.2.1", 0) is None


def test_the_rate_counts_attempts_of_one_minute() -> None:
    admission = Admission(SmtpConfig(max_connection_rate=3))
    assert [admission.refusal("192.0.2.1", 1) for _ in range(4)] == [None, None, None, "rate"]
    assert admission.refusal("192.0.2.2", 1) is None
    assert admission.refusal("192.0.2.1", 1 + WINDOW_SECONDS) is None


def test_new_ceilings_hold_at_once() -> None:
    admission = Admission(SmtpConfig(max_connections=1))
    admission.enter("192.0.2.1")
    assert admission.refusal("192.0.2.2", 0) == "total"
    admission.limits = SmtpConfig(max_connections=2)
    assert admission.refusal("192.0.2.2", 0) is None


def test_sources_are_forgotten_before_they_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailserver.auth.admission.MAX_RECENT", 3)
    admission = Admission(SmtpConfig(max_connection_rate=1))
    outcomes = [admission.refusal(f"192.0.2.{number}", 0) for number in (1, 1, 2, 3, 1)]
    assert outcomes == [None, "rate", None, None, None]
