"""Failed logins hold up strangers, and never the account's own clients."""

import asyncio

import pytest

from mailserver.auth.throttle import MAX_AT_ONCE, MAX_BLOCK_SECONDS, MAX_WAITING, Throttle, network_of
from mailserver.config.tree import AuthConfig
from mailserver.errors import AuthenticationDelayed
from tests.fakes import FakeClock

ANN, BOB = "ann@example.test", "bob@example.test"
HOME, CAFE = "192.0.2.1", "198.51.100.7"
CONFIG = AuthConfig()  # 5 per address, 20 per account, in 15 minutes; blocked for 30


@pytest.fixture
def throttle(clock: FakeClock) -> Throttle:
    return Throttle(clock, CONFIG)


def fail(throttle: Throttle, account: str, address: str, times: int, start: int = 0) -> None:
    for number in range(start, start + times):
        throttle.failed(account, address, b"guess %d of %s" % (number, address.encode()))


def is_held_up(throttle: Throttle, account: str, address: str) -> bool:
    try:
        throttle.check(account, address)
    except AuthenticationDelayed:
        return True
    return False


async def test_five_failures_block_an_address_for_half_an_hour(throttle: Throttle, clock: FakeClock) -> None:
    fail(throttle, ANN, CAFE, 4)
    assert not is_held_up(throttle, ANN, CAFE)
    fail(throttle, ANN, CAFE, 1, start=4)
    assert is_held_up(throttle, ANN, CAFE)
    assert is_held_up(throttle, BOB, CAFE)  # whatever it tries
    assert not is_held_up(throttle, ANN, HOME)
    await clock.advance(1799)
    assert is_held_up(throttle, ANN, CAFE)
    await clock.advance(1)
    assert not is_held_up(throttle, ANN, CAFE)


async def test_failures_outside_the_window_do_not_count(throttle: Throttle, clock: FakeClock) -> None:
    for number in range(20):
        throttle.failed(ANN, CAFE, b"%d" % number)
        await clock.advance(226)  # four in a quarter of an hour
        assert not is_held_up(throttle, ANN, CAFE)


async def test_each_block_is_twice_as_long_up_to_a_day(throttle: Throttle, clock: FakeClock) -> None:
    lengths = []
    for block in range(8):
        fail(throttle, ANN, CAFE, 5, start=10 * block)
        start = clock.monotonic()
        while is_held_up(throttle, ANN, CAFE):
            await clock.advance(600)
        lengths.append(clock.monotonic() - start)
    assert lengths == [1800, 3600, 7200, 14400, 28800, 57600, MAX_BLOCK_SECONDS, MAX_BLOCK_SECONDS]


async def test_a_quiet_day_forgives(throttle: Throttle, clock: FakeClock) -> None:
    for block in range(3):
        fail(throttle, ANN, CAFE, 5, start=10 * block)
        await clock.advance(7200)
    await clock.advance(86_400)
    fail(throttle, ANN, CAFE, 5, start=100)
    await clock.advance(1800)
    assert not is_held_up(throttle, ANN, CAFE)


async def test_many_addresses_block_the_account_for_strangers(throttle: Throttle) -> None:
    for number in range(20):
        fail(throttle, ANN, f"203.0.113.{number}", 1)
    assert is_held_up(throttle, ANN, CAFE)
    assert not is_held_up(throttle, BOB, CAFE)


async def test_a_client_that_logged_in_before_is_not_held_up_by_others(throttle: Throttle) -> None:
    throttle.succeeded(ANN, HOME)
    for number in range(200):
        fail(throttle, ANN, f"203.0.113.{number}", 5)
    fail(throttle, BOB, HOME, 20)  # the same network, another account
    assert is_held_up(throttle, ANN, CAFE)
    assert is_held_up(throttle, BOB, HOME)
    assert not is_held_up(throttle, ANN, HOME)


async def test_a_known_client_has_more_tries_but_not_endless_ones(throttle: Throttle, clock: FakeClock) -> None:
    throttle.succeeded(ANN, HOME)
    fail(throttle, ANN, HOME, 19)
    assert not is_held_up(throttle, ANN, HOME)
    fail(throttle, ANN, HOME, 1, start=19)
    assert is_held_up(throttle, ANN, HOME)
    assert not is_held_up(throttle, ANN, CAFE)  # its failures are its own
    await clock.advance(1800)
    throttle.succeeded(ANN, HOME)
    assert not is_held_up(throttle, ANN, HOME)


async def test_one_wrong_password_for_ever_counts_once(throttle: Throttle, clock: FakeClock) -> None:
    for _ in range(1000):
        throttle.failed(ANN, CAFE, b"the old password")
        assert throttle.is_repeat(ANN, CAFE, b"the old password")
        await clock.advance(60)
    assert not is_held_up(throttle, ANN, CAFE)
    assert not throttle.is_repeat(ANN, CAFE, b"another")
    assert not throttle.is_repeat(ANN, HOME, b"the old password")
    await clock.advance(900)
    assert not throttle.is_repeat(ANN, CAFE, b"the old password")  # outside the window it is looked at again


async def test_logins_of_one_network_wait_for_each_other_and_for_nobody_else(throttle: Throttle) -> None:
    throttle.succeeded(BOB, CAFE)
    working: list[str] = []
    done = asyncio.Event()

    async def log_in(account: str, address: str) -> None:
        async with throttle.turn(account, address):
            working.append(account)
            await done.wait()

    tasks = [asyncio.create_task(log_in(ANN, CAFE)) for _ in range(MAX_AT_ONCE + MAX_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(AuthenticationDelayed):
        await log_in(ANN, CAFE)
    tasks += [asyncio.create_task(log_in(BOB, CAFE)), asyncio.create_task(log_in("others", HOME))]
    await asyncio.sleep(0)
    assert working == [ANN] * MAX_AT_ONCE + [BOB, "others"]
    done.set()
    await asyncio.gather(*tasks)
    assert working.count(ANN) == MAX_AT_ONCE + MAX_WAITING
    assert throttle._gates == {}


async def test_memory_is_bounded_and_the_longest_untouched_goes_first(clock: FakeClock) -> None:
    throttle = Throttle(clock, CONFIG, max_tracked=100)
    fail(throttle, ANN, CAFE, 5)
    for number in range(99):
        fail(throttle, f"user{number}@example.test", f"2001:db8:{number:x}::1", 1)
    assert is_held_up(throttle, BOB, CAFE)
    for number in range(99, 300):
        fail(throttle, f"user{number}@example.test", f"2001:db8:{number:x}::1", 1)
    assert not is_held_up(throttle, BOB, CAFE)
    assert len(throttle._networks) == len(throttle._accounts) == len(throttle._pairs) == 100


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("unix", "unix"),
    ],
)
def test_a_network_is_an_ipv4_address_or_an_ipv6_64(address: str, network: str) -> None:
    assert network_of(address) == network
