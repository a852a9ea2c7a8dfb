"""Password hashes: which are right, which must be made anew, which can not be read."""

import asyncio
import base64

import pytest
from argon2.low_level import Type, hash_secret_raw

from mailserver.auth import passwords
from mailserver.auth.passwords import Hasher, Passwords, Verdict, is_hash
from mailserver.config.tree import AuthConfig
from mailserver.errors import AuthenticationDelayed, BadValue

LIGHT = AuthConfig(argon2_memory_kib=64, argon2_time_cost=1, argon2_parallelism=1)


def hashed_by_an_old_server(password: str, time_cost: int = 1) -> str:
    """The first design's form: base64 with its padding."""
    salt = b"sixteen octets.."
    raw = hash_secret_raw(password.encode(), salt, time_cost, 64, 1, 32, Type.ID)
    return f"$argon2id$v=19$m=64,t={time_cost},p=1${base64.b64encode(salt).decode()}${base64.b64encode(raw).decode()}"


def test_what_was_hashed_verifies() -> None:
    hasher = Hasher(LIGHT)
    stored = hasher.hash("correct horse")
    assert stored.startswith("$argon2id$v=19$m=64,t=1,p=1$")
    assert hasher.verify(stored, "correct horse") is Verdict.RIGHT
    assert hasher.verify(stored, "Correct horse") is Verdict.WRONG


def test_padding_of_an_old_database_is_accepted_and_to_be_replaced() -> None:
    stored = hashed_by_an_old_server("secret")
    assert stored.endswith("=")
    assert is_hash(stored)
    assert Hasher(LIGHT).verify(stored, "secret") is Verdict.OUTDATED
    assert Hasher(LIGHT).verify(stored, "wrong") is Verdict.WRONG


def test_weaker_parameters_are_to_be_replaced() -> None:
    stored = Hasher(LIGHT).hash("secret")
    assert Hasher(AuthConfig(argon2_memory_kib=64, argon2_parallelism=1)).verify(stored, "secret") is Verdict.OUTDATED


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "secret",
        "$2b$12$abc",
        "$argon2i$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$aGFzaA",
        "$argon2id$unused",
        "$argon2id$v=19$m=64,t=1,p=1$",
    ],
)
def test_what_is_no_argon2id_hash_is_told_apart(stored: str) -> None:
    assert Hasher(LIGHT).verify(stored, "secret") is Verdict.UNREADABLE
    assert not is_hash(stored)


def test_one_password_typed_on_two_keyboards_is_the_same() -> None:
    stored = Hasher(LIGHT).hash("Stra\u00dfe \u00e9")
    assert Hasher(LIGHT).verify(stored, "Stra\u00dfe e\u0301") is Verdict.RIGHT


@pytest.mark.parametrize(
    ("password", "good"), [("1234567", False), ("12345678", True), ("é" * 512, True), ("é" * 513, False)]
)
def test_a_new_password_has_a_length(password: str, good: bool) -> None:
    if good:
        Hasher(LIGHT).hash_new(password)
    else:
        with pytest.raises(BadValue):
            Hasher(LIGHT).hash_new(password)


class CountingHasher(Hasher):
    """Counts how many hashes are computed, and how many at once."""

    def __init__(self) -> None:
        super().__init__(LIGHT)
        self.now = self.most = self.total = 0

    def verify(self, stored: str, password: str) -> Verdict:
        self.now += 1
        self.total += 1
        self.most = max(self.most, self.now)
        try:
            return super().verify(stored, password)
        finally:
            self.now -= 1


async def test_only_so_many_hashes_are_computed_at_once_and_so_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "MAX_WAITING", 10)
    hasher = CountingHasher()
    pool = Passwords(LIGHT, hasher)
    stored = hasher.hash("secret")

    async def log_in() -> Verdict:
        async with pool.turn():
            return await pool.verify(stored, "secret")

    outcomes = await asyncio.gather(*(log_in() for _ in range(30)), return_exceptions=True)
    pool.close()
    assert outcomes.count(Verdict.RIGHT) == hasher.total
    assert sum(isinstance(outcome, AuthenticationDelayed) for outcome in outcomes) == 30 - hasher.total
    assert hasher.total == 12  # two at once and ten that wait
    assert hasher.most <= LIGHT.hash_threads


async def test_a_client_that_hangs_up_does_not_free_its_turn_early() -> None:
    hasher = CountingHasher()
    pool = Passwords(
        AuthConfig(argon2_memory_kib=4096, argon2_time_cost=2, argon2_parallelism=1, hash_threads=1), hasher
    )
    stored = hasher.hash("secret")

    async def log_in() -> None:
        async with pool.turn():
            await pool.verify(stored, "secret")

    for _ in range(5):
        hasty = asyncio.create_task(log_in())
        await asyncio.sleep(0)
        hasty.cancel()
    await asyncio.gather(log_in(), log_in())
    pool.close()
    assert hasher.most == 1
