"""SCRAM keys and access tokens against a real store: who gets in with what, and what the log says."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import cache

import pytest

from mailserver.auth import new_passwords, tokens
from mailserver.auth.account import Account
from mailserver.auth.authenticator import Authenticator
from mailserver.auth.live_sessions import LiveSessions
from mailserver.auth.passwords import Hasher
from mailserver.auth.sasl import scram
from mailserver.auth.sasl.exchange import Exchange
from mailserver.auth.sasl.mechanisms import MECHANISMS, offered
from mailserver.config.tree import AuthConfig
from mailserver.errors import (
    AlreadyThere,
    AuthenticationDelayed,
    AuthenticationFailed,
    BadValue,
    LimitReached,
    NoSuchToken,
    NoSuchUser,
)
from mailserver.store import auth_log, domains, scram_keys, users
from mailserver.store import tokens as token_rows
from mailserver.store.database import Tx
from mailserver.store.store import Store
from tests.fakes import FakeClock

LIGHT = AuthConfig(argon2_memory_kib=64, argon2_time_cost=1, argon2_parallelism=1)
HOME, CAFE = "192.0.2.1", "198.51.100.7"
ANN, PASSWORD = "ann@example.test", "correct horse"
OLD = "old@example.test"  # an account from before SCRAM
DAY = 86_400_000


def random(octets: int) -> bytes:
    random.calls += 1  # type: ignore[attr-defined]
    return hashlib.sha256(str(random.calls).encode()).digest()[:octets]  # type: ignore[attr-defined]


random.calls = 0  # type: ignore[attr-defined]


@pytest.fixture
async def house(store: Store) -> Store:
    await store.write(domains.add, "example.test")
    new = await new_passwords.prepare(store, LIGHT, "Ann@Example.test", PASSWORD, random)
    await store.write(users.add, ANN, new.hash, scram=new.scram)
    return store


@pytest.fixture
async def door(house: Store, clock: FakeClock) -> AsyncIterator[Authenticator]:
    authenticator = await Authenticator.open(house, clock, LIGHT, b"s" * 32, random=random)
    yield authenticator
    await authenticator.close()


@cache
def client_key(password: str, salt: bytes, iterations: int) -> bytes:
    """As clients keep it, RFC 5802 §5.1."""
    return hmac.digest(hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations), b"Client Key", "sha256")


class ScramClient:
    """What mutt and mbsync do, in the few lines it takes."""

    def __init__(self, username: str, password: str, header: str = "n,,") -> None:
        self.header, self.bare = header.encode(), f"n={username},r=mine".encode()
        self.password = password
        self.salt = b""

    async def ask(self, challenge: bytes) -> bytes:
        if challenge.startswith(b"v="):
            return b""
        nonce, salt, iterations = (part[2:] for part in challenge.split(b","))
        self.salt = base64.b64decode(salt)
        without_proof = b"c=" + base64.b64encode(self.header) + b",r=" + nonce
        message = b",".join((self.bare, challenge, without_proof))
        key = client_key(self.password, self.salt, int(iterations))
        signature = hmac.digest(hashlib.sha256(key).digest(), message, "sha256")
        return without_proof + b",p=" + base64.b64encode(bytes(a ^ b for a, b in zip(key, signature, strict=True)))


async def by_scram(
    door: Authenticator, username: str, password: str, *, protocol: str = "imap", peer: str = HOME, header: str = "n,,"
) -> Account:
    client = ScramClient(username, password, header)
    return await MECHANISMS["SCRAM-SHA-256"](
        Exchange(door, protocol, peer, client.header + client.bare, client.ask, told=offered(door, {}))
    )


async def salt_for(door: Authenticator, username: str) -> bytes:
    client = ScramClient(username, "guess")
    with pytest.raises(AuthenticationFailed):
        await MECHANISMS["SCRAM-SHA-256"](Exchange(door, "imap", CAFE, client.header + client.bare, client.ask))
    return client.salt


async def reasons(store: Store, door: Authenticator) -> list[str | None]:
    """Of all attempts, oldest first; None for those that got in."""
    await door._attempts.close()
    return [attempt.failure_reason for attempt in (await store.read(auth_log.list))[::-1]]


async def settled(door: Authenticator) -> None:
    while door._gate._looking is not None:
        await asyncio.sleep(0.001)


async def make(store: Store, name: str = "Phone", scope: tuple[str, ...] = (), expires_at: int | None = None) -> str:
    return await tokens.make(store, tokens.NewToken(ANN, name, scope, expires_at), random)


# ---- SCRAM ----


@pytest.mark.parametrize("username", [ANN, "Ann@Example.TEST", "ann"])
async def test_a_user_proves_its_password_by_any_spelling_of_its_name(door: Authenticator, username: str) -> None:
    assert (await by_scram(door, username, PASSWORD)).address == ANN


async def test_refusals_are_alike_except_in_the_log(house: Store, door: Authenticator) -> None:
    for username, password in ((ANN, "wrong"), ("nobody@example.test", PASSWORD), ("", "x"), ("a@b@c", "x")):
        with pytest.raises(AuthenticationFailed) as refused:
            await by_scram(door, username or "=2C", password, peer=f"203.0.113.{len(username)}")
        assert refused.value.text == AuthenticationFailed.text
    with pytest.raises(AuthenticationFailed):
        await by_scram(door, ANN, PASSWORD, header="n,a=bob@example.test,")
    await house.write(users.set_active, ANN, False)
    with pytest.raises(AuthenticationFailed):
        await by_scram(door, ANN, PASSWORD)
    assert await reasons(house, door) == [
        "wrong password", "unknown user", "unknown user", "unknown user", "wants to act as somebody else", "disabled",
    ]  # fmt: skip


async def test_asking_before_and_after_an_account_is_made_tells_nothing(house: Store, door: Authenticator) -> None:
    before = [await salt_for(door, "eve@example.test"), await salt_for(door, "eve@example.test")]
    new = await new_passwords.prepare(house, LIGHT, "eve@example.test", "eves password", random)
    await house.write(users.add, "eve@example.test", new.hash, scram=new.scram)
    assert {*before, await salt_for(door, "EVE@example.test")} == {before[0]}


async def test_wrong_proofs_hold_up_a_stranger_as_wrong_passwords_do(house: Store, door: Authenticator) -> None:
    for number in range(LIGHT.failures_per_address):
        with pytest.raises(AuthenticationFailed):
            await by_scram(door, ANN, f"guess {number}", peer=CAFE)
    with pytest.raises(AuthenticationDelayed):
        await by_scram(door, ANN, PASSWORD, peer=CAFE)
    with pytest.raises(AuthenticationDelayed):
        await door.authenticate(ANN, PASSWORD, protocol="imap", peer=CAFE)
    assert (await by_scram(door, ANN, PASSWORD, peer=HOME)).address == ANN
    assert (await reasons(house, door))[-3:] == ["throttled", "throttled", None]


async def test_guesses_of_many_exchanges_at_once_are_counted_all(door: Authenticator) -> None:
    """Each began before any failed."""
    guesses = [by_scram(door, ANN, f"guess {number}", peer=CAFE) for number in range(20)]
    outcomes = [type(outcome) for outcome in await asyncio.gather(*guesses, return_exceptions=True)]
    assert outcomes.count(AuthenticationFailed) == LIGHT.failures_per_address
    assert outcomes.count(AuthenticationDelayed) == 20 - LIGHT.failures_per_address


async def test_a_device_with_the_former_password_does_not_lock_its_owner_out(house: Store, door: Authenticator) -> None:
    new = await new_passwords.prepare(house, LIGHT, ANN, "battery staple", random)
    await house.write(users.set_password, ANN, new.hash, new.scram)
    for _ in range(3 * LIGHT.failures_per_account):
        with pytest.raises(AuthenticationFailed):
            await by_scram(door, ANN, PASSWORD)
    assert (await by_scram(door, ANN, "battery staple")).address == ANN
    assert {*(await reasons(house, door))[:-1]} == {"former password"}


async def test_a_new_password_without_keys_leaves_the_old_ones_useless(house: Store, door: Authenticator) -> None:
    await house.write(users.set_password, ANN, Hasher(LIGHT).hash("battery staple"))
    with pytest.raises(AuthenticationFailed):
        await by_scram(door, ANN, PASSWORD)
    await settled(door)
    assert not door.offers_scram


async def test_scram_is_offered_when_every_account_has_keys_and_not_before(house: Store, door: Authenticator) -> None:
    assert door.offers_scram
    await house.write(users.add, OLD, Hasher(LIGHT).hash("old password"))
    await settled(door)
    assert not door.offers_scram
    assert "SCRAM-SHA-256" not in offered(door, {})
    with pytest.raises(AuthenticationFailed):
        await by_scram(door, OLD, "old password")
    await door.authenticate(OLD, "old password", protocol="imap", peer=HOME)  # now it is at hand
    await settled(door)
    assert door.offers_scram
    assert (await by_scram(door, OLD, "old password")).address == OLD


async def test_accounts_that_may_not_log_in_are_not_waited_for(house: Store, door: Authenticator) -> None:
    await house.write(users.add, OLD, Hasher(LIGHT).hash("old password"))
    await house.write(users.set_active, OLD, False)
    await settled(door)
    assert door.offers_scram


async def test_a_wrong_password_makes_no_keys(house: Store, door: Authenticator) -> None:
    old = await house.write(users.add, OLD, Hasher(LIGHT).hash("old password"))
    with pytest.raises(AuthenticationFailed):
        await door.authenticate(OLD, "guess", protocol="imap", peer=HOME)
    assert await house.read(scram_keys.find, old.id) is None


async def test_without_scram_no_keys_are_made_and_none_is_offered(house: Store, clock: FakeClock) -> None:
    config = replace(LIGHT, scram=False)
    assert (await new_passwords.prepare(house, config, OLD, "old password", random)).scram is None
    old = await house.write(users.add, OLD, Hasher(LIGHT).hash("old password"))
    door = await Authenticator.open(house, clock, config, b"s" * 32, random=random)
    await door.authenticate(OLD, "old password", protocol="imap", peer=HOME)
    assert not door.offers_scram
    assert await house.read(scram_keys.find, old.id) is None
    await door.close()


async def test_salts_outlive_the_process(house: Store, door: Authenticator, clock: FakeClock) -> None:
    again = await Authenticator.open(house, clock, LIGHT, b"t" * 32, random=random)
    assert await salt_for(again, "nobody@example.test") == await salt_for(door, "nobody@example.test")
    await again.close()


# ---- tokens ----


class Dawdler(ScramClient):
    """Has proved to know the password, and says its last word when something else has happened."""

    def __init__(self, password: str, meanwhile: Callable[[], Awaitable[object]]) -> None:
        super().__init__(ANN, password)
        self._meanwhile = meanwhile

    async def ask(self, challenge: bytes) -> bytes:
        if challenge.startswith(b"v="):
            await self._meanwhile()
        return await super().ask(challenge)


@pytest.mark.parametrize("what", ["password", "account", "token", "end of the token"])
async def test_what_ends_before_the_last_word_lets_nobody_in(
    house: Store, door: Authenticator, clock: FakeClock, what: str
) -> None:
    """A session is judged by what comes after it began: it must not begin with a password that was taken away."""
    new = await new_passwords.prepare(house, LIGHT, ANN, "battery staple", random)
    token = await make(house, expires_at=int(clock.now().timestamp() * 1000) + DAY)

    async def tomorrow() -> None:
        await clock.advance(2 * 86_400)

    happens: dict[str, tuple[str, Callable[[], Awaitable[object]]]] = {
        "password": (PASSWORD, lambda: house.write(users.set_password, ANN, new.hash, new.scram)),
        "account": (PASSWORD, lambda: house.write(users.set_active, ANN, False)),
        "token": (token, lambda: house.write(token_rows.remove, ANN, "Phone")),
        "end of the token": (token, tomorrow),
    }
    secret, meanwhile = happens[what]
    client = Dawdler(secret, meanwhile)
    exchange = Exchange(door, "imap", HOME, client.header + client.bare, client.ask, told=offered(door, {}))
    with pytest.raises(AuthenticationFailed):
        await MECHANISMS["SCRAM-SHA-256"](exchange)
    assert (await reasons(house, door))[-1] == "changed meanwhile"


@pytest.mark.parametrize("way", ["password", "scram", "bearer", "bearer without a name"])
async def test_a_token_lets_in_whatever_way_it_comes(house: Store, door: Authenticator, way: str) -> None:
    token = await make(house)
    ways = {
        "password": lambda: door.authenticate(ANN, token, protocol="smtp", peer=HOME),
        "scram": lambda: by_scram(door, ANN, token),
        "bearer": lambda: door.authenticate_token(ANN, token, protocol="imap", peer=HOME),
        "bearer without a name": lambda: door.authenticate_token("", token, protocol="imap", peer=HOME),
    }
    account = await ways[way]()
    [row] = await house.read(token_rows.list, ANN)
    assert (account.address, account.token_id) == (ANN, row.id)
    await door._attempts.close()
    [row] = await house.read(token_rows.list, ANN)
    assert (row.last_used_from, row.last_used_at is not None) == (HOME, True)


@pytest.mark.parametrize("way", ["password", "scram", "bearer"])
async def test_scope_end_and_account_are_checked(house: Store, door: Authenticator, clock: FakeClock, way: str) -> None:
    now = int(clock.now().timestamp() * 1000)
    narrow, brief = await make(house, "Printer", ("smtp",)), await make(house, "Guest", (), now + DAY)

    async def log_in(token: str, protocol: str, peer: str = HOME) -> Account:
        if way == "scram":
            return await by_scram(door, ANN, token, protocol=protocol, peer=peer)
        if way == "bearer":
            return await door.authenticate_token(ANN, token, protocol=protocol, peer=peer)
        return await door.authenticate(ANN, token, protocol=protocol, peer=peer)

    await log_in(narrow, "smtp")
    await log_in(brief, "imap")
    with pytest.raises(AuthenticationFailed):
        await log_in(narrow, "imap")
    await clock.advance(DAY / 1000)
    with pytest.raises(AuthenticationFailed):
        await log_in(brief, "imap")
    await house.write(users.set_active, ANN, False)
    with pytest.raises(AuthenticationFailed):
        await log_in(narrow, "smtp")
    failed = ["token 'Printer' is not for imap", "token 'Guest' expired", "disabled"]
    assert await reasons(house, door) == [None, None, *failed]


async def test_a_token_is_good_for_its_own_account_only(house: Store, door: Authenticator) -> None:
    token = await make(house)
    new = await new_passwords.prepare(house, LIGHT, "ben@example.test", "bens password", random)
    await house.write(users.add, "ben@example.test", new.hash, scram=new.scram)
    for attempt in (
        door.authenticate("ben@example.test", token, protocol="imap", peer=HOME),
        door.authenticate_token("ben@example.test", token, protocol="imap", peer=HOME),
        by_scram(door, "ben@example.test", token),
        door.authenticate_token("", token[:-1] + "!", protocol="imap", peer=HOME),
    ):
        with pytest.raises(AuthenticationFailed):
            await attempt


async def test_a_removed_token_is_good_for_nothing(house: Store, door: Authenticator) -> None:
    token = await make(house)
    await door.authenticate(ANN, token, protocol="imap", peer=HOME)
    await house.write(token_rows.remove, ANN, "Phone")
    for attempt in (
        door.authenticate(ANN, token, protocol="imap", peer=HOME),
        door.authenticate_token(ANN, token, protocol="imap", peer=HOME),
        by_scram(door, ANN, token),
    ):
        with pytest.raises(AuthenticationFailed):
            await attempt


async def test_a_new_password_leaves_tokens_alone(house: Store, door: Authenticator) -> None:
    token = await make(house)
    new = await new_passwords.prepare(house, LIGHT, ANN, "battery staple", random)
    await house.write(users.set_password, ANN, new.hash, new.scram)
    assert (await door.authenticate(ANN, token, protocol="imap", peer=HOME)).address == ANN
    assert (await by_scram(door, ANN, token)).address == ANN


async def test_the_last_use_is_noted_once_a_minute(house: Store, door: Authenticator, clock: FakeClock) -> None:
    token = await make(house)

    async def used() -> tuple[int | None, str | None]:
        await door._attempts.close()
        [row] = await house.read(token_rows.list, ANN)
        return row.last_used_at, row.last_used_from

    await door.authenticate(ANN, token, protocol="imap", peer=HOME)
    first = await used()
    await clock.advance(59)
    await door.authenticate(ANN, token, protocol="imap", peer=CAFE)
    assert await used() == first
    await clock.advance(1)
    await door.authenticate(ANN, token, protocol="imap", peer=CAFE)
    assert await used() == ((first[0] or 0) + 60_000, CAFE)


async def test_bearer_guesses_hold_up_a_stranger(house: Store, door: Authenticator) -> None:
    token = await make(house)
    for number in range(LIGHT.failures_per_address):
        with pytest.raises(AuthenticationFailed):
            await door.authenticate_token("", f"mst_{number}", protocol="imap", peer=CAFE)
    with pytest.raises(AuthenticationDelayed):
        await door.authenticate_token("", token, protocol="imap", peer=CAFE)


async def test_the_database_holds_nothing_to_log_in_with(house: Store) -> None:
    token = await make(house)
    [row] = await house.read(token_rows.list, ANN)
    assert tokens.is_token(token)
    assert token not in repr(row)
    assert await house.read(token_rows.find, token.encode()) is None
    assert (await house.read(token_rows.find, tokens.hash_of(token))) == row


async def test_what_a_token_can_not_be(house: Store) -> None:
    await make(house)
    for name, scope, refusal in (("Phone", (), AlreadyThere), ("", (), BadValue), ("a\nb", (), BadValue)):
        with pytest.raises(refusal):
            await make(house, name, scope)
    with pytest.raises(BadValue, match="known are imap, smtp, pop3"):
        await make(house, "Fax", ("imap", "fax"))
    with pytest.raises(NoSuchUser):
        await tokens.make(house, tokens.NewToken("nobody@example.test", "x"), random)
    with pytest.raises(NoSuchToken):
        await house.write(token_rows.remove, ANN, "Tablet")


async def test_an_account_has_a_bounded_number_of_tokens(house: Store) -> None:
    keys = scram.make_keys("x", b"salt", 1)

    def fill(tx: Tx) -> None:
        for number in range(token_rows.MAX_TOKENS):
            token_rows.add(tx, ANN, f"token {number}", bytes([number] * 32), keys)

    await house.write(fill)
    with pytest.raises(LimitReached):
        await make(house)


# ---- sessions ----


async def test_sessions_end_with_their_token_and_not_with_another(
    house: Store, door: Authenticator, clock: FakeClock
) -> None:
    now = int(clock.now().timestamp() * 1000)
    live, closed = LiveSessions(house), list[str]()

    async def idle() -> None:
        while live._looking is not None:
            await asyncio.sleep(0.001)

    for name, end in (("Phone", None), ("Tablet", None), ("Guest", now + DAY)):
        account = await door.authenticate(ANN, await make(house, name, (), end), protocol="imap", peer=HOME)
        live.add(account.user_id, lambda name=name: closed.append(name), account.token_id)  # type: ignore[misc]
    live.add(account.user_id, lambda: closed.append("password"))
    await idle()
    await house.write(token_rows.remove, ANN, "Phone")
    await idle()
    assert closed == ["Phone"]
    await clock.advance(DAY / 1000)
    await idle()
    assert closed == ["Phone", "Guest"]
    await house.write(users.set_password, ANN, Hasher(LIGHT).hash("battery staple"))
    await idle()
    assert closed == ["Phone", "Guest", "password"]
    await house.write(users.set_active, ANN, False)
    await idle()
    assert closed == ["Phone", "Guest", "password", "Tablet"]
    await live.close()
