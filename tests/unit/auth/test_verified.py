"""Logins remembered: only right ones, for a time, so many."""

from mailserver.auth.verified import VerifiedLogins, digest
from tests.fakes import FakeClock


async def test_a_login_is_remembered_for_its_time(clock: FakeClock) -> None:
    verified = VerifiedLogins(clock, 600)
    verified.add(b"a")
    await clock.advance(599)
    assert b"a" in verified
    assert b"b" not in verified
    await clock.advance(1)
    assert b"a" not in verified
    assert len(verified) == 0


async def test_so_many_are_remembered_and_the_oldest_goes_first(clock: FakeClock) -> None:
    verified = VerifiedLogins(clock, 600, max_entries=3)
    for key in (b"a", b"b", b"c", b"a", b"d"):
        verified.add(key)
    assert [key in verified for key in (b"a", b"b", b"c", b"d")] == [True, False, True, True]


async def test_no_time_means_no_memory(clock: FakeClock) -> None:
    verified = VerifiedLogins(clock, 0)
    verified.add(b"a")
    assert b"a" not in verified


def test_parts_do_not_run_into_each_other() -> None:
    assert digest(b"k", "1", "23") != digest(b"k", "12", "3")
    assert digest(b"k", "1") != digest(b"l", "1")
    assert digest(b"k", "\udc80") == digest(b"k", "\udc80")  # octets that were no UTF-8
