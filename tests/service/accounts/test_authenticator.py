"""Logins against a real store: who gets in, what it costs, what the log says."""

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from argon2.low_level import Type, hash_secret_raw

from mailserver.auth.authenticator import Authenticator
from mailserver.auth.passwords import Hasher, Passwords, Verdict
from mailserver.config.tree import AuthConfig
from mailserver.errors import AuthenticationDelayed, AuthenticationFailed
from mailserver.store import auth_log, domains, users
from mailserver.store.auth_log import Attempt
from mailserver.store.database import Tx
from mailserver.store.store import Store
from tests.fakes import FakeClock

LIGHT = AuthConfig(argon2_memory_kib=64, argon2_time_cost=1, argon2_parallelism=1)
SECRET = b"s" * 32
HOME, CAFE = "192.0.2.1", "198.51.100.7"
ANN, PASSWORD = "ann@example.test", "correct horse"


class CountingHasher(Hasher):
    """Counts hashes and remembers the parameters of what was verified: the cost, without a stopwatch."""

    def __init__(self) -> None:
        super().__init__(LIGHT)
        self.verified: list[str] = []
        self.hashed = 0

    def verify(self, stored: str, password: str) -> Verdict:
        self.verified.append(stored.rsplit("$", 2)[0])
        return super().verify(stored, password)

    def hash(self, password: str) -> str:
        self.hashed += 1
        return super().hash(password)


@pytest.fixture
async def house(store: Store) -> Store:
    def fill(tx: Tx) -> None:
        domains.add(tx, "example.test")
        users.add(tx, ANN, Hasher(LIGHT).hash(PASSWORD), display_name="Ann")
        users.add(tx, "off@example.test", Hasher(LIGHT).hash(PASSWORD))
        users.set_active(tx, "off@example.test", False)

    await store.write(fill)
    return store


@pytest.fixture
def hasher() -> CountingHasher:
    return CountingHasher()


@pytest.fixture
async def door(house: Store, clock: FakeClock, hasher: CountingHasher) -> AsyncIterator[Authenticator]:
    authenticator = await Authenticator.open(house, clock, LIGHT, SECRET, Passwords(LIGHT, hasher))
    hasher.hashed = 0
    yield authenticator
    await authenticator.close()


async def attempts(store: Store, door: Authenticator) -> list[Attempt]:
    """Oldest first, all written."""
    await door._attempts.close()
    return (await store.read(auth_log.list))[::-1]


async def is_refused(door: Authenticator, username: str, password: str, peer: str = CAFE) -> bool:
    try:
        await door.authenticate(username, password, protocol="imap", peer=peer)
    except AuthenticationFailed:
        return True
    return False


@pytest.mark.parametrize("username", [ANN, "Ann@Example.TEST", "ann", "ANN", '"ann"@example.test'])
async def test_a_user_logs_in_by_any_spelling_of_its_name(door: Authenticator, username: str) -> None:
    if username.startswith('"'):
        assert await is_refused(door, username, PASSWORD)  # no spelling any client uses
        return
    account = await door.authenticate(username, PASSWORD, protocol="imap", peer=HOME)
    assert (account.address, account.display_name, account.is_admin) == (ANN, "Ann", False)


async def test_a_bare_name_is_enough_with_one_domain_only(house: Store, door: Authenticator) -> None:
    await house.write(domains.add, "other.test")
    assert await is_refused(door, "ann", PASSWORD)
    assert not await is_refused(door, ANN, PASSWORD)


@pytest.mark.parametrize(
    ("username", "password", "reason"),
    [
        (ANN, "wrong", "wrong password"),
        (ANN, "", "wrong password"),
        ("nobody@example.test", PASSWORD, "unknown user"),
        ("nobody@far.example", PASSWORD, "unknown user"),
        ("", PASSWORD, "unknown user"),
        ("../../etc@x", PASSWORD, "unknown user"),
        ("off@example.test", PASSWORD, "disabled"),
        ("off@example.test", "wrong", "disabled"),
        (ANN, "x" * 1025, "unusable password"),
        (ANN, "correct\x00horse", "unusable password"),
    ],
)
async def test_refusals_are_all_alike_except_in_the_log(
    house: Store, door: Authenticator, hasher: CountingHasher, username: str, password: str, reason: str
) -> None:
    with pytest.raises(AuthenticationFailed) as refused:
        await door.authenticate(username, password, protocol="smtp", peer=CAFE)
    assert refused.value.text == AuthenticationFailed.text
    (attempt,) = await attempts(house, door)
    assert (attempt.username, attempt.remote_addr, attempt.protocol) == (username, CAFE, "smtp")
    assert (attempt.success, attempt.failure_reason) == (False, reason)
    # the same work whoever it is: one verification, with the same parameters
    expected = [] if reason == "unusable password" else ["$argon2id$v=19$m=64,t=1,p=1"]
    assert hasher.verified == expected


