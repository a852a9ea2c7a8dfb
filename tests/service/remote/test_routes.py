"""Where mail goes: MX, addresses, relays; and where it must not go."""

from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from mailserver.remote.consignment import GateClosed, Verdict
from mailserver.remote.dialling import alternating
from mailserver.store import domains, relays
from tests.service.remote.conftest import BOB, HOSTNAME, World
from tests.sinks import DROP, Sink


@pytest.mark.parametrize(
    ("records", "code", "status", "words"),
    [
        ({}, 550, "5.1.2", "does not exist"),
        ({"MX": "0 ."}, 556, "5.1.10", "null MX"),
        ({"TXT": '"nothing else"'}, 550, "5.4.4", "neither MX nor address"),
        ({"MX": "10 nowhere.example.net."}, 550, "5.4.4", "has no address"),
        ({"MX": f"10 {HOSTNAME}."}, 550, "5.4.6", "is this one"),
        ({"MX": [f"10 {HOSTNAME}.", "10 mx.example.net.", "20 mx.example.net."]}, 550, "5.4.6", "is this one"),
    ],
)
async def test_a_destination_that_takes_no_mail_fails_at_once(
    world: World, records: dict[str, object], code: int, status: str, words: str
) -> None:
    for kind, content in records.items():
        world.zone.set("example.net", kind, content)
    result = await world.send_one()
    assert result.verdict is Verdict.FAILED
    assert result.attempt is not None
    assert (result.attempt.code, result.attempt.status) == (code, status)
    assert words in result.attempt.text


@pytest.mark.parametrize("fault", ["SERVFAIL", "timeout", "garbage"])
async def test_names_that_can_not_be_looked_up_are_tried_later(world: World, fault: str) -> None:
    world.zone.fail("example.net", fault)
    result = await world.send_one()
    assert result.verdict is Verdict.DEFERRED
    assert result.attempt is not None
    assert (result.attempt.code, result.attempt.status) == (None, "4.4.3")


async def test_a_host_that_can_not_be_looked_up_does_not_hide_the_next(world: World) -> None:
    async with Sink() as sink:
        world.mx.append("5 gone.example.net.")
        world.zone.fail("gone.example.net", "SERVFAIL")
        world.sink_at(sink)
        assert (await world.send_one()).verdict is Verdict.DELIVERED


async def test_without_mx_the_domain_itself_is_the_host(world: World) -> None:
    async with Sink() as sink:
        world.sink_at(sink)
        world.zone.set("implicit.example", "A", sink.address)
        result = await world.send_one("bob@implicit.example")
        assert sink.messages[0].recipients == ("bob@implicit.example",)
    assert result.attempt is not None
    assert result.attempt.host == "implicit.example"


@pytest.mark.parametrize(
    "refusal", [{"CONNECT": DROP}, {"CONNECT": "554 no"}, {"MAIL": "451 later"}, {"RCPT": "450 x"}]
)
async def test_the_next_host_is_asked_where_one_can_not(world: World, refusal: dict[str, object]) -> None:
    async with Sink(at=refusal) as sink, Sink(address="127.0.0.3", port=sink.port) as second:
        world.sink_at(second, "mx2.example.net", 20)
        world.sink_at(sink)
        result = await world.send_one()
        assert len(sink.visits) == 1
        assert second.messages[0].recipients == (BOB,)
    assert result.verdict is Verdict.DELIVERED
    assert world.gates.entered == ["mx.example.net", "mx2.example.net"]


async def test_a_final_word_is_not_asked_again_elsewhere(world: World) -> None:
    async with Sink(at={"RCPT": {BOB: "550 5.1.1 no"}}) as sink, Sink(address="127.0.0.3", port=sink.port) as second:
        world.sink_at(sink)
        world.sink_at(second, "mx2.example.net", 20)
        results = await world.send(BOB, "carol@example.net")
        assert second.visits == []
    assert [result.verdict for result in results] == [Verdict.FAILED, Verdict.DELIVERED]


