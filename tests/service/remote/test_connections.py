"""Connections that are kept: few for many messages, never a stale one, none left behind."""

import asyncio

import pytest

from mailserver.clock import SystemClock
from mailserver.config.tree import TlsMode
from mailserver.outbound_tls.certificates import Authorities
from mailserver.outbound_tls.policy import HostPolicy, Level, TlsPolicies
from mailserver.remote import connections
from mailserver.remote.connections import Connections
from mailserver.remote.consignment import Verdict
from mailserver.remote.target import Target
from mailserver.store import domains, relays
from tests.authority import self_signed
from tests.service.remote.conftest import BOB, HOSTNAME, SHORT, World
from tests.sinks import DROP, Last, Sink


async def test_a_hundred_messages_need_one_connection(world: World) -> None:
    async with Sink(tls=self_signed("mx.example.net").server_context()) as sink:
        world.sink_at(sink)
        remote = world.remote()
        for _ in range(connections.MAX_MESSAGES):
            assert (await world.send_one(remote=remote)).verdict is Verdict.DELIVERED
        assert len(sink.visits) == 1
        assert sink.visits[0].verbs[-5:] == ["RCPT", "DATA", "MAIL", "RCPT", "DATA"]
        await world.send_one(remote=remote)
        assert len(sink.visits) == 2, "and no more than that over one"
    assert all(message.tls for message in sink.messages)


async def test_messages_at_once_have_connections_of_their_own_and_later_ones_share_them(world: World) -> None:
    async with Sink() as sink:
        world.sink_at(sink)
        remote = world.remote()
        for _ in range(3):
            results = await asyncio.gather(*(world.send_one(remote=remote) for _ in range(4)))
            assert {result.verdict for result in results} == {Verdict.DELIVERED}
        assert len(sink.visits) <= 4
        assert len(sink.messages) == 12


@pytest.mark.parametrize(
    "stale",
    [
        {"RCPT": [None, DROP, None]},
        {"RCPT": [None, Last("421 4.4.2 too long"), None]},
        {"DATA": [None, DROP, None]},
        {"MAIL": [None, Last("421 4.7.0 too many messages"), None]},
        {"MAIL": [None, "451 4.7.0 too many messages", None]},
        {"MAIL": [None, DROP, None]},
    ],
)
async def test_a_connection_that_went_stale_is_replaced(world: World, stale: dict[str, object]) -> None:
    async with Sink(at=stale) as sink:
        world.sink_at(sink)
        remote = world.remote()
        assert (await world.send_one(remote=remote)).verdict is Verdict.DELIVERED
        assert (await world.send_one(remote=remote)).verdict is Verdict.DELIVERED
        assert len(sink.visits) == 2
    assert world.gates.failures == [], "an idle connection may go"


async def test_the_gate_hears_that_no_connection_was_needed(world: World) -> None:
    async with Sink() as sink:
        world.sink_at(sink)
        remote = world.remote()
        for _ in range(3):
            await world.send_one(remote=remote)
    assert (len(world.gates.entered), world.gates.went_on_times) == (3, 2)


async def test_what_idles_longest_makes_room_for_what_was_used_last() -> None:
    kept = Connections(TlsPolicies(SystemClock(), Authorities([])), HOSTNAME, SHORT, max_idle=1)
    policy = HostPolicy(Level.OPPORTUNISTIC, (), "opportunistic")
    async with Sink() as sink:
        one, other = (Target(host, sink.address, sink.port, TlsMode.STARTTLS, policy) for host in ("mx1", "mx2"))
        for target in (one, other):
            kept.give_back(await kept.open(target))
        await sink.until(lambda: sink.now_open == 1)
        assert sink.visits[0].verbs[-1] == "QUIT"
        assert kept.reuse(one) is None
        again = kept.reuse(other)
        assert again is not None and len(sink.visits) == 2
        kept.give_back(again)
        await kept.close()


async def test_a_server_that_hung_up_meanwhile_is_noticed(world: World) -> None:
    async with Sink() as sink:
        world.sink_at(sink)
        remote = world.remote()
        await world.send_one(remote=remote)
        await sink.close()
        async with Sink(port=sink.port) as again:
            assert (await world.send_one(remote=remote)).verdict is Verdict.DELIVERED
            assert len(again.messages) == 1


async def test_what_differs_is_not_shared(world: World) -> None:
    """Source address, destination host and demands: each a connection of its own."""
    domain = await world.store.write(domains.add, "example.test")
    await world.store.write(relays.set_sources, "example.test", "127.0.0.77", None)
    async with Sink(tls=self_signed("mx.example.net").server_context()) as sink:
        world.sink_at(sink)
        remote = world.remote()
        await world.send_one(remote=remote)
        await world.send_one(remote=remote, domain_id=domain.id)
        assert [visit.source for visit in sink.visits] == ["127.0.0.1", "127.0.0.77"]


async def test_idle_connections_end_by_themselves_and_with_the_server(world: World) -> None:
    async with Sink() as sink:
        world.sink_at(sink)
        remote = world.remote()
        remote._connections._idle_seconds = 0.05
        await world.send_one(remote=remote)
        await sink.until(lambda: sink.now_open == 0)
        assert sink.visits[0].verbs[-1] == "QUIT"
        remote._connections._idle_seconds = 60.0
        await world.send_one(remote=remote)
        assert sink.now_open == 1
        await remote.close()
        await sink.until(lambda: sink.now_open == 0)
        assert sink.visits[1].verbs[-1] == "QUIT"
        assert (await world.send_one(remote=remote)).verdict is Verdict.DELIVERED, "sending goes on, keeping does not"
        await sink.until(lambda: sink.now_open == 0)


async def test_the_number_of_messages_a_server_tells_is_kept(world: World) -> None:
    async with Sink(extensions=("LIMITS MAILMAX=2",)) as sink:
        world.sink_at(sink)
        remote = world.remote()
        for _ in range(4):
            await world.send_one(remote=remote)
        assert len(sink.visits) == 2


async def test_refused_recipients_do_not_spoil_the_next_message(world: World) -> None:
    async with Sink(at={"RCPT": ["550 5.1.1 no", None]}) as sink:
        world.sink_at(sink)
        remote = world.remote()
        assert (await world.send_one(remote=remote)).verdict is Verdict.FAILED
        assert (await world.send_one(remote=remote)).verdict is Verdict.DELIVERED
        assert len(sink.visits) == 1


async def test_listeners_hear_only_their_own_message(world: World) -> None:
    async with Sink() as sink:
        world.sink_at(sink)
        remote = world.remote()
        await world.send_one(remote=remote)
        world.conversation.clear()
        await remote.carry(await world.consignment(BOB))
        assert world.conversation == []
        await world.send_one(remote=remote)
        assert any("Going on with the connection" in line for line in world.said())