async def test_nobody_acts_as_somebody_else_and_the_attempt_is_logged(house: Store, door: Authenticator) -> None:
    with pytest.raises(AuthenticationFailed):
        await door.authenticate(ANN, PASSWORD, protocol="smtp", peer=HOME, authzid="off@example.test")
    account = await door.authenticate(ANN, PASSWORD, protocol="smtp", peer=HOME, authzid="Ann@example.test")
    assert account.address == ANN
    assert [a.failure_reason for a in await attempts(house, door)] == ["wants to act as somebody else", None]


async def test_who_is_disabled_during_a_login_gets_in_again_when_enabled(
    house: Store, door: Authenticator, hasher: CountingHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def verify_slowly(stored: str, password: str) -> Verdict:
        future = asyncio.run_coroutine_threadsafe(house.write(users.set_active, ANN, False), loop)
        future.result(5)
        return Verdict.RIGHT

    loop = asyncio.get_running_loop()
    with monkeypatch.context() as slow:
        slow.setattr(hasher, "verify", verify_slowly)
        assert await is_refused(door, ANN, PASSWORD)
    await house.write(users.set_active, ANN, True)
    assert not await is_refused(door, ANN, PASSWORD)
    assert [a.failure_reason for a in await attempts(house, door)] == ["changed meanwhile", None]


async def test_new_limits_hold_at_once(door: Authenticator, hasher: CountingHasher) -> None:
    await door.authenticate(ANN, PASSWORD, protocol="imap", peer=HOME)
    door.reconfigure(replace(LIGHT, failures_per_address=1, cache_seconds=0))
    await door.authenticate(ANN, PASSWORD, protocol="imap", peer=HOME)
    await door.authenticate(ANN, PASSWORD, protocol="imap", peer=HOME)
    assert len(hasher.verified) == 3, "nothing is remembered any more"
    assert await is_refused(door, ANN, "guess")
    with pytest.raises(AuthenticationDelayed):
        await door.authenticate(ANN, "another guess", protocol="imap", peer=CAFE)


async def test_a_disabled_domain_lets_nobody_in(house: Store, door: Authenticator) -> None:
    assert not await is_refused(door, ANN, PASSWORD)
    await house.write(domains.set_active, "example.test", False)
    assert await is_refused(door, ANN, PASSWORD)  # although it was verified a moment ago
    await house.write(domains.set_active, "example.test", True)
    await house.write(users.remove, ANN)
    assert await is_refused(door, ANN, PASSWORD)


async def test_a_login_is_hashed_once_in_its_time(
    house: Store, door: Authenticator, hasher: CountingHasher, clock: FakeClock
) -> None:
    for _ in range(500):
        await door.authenticate(ANN, PASSWORD, protocol="dav", peer=HOME)
    assert len(hasher.verified) == 1
    await clock.advance(LIGHT.cache_seconds)
    await door.authenticate(ANN, PASSWORD, protocol="dav", peer=HOME)
    assert len(hasher.verified) == 2
    await door._attempts.close()
    assert len(await house.read(auth_log.list, 1000)) == 501


async def test_a_changed_password_counts_at_once(house: Store, door: Authenticator) -> None:
    await door.authenticate(ANN, PASSWORD, protocol="imap", peer=HOME)
    await house.write(users.set_password, ANN, Hasher(LIGHT).hash("battery staple"))
    assert await is_refused(door, ANN, PASSWORD)
    assert not await is_refused(door, ANN, "battery staple")


async def test_identical_logins_at_one_moment_share_a_hash(door: Authenticator, hasher: CountingHasher) -> None:
    logins = [door.authenticate(ANN, PASSWORD, protocol="imap", peer=HOME) for _ in range(20)]
    assert {account.address for account in await asyncio.gather(*logins)} == {ANN}
    assert len(hasher.verified) == 1


async def test_who_hangs_up_does_not_take_the_answer_from_the_others(door: Authenticator) -> None:
    async def log_in() -> str:
        return (await door.authenticate(ANN, PASSWORD, protocol="imap", peer=HOME)).address

    first, second = asyncio.create_task(log_in()), asyncio.create_task(log_in())
    await asyncio.wait({first}, timeout=0.01)
    first.cancel()
    assert await second == ANN


async def test_an_old_hash_is_made_anew_at_login(house: Store, door: Authenticator, hasher: CountingHasher) -> None:
    salt = b"sixteen octets.."
    raw = hash_secret_raw(PASSWORD.encode(), salt, 2, 128, 1, 32, Type.ID)
    old = f"$argon2id$v=19$m=128,t=2,p=1${base64.b64encode(salt).decode()}${base64.b64encode(raw).decode()}"
    await house.write(users.set_password, ANN, old)
    logins = [door.authenticate(ANN, PASSWORD, protocol="imap", peer=HOME) for _ in range(3)]
    await asyncio.gather(*logins)
    new = (await house.read(users.get, ANN)).password_hash
    assert new.startswith("$argon2id$v=19$m=64,t=1,p=1$")
    assert not new.endswith("=")
    assert hasher.hashed == 1
    assert not await is_refused(door, ANN, PASSWORD)


async def test_a_hash_nobody_can_read_lets_nobody_in(house: Store, door: Authenticator) -> None:
    await house.write(users.set_password, ANN, "plain:correct horse")
    assert await is_refused(door, ANN, "correct horse")
    assert (await attempts(house, door))[0].failure_reason == "stored hash unreadable"


async def test_guessing_is_held_up_before_anything_is_hashed(
    house: Store, door: Authenticator, hasher: CountingHasher
) -> None:
    for number in range(5):
        assert await is_refused(door, ANN, f"guess {number}")
    with pytest.raises(AuthenticationDelayed):
        await door.authenticate(ANN, PASSWORD, protocol="imap", peer=CAFE)
    assert len(hasher.verified) == 5
    assert (await attempts(house, door))[-1].failure_reason == "throttled"
    assert not await is_refused(door, ANN, PASSWORD, HOME)


async def test_guesses_sent_at_one_moment_are_not_more_than_the_limit(
    door: Authenticator, hasher: CountingHasher
) -> None:
    guesses = [door.authenticate(ANN, f"guess {n}", protocol="imap", peer=CAFE) for n in range(50)]
    outcomes = await asyncio.gather(*guesses, return_exceptions=True)
    assert len(hasher.verified) < LIGHT.failures_per_address + LIGHT.hash_threads
    assert all(isinstance(outcome, AuthenticationFailed | AuthenticationDelayed) for outcome in outcomes)


async def test_one_wrong_password_for_ever_costs_one_hash_and_blocks_nobody(
    door: Authenticator, hasher: CountingHasher
) -> None:
    for _ in range(100):
        assert await is_refused(door, ANN, "the old one")
    assert len(hasher.verified) == 1
    assert not await is_refused(door, ANN, PASSWORD)


async def test_an_attack_does_not_lock_out_the_owner_not_even_after_a_restart(
    house: Store, clock: FakeClock, door: Authenticator
) -> None:
    await door.authenticate(ANN, PASSWORD, protocol="imap", peer=HOME)
    await door._attempts.close()
    again = await Authenticator.open(house, clock, LIGHT, SECRET)
    for number in range(30):
        with pytest.raises((AuthenticationFailed, AuthenticationDelayed)):
            await again.authenticate(ANN, f"guess {number}", protocol="imap", peer=f"203.0.113.{number}")
    with pytest.raises(AuthenticationDelayed):
        await again.authenticate(ANN, PASSWORD, protocol="imap", peer=CAFE)
    assert (await again.authenticate(ANN, PASSWORD, protocol="imap", peer=HOME)).address == ANN
    await again.close()


async def test_the_log_is_whole_when_the_door_is_closed(house: Store, clock: FakeClock) -> None:
    door = await Authenticator.open(house, clock, LIGHT, SECRET)
    for number in range(50):
        assert not await is_refused(door, ANN, PASSWORD, f"192.0.2.{number}")
    await door.close()
    assert len(await house.read(auth_log.list, 1000)) == 50


async def test_the_log_holds_printable_names_of_bounded_length(house: Store, door: Authenticator) -> None:
    assert await is_refused(door, "a\r\nfake line\x1b[2J" + "x" * 1000, PASSWORD)
    (attempt,) = await attempts(house, door)
    assert attempt.username.startswith("a??fake line?[2J")
    assert len(attempt.username) == auth_log.MAX_USERNAME


async def test_the_log_outlives_its_user_and_shows_who_is_attacked(house: Store, door: Authenticator) -> None:
    for number in range(5):
        assert await is_refused(door, ANN, f"guess {number}")
    await attempts(house, door)
    await house.write(lambda tx: tx.run("DELETE FROM users WHERE username = 'ann'"))
    failures = await house.read(auth_log.list_failures, "2026-01-01 00:00:00")
    assert [(f.username, f.remote_addr, f.count) for f in failures] == [(ANN, CAFE, 5)]
    assert {attempt.user_id for attempt in await house.read(auth_log.list)} == {None}