async def test_a_message_in_doubt_is_not_handed_to_the_next_host(world: World) -> None:
    async with Sink(at={"DOT": DROP}) as sink, Sink(address="127.0.0.3", port=sink.port) as second:
        world.sink_at(sink)
        world.sink_at(second, "mx2.example.net", 20)
        result = await world.send_one()
        assert second.visits == []
    assert result.verdict is Verdict.DEFERRED


async def test_a_host_that_says_never_and_one_that_is_away_mean_later(world: World) -> None:
    async with Sink(at={"CONNECT": "554 no"}) as sink:
        world.sink_at(sink)
        world.mx.append("20 mx2.example.net.")
        world.zone.set("example.net", "MX", world.mx)
        world.zone.set("mx2.example.net", "A", "127.0.0.4")
        result = await world.send_one()
    assert result.verdict is Verdict.DEFERRED
    assert result.attempt is not None
    assert "connection refused" in result.attempt.text
    assert "before: mx.example.net [127.0.0.2]: 554 no" in result.attempt.text


async def test_two_hosts_hear_of_the_recipients_and_no_more(world: World) -> None:
    async with AsyncExitStack() as open_sinks:
        sinks = [await open_sinks.enter_async_context(Sink(at={"RCPT": "450 4.2.0 grey"}))]
        for number in (3, 4, 5):
            made = Sink(address=f"127.0.0.{number}", port=sinks[0].port, at={"RCPT": "450 4.2.0 grey"})
            sinks.append(await open_sinks.enter_async_context(made))
        for place, sink in enumerate(sinks):
            world.sink_at(sink, f"mx{place}.example.net", place)
        result = await world.send_one()
        assert [len(sink.visits) for sink in sinks] == [1, 1, 0, 0]
    assert result.verdict is Verdict.DEFERRED


async def test_one_closed_gate_leaves_the_other_host(world: World) -> None:
    async with Sink() as sink, Sink(address="127.0.0.3", port=sink.port) as second:
        world.sink_at(sink)
        world.sink_at(second, "mx2.example.net", 20)
        world.gates.closed["mx.example.net"] = GateClosed(2000, "resting")
        assert (await world.send_one()).verdict is Verdict.DELIVERED
        world.gates.closed["mx2.example.net"] = GateClosed(1000, "resting too")
        result = await world.send_one()
    assert (result.verdict, result.retry_at) == (Verdict.NOT_TRIED, 1000)


async def test_a_host_that_says_never_beside_a_closed_gate_is_no_verdict(world: World) -> None:
    async with Sink(at={"CONNECT": "554 no"}) as sink:
        world.sink_at(sink)
        world.mx.append("20 mx2.example.net.")
        world.zone.set("example.net", "MX", world.mx)
        world.gates.closed["mx2.example.net"] = GateClosed(1000, "resting")
        result = await world.send_one()
    assert (result.verdict, result.retry_at) == (Verdict.NOT_TRIED, 1000)


async def test_only_hosts_before_us_are_asked(world: World) -> None:
    """RFC 5321 §5.1: what is behind us in the list would send it back to us."""
    async with Sink(at={"CONNECT": DROP}) as sink, Sink(address="127.0.0.3", port=sink.port) as behind:
        world.sink_at(sink, preference=5)
        world.mx.append(f"10 {HOSTNAME}.")
        world.sink_at(behind, "mx2.example.net", 20)
        result = await world.send_one()
        assert len(sink.visits) == 1
        assert behind.visits == []
    assert result.verdict is Verdict.DEFERRED


async def test_we_know_ourselves_by_address_too(world: World) -> None:
    async with Sink() as sink:
        world.sink_at(sink)
        world.zone.set(HOSTNAME, "A", sink.address)
        result = await world.send_one()
        assert sink.visits == []
    assert result.attempt is not None
    assert (result.verdict, result.attempt.status) == (Verdict.FAILED, "5.4.6")


