"""Clients log in with every request: what that costs, what the log tells, and how soon a change counts."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mailserver.auth.authenticator import Authenticator
from mailserver.auth.passwords import Passwords, Verdict
from mailserver.dav.logins import REMEMBERED_SECONDS, Logins
from mailserver.errors import AuthenticationFailed, PrivacyRequired
from mailserver.store import auth_log, users
from mailserver.store.store import Store
from tests.dialogues.dav_world import ANN, AUTH, PASSWORD, STORE, not_random, prepare
from tests.fakes import FakeClock

PEER, OTHER = "192.0.2.1", "192.0.2.2"
BASIC = "Basic YW5uQGV4YW1wbGUudGVzdDpjb3JyZWN0IGhvcnNl"  # ann@example.test:correct horse
WRONG = "Basic YW5uQGV4YW1wbGUudGVzdDp3cm9uZw=="


class Counting(Passwords):
    """Counts the hashes it computes."""

    verified = 0

    async def verify(self, stored: str, password: str) -> Verdict:
        self.verified += 1
        return await super().verify(stored, password)


class World:
    def __init__(self, store: Store, clock: FakeClock, passwords: Counting, logins: Logins) -> None:
        self.store = store
        self.clock = clock
        self.passwords = passwords
        self.logins = logins

    async def log_in(self, peer: str = PEER, authorization: str = BASIC) -> str:
        return (await self.logins.log_in(authorization, peer, private=True)).address


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    await prepare(tmp_path / "data")
    clock = FakeClock()
    async with await Store.open(tmp_path / "data", clock, config=STORE) as store:
        passwords = Counting(AUTH)
        authenticator = await Authenticator.open(store, clock, AUTH, b"s" * 32, passwords, not_random)
        passwords.verified = 0
        logins = Logins(store, authenticator, b"k" * 32, AUTH.cache_seconds, allow_plain_auth=False)
        yield World(store, clock, passwords, logins)
        await logins.close()
        await authenticator.close()


async def rows(world: World) -> list[tuple[str, bool]]:
    await asyncio.sleep(0)
    while not (listed := await world.store.read(auth_log.list)):
        await asyncio.sleep(0)
    return [(row.remote_addr, row.success) for row in listed]


async def test_five_hundred_requests_cost_one_hash_and_one_line_of_the_log(world: World) -> None:
    for _ in range(480):
        assert await world.log_in() == ANN
    assert await asyncio.gather(*(world.log_in() for _ in range(20))) == [ANN] * 20
    assert world.passwords.verified == 1
    assert await rows(world) == [(PEER, True)]


async def test_requests_at_the_same_moment_share_one_hash_and_one_line(world: World) -> None:
    assert await asyncio.gather(*(world.log_in() for _ in range(50))) == [ANN] * 50
    assert world.passwords.verified == 1
    assert await rows(world) == [(PEER, True)]


async def test_another_place_and_later_are_lines_of_their_own_without_another_hash(world: World) -> None:
    await world.log_in()
    await world.log_in(OTHER)
    await world.clock.advance(REMEMBERED_SECONDS + 1)
    await world.log_in()
    while len(await rows(world)) < 3:
        await asyncio.sleep(0)
    assert await rows(world) == [(PEER, True), (OTHER, True), (PEER, True)]
    assert world.passwords.verified == 1


async def test_every_failure_is_a_line(world: World) -> None:
    for _ in range(3):
        with pytest.raises(AuthenticationFailed):
            await world.log_in(authorization=WRONG)
    while len(await rows(world)) < 3:
        await asyncio.sleep(0)
    assert await rows(world) == [(PEER, False)] * 3


async def test_a_disabled_account_is_out_with_the_next_request(world: World) -> None:
    await world.log_in()
    await world.store.write(users.set_active, ANN, False)
    with pytest.raises(AuthenticationFailed):
        await world.log_in()
    await world.store.write(users.set_active, ANN, True)
    assert await world.log_in() == ANN


async def test_a_login_that_was_under_way_when_its_account_changed_is_not_remembered(world: World) -> None:
    under_way = asyncio.create_task(world.log_in())
    await asyncio.sleep(0)
    await world.store.write(users.set_active, ANN, False)
    await asyncio.gather(under_way, return_exceptions=True)
    with pytest.raises(AuthenticationFailed):
        await world.log_in()


async def test_nothing_is_remembered_where_the_configuration_says_so(world: World) -> None:
    world.logins.reconfigure(0, allow_plain_auth=False)
    await world.log_in()
    await world.log_in()
    while len(await rows(world)) < 2:
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("peer", "allowed"), [("127.0.0.1", True), ("::1", True), ("::ffff:127.0.0.1", True), (PEER, False)]
)
async def test_without_tls_only_programs_on_this_machine_may_log_in_where_that_is_allowed(
    world: World, peer: str, allowed: bool
) -> None:
    with pytest.raises(PrivacyRequired):
        await world.logins.log_in(BASIC, peer, private=False)
    world.logins.reconfigure(600, allow_plain_auth=True)
    if allowed:
        assert (await world.logins.log_in(BASIC, peer, private=False)).address == ANN
    else:
        with pytest.raises(PrivacyRequired):
            await world.logins.log_in(BASIC, peer, private=False)


def test_the_password_is_in_nothing_that_is_printed() -> None:
    from mailserver.dav.wire import basic

    assert PASSWORD not in repr(basic.parse(BASIC))
