"""Gates of the way out: how many go at once, who is left alone, who is slowed down, and how that ends."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from mailserver.config.tree import QueueConfig
from mailserver.queue import lanes as module
from mailserver.queue.breaker import Circuit
from mailserver.queue.lanes import BUSY_SECONDS, PATIENCE_SECONDS, PROBE_SECONDS, Lanes
from mailserver.remote.consignment import GateClosed
from tests.fakes import START, TURNS, FakeClock

MX = "mx.far.example"
START_MS = int(START.timestamp() * 1000)


@pytest.fixture
def lanes(clock: FakeClock) -> Lanes:
    return Lanes(clock, QueueConfig(max_connections_per_host=2))


async def visit(lanes: Lanes, *replies: tuple[int, str], host: str = MX, failure: str = "") -> None:
    async with lanes.enter(host) as visit:
        for code, text in replies:
            visit.answered(code, text)
        if failure:
            visit.connection_failed(failure)


async def standing() -> None:
    """Until whoever was just started stands before the gate."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def closed(lanes: Lanes, host: str = MX) -> GateClosed:
    with pytest.raises(GateClosed) as caught:
        await visit(lanes, host=host)
    return caught.value


async def test_no_more_than_allowed_are_inside_and_the_next_enters_when_one_leaves(
    lanes: Lanes, clock: FakeClock
) -> None:
    async with AsyncExitStack() as inside:
        await inside.enter_async_context(lanes.enter(MX))
        async with lanes.enter(MX):
            waiting = asyncio.create_task(visit(lanes))
            other = asyncio.create_task(visit(lanes, host="mx.other.example"))
            await other
            assert not waiting.done()
        await asyncio.wait_for(waiting, 10)


async def test_who_waits_too_long_is_told_to_come_back(lanes: Lanes, clock: FakeClock) -> None:
    async with lanes.enter(MX), lanes.enter(MX):
        waiting = asyncio.create_task(closed(lanes))
        await standing()
        await clock.advance(PATIENCE_SECONDS)
        told = await asyncio.wait_for(waiting, 10)
    assert told.until_ms == START_MS + int((PATIENCE_SECONDS + BUSY_SECONDS) * 1000)
    assert told.reason == "mx.far.example: all connections to it are taken"


async def test_a_crowd_does_not_wait_at_one_gate(lanes: Lanes, clock: FakeClock) -> None:
    async with lanes.enter(MX), lanes.enter(MX):
        crowd = [asyncio.create_task(visit(lanes)) for _ in range(2 * module.WAITING)]
        await standing()
        assert (await closed(lanes)).until_ms == START_MS + int(BUSY_SECONDS * 1000)
    await asyncio.wait_for(asyncio.gather(*crowd), 10)


async def test_a_minutes_worth_of_connections_may_come_at_once_and_then_as_time_goes(clock: FakeClock) -> None:
    lanes = Lanes(clock, QueueConfig(max_rate_per_host=3))
    for _ in range(3):
        await visit(lanes)
    told = await closed(lanes)
    assert told.until_ms == START_MS + 20_000
    assert told.reason == "mx.far.example: its rate of connections is reached"
    await clock.advance(20)
    await visit(lanes)
    await closed(lanes)
    await clock.advance(3600)
    for _ in range(3):
        await visit(lanes)
    await closed(lanes)


async def test_going_on_with_a_connection_costs_nothing_of_the_rate(clock: FakeClock) -> None:
    lanes = Lanes(clock, QueueConfig(max_rate_per_host=3))
    for _ in range(50):
        async with lanes.enter(MX) as kept:
            kept.went_on()
    for _ in range(3):
        await visit(lanes)
    await closed(lanes)