async def test_a_server_that_bears_our_name_is_a_loop(world: World) -> None:
    async with Sink(hostname=HOSTNAME.upper()) as sink:
        world.sink_at(sink)
        result = await world.send_one()
        assert sink.messages == []
    assert result.attempt is not None
    assert (result.verdict, result.attempt.status) == (Verdict.FAILED, "5.4.6")


async def test_literals_only_where_they_are_allowed(world: World) -> None:
    async with Sink() as sink:
        world.sink_at(sink)
        refused = await world.send_one("bob@[127.0.0.2]")
        taken = await world.send_one("bob@[127.0.0.2]", remote=world.remote(allow_literals=True))
        wrong = await world.send_one("bob@[999.0.0.2]", remote=world.remote(allow_literals=True))
        assert [message.recipients for message in sink.messages] == [("bob@[127.0.0.2]",)]
    assert (refused.verdict, taken.verdict, wrong.verdict) == (Verdict.FAILED, Verdict.DELIVERED, Verdict.FAILED)


async def test_the_other_family_is_tried_and_ipv6_can_be_switched_off(world: World) -> None:
    async with Sink() as sink:
        world.sink_at(sink)
        world.zone.set("mx.example.net", "AAAA", "::1")  # nobody listens there
        assert (await world.send_one(remote=world.remote(ipv6=True))).verdict is Verdict.DELIVERED
        assert any("[::1]" in line for line in world.said())
        world.conversation.clear()
        assert (await world.send_one(remote=world.remote(ipv6=False))).verdict is Verdict.DELIVERED
        assert not any("[::1]" in line for line in world.said())
    async with Sink(address="::1") as six:
        world.config = replace(world.config, port=six.port)
        world.zone.set("six.example", "AAAA", "::1")
        assert (await world.send_one("x@six.example", remote=world.remote(ipv6=True))).verdict is Verdict.DELIVERED
        result = await world.send_one("x@six.example", remote=world.remote(ipv6=False))
    assert result.attempt is not None
    assert (result.verdict, result.attempt.status) == (Verdict.DEFERRED, "4.4.4")


@pytest.mark.parametrize(
    ("addresses", "order"),
    [
        (["192.0.2.1"], ["192.0.2.1"]),
        (["192.0.2.1", "192.0.2.2", "2001:db8::1"], ["2001:db8::1", "192.0.2.1", "192.0.2.2"]),
        (["2001:db8::1", "2001:db8::2", "192.0.2.1"], ["2001:db8::1", "192.0.2.1", "2001:db8::2"]),
        (["192.0.2.1", "192.0.2.1"], ["192.0.2.1"]),
        ([f"192.0.2.{n}" for n in range(20)], [f"192.0.2.{n}" for n in range(6)]),
    ],
)
def test_families_take_turns(addresses: list[str], order: list[str]) -> None:
    assert alternating(addresses) == order


async def test_mail_of_a_domain_leaves_from_its_own_address(world: World) -> None:
    domain = await world.store.write(domains.add, "example.test")
    await world.store.write(relays.set_sources, "example.test", "127.0.0.77", None)
    async with Sink() as sink:
        world.sink_at(sink)
        await world.send_one(domain_id=domain.id)
        await world.send_one()
        await world.send_one(remote=world.remote(source_ipv4="127.0.0.66"))
        assert [message.source for message in sink.messages] == ["127.0.0.77", "127.0.0.1", "127.0.0.66"]


async def test_an_address_that_is_not_ours_is_told(world: World) -> None:
    async with Sink() as sink:
        world.sink_at(sink)
        result = await world.send_one(remote=world.remote(source_ipv4="192.0.2.1"))
    assert result.verdict is Verdict.DEFERRED
    assert result.attempt is not None
    assert "cannot assign requested address" in result.attempt.text