async def test_five_failures_close_the_gate_for_five_minutes_and_two_successes_open_it(
    lanes: Lanes, clock: FakeClock
) -> None:
    for _ in range(5):
        await visit(lanes, failure="connection timed out")
    told = await closed(lanes)
    assert told.until_ms == START_MS + 300_000
    assert told.reason == "mx.far.example failed repeatedly: connection timed out"
    await visit(lanes, host="mx2.far.example")  # another host of the same provider is not to blame
    await clock.advance(300)
    async with lanes.enter(MX) as probe:
        told = await closed(lanes)  # one at a time
        assert told.until_ms == START_MS + 300_000 + int(PROBE_SECONDS * 1000)
        probe.answered(250, "taken")
    await visit(lanes, (250, "taken"))
    async with lanes.enter(MX), lanes.enter(MX):
        assert [lane.circuit for lane in lanes.state()] == [Circuit.CLOSED]


async def test_bad_addresses_close_nothing_and_neither_does_one_full_mailbox(lanes: Lanes) -> None:
    for _ in range(20):
        await visit(lanes, (250, "hello"), (550, "5.1.1 no such user"))
        await visit(lanes, (250, "hello"), (452, "4.2.2 mailbox full"))
        await visit(lanes, (554, "5.7.1 go away"))
    await visit(lanes)


async def test_the_last_reply_decides(lanes: Lanes) -> None:
    for _ in range(20):
        await visit(lanes, (451, "4.3.0 one recipient later"), (250, "taken"))
    await visit(lanes)


async def test_a_visit_without_any_answer_says_nothing_about_the_host(lanes: Lanes) -> None:
    for _ in range(4):
        await visit(lanes, failure="reset")
    await visit(lanes)
    await visit(lanes, failure="reset")
    await closed(lanes)


async def test_a_provider_that_complains_gets_fewer_connections_and_more_time_on_all_its_hosts(
    lanes: Lanes, clock: FakeClock
) -> None:
    words = "4.7.28 unusual rate of mail"
    for _ in range(3):
        await visit(lanes, (421, words), host="mx1.far.example")
        await clock.advance(15)
    await visit(lanes, (421, words), host="mx1.far.example")
    told = await closed(lanes, host="mx2.far.example")
    assert told.until_ms == int(clock.now().timestamp() * 1000) + 60_000
    assert told.reason == f"mx2.far.example asked for slower sending: 421 {words}"
    await visit(lanes, host="mx.other.example")
    assert {(lane.host, lane.pace) for lane in lanes.state()} == {
        ("mx1.far.example", 4),
        ("mx2.far.example", 4),
    }
    await clock.advance(60)
    async with lanes.enter("mx2.far.example"):  # one connection to all of them
        waiting = asyncio.create_task(closed(lanes, host="mx1.far.example"))
        await standing()
        await clock.advance(PATIENCE_SECONDS)
        assert "asked for slower sending" in (await asyncio.wait_for(waiting, 10)).reason
    await clock.advance(5 * 600)
    await asyncio.gather(*(visit(lanes, host="mx1.far.example") for _ in range(4)))
    assert lanes.state() == []


async def test_what_stands_before_a_gate_can_be_called_off(lanes: Lanes) -> None:
    async with lanes.enter(MX), lanes.enter(MX):
        waiting = asyncio.create_task(visit(lanes))
        await standing()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    async with lanes.enter(MX), lanes.enter(MX):
        assert [lane.connections for lane in lanes.state()] == [2]


async def test_a_connection_that_ends_in_a_fault_gives_its_place_back(lanes: Lanes) -> None:
    for _ in range(5):
        with pytest.raises(RuntimeError):
            async with lanes.enter(MX):
                raise RuntimeError("a bug")
    assert lanes.state() == []


async def test_only_so_many_hosts_are_remembered(lanes: Lanes, clock: FakeClock) -> None:
    for _ in range(5):
        await visit(lanes, failure="timeout")
    async with lanes.enter("mx.kept.example"):
        for number in range(module.MAX_LANES):
            await visit(lanes, host=f"mx{number}.host{number}.example")
        assert [lane.host for lane in lanes.state()] == ["mx.kept.example"], "in use is not forgotten"
    await visit(lanes)  # the oldest was


async def test_changed_limits_hold_from_the_next_connection_on(lanes: Lanes) -> None:
    lanes.reconfigure(QueueConfig(max_connections_per_host=3))
    async with lanes.enter(MX), lanes.enter(MX), lanes.enter(MX):
        assert [lane.connections for lane in lanes.state()] == [3]
