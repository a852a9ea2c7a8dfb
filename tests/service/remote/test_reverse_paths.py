"""Mail that leaves with a reverse-path for each recipient: when it does, and what servers see of it."""

from typing import Any

import pytest

from mailserver.config.tree import TlsMode, UniqueSenders
from mailserver.remote.consignment import Verdict
from mailserver.remote.reverse_paths import ReversePaths
from mailserver.store import domains
from mailserver.store.database import Rx
from mailserver.store.queue import Entry, Priority
from tests.service.remote.conftest import ANN, BOB, MARKS, World
from tests.sinks import Sink

EVE = "eve@example.net"


@pytest.fixture
async def world(world: World) -> World:
    await world.store.write(domains.add, "example.test")
    world.unique_senders = UniqueSenders.ON
    return world


async def test_each_recipient_has_a_transaction_with_a_reverse_path_of_its_own(world: World) -> None:
    async with Sink() as sink:
        world.sink_at(sink)
        results = await world.send(BOB, EVE)
        assert [message.recipients for message in sink.messages] == [(BOB,), (EVE,)]
        marks = [MARKS.read(message.sender, 2_000_000_000) for message in sink.messages]
        assert [(mark.sender, mark.row) for mark in marks] == [(ANN, result.entry_id) for result in results]
        assert len(sink.visits) == 1
    assert {result.verdict for result in results} == {Verdict.DELIVERED}


async def test_greylisting_knows_it_again(world: World) -> None:
    async with Sink(at={"RCPT": ["450 4.7.1 greylisted", None]}) as sink:
        world.sink_at(sink)
        remote, consignment = world.remote(), await world.consignment(BOB)
        await remote.carry(consignment)
        await remote.carry(consignment)
        first, second = (line for visit in sink.visits for line in visit.lines if line.startswith("MAIL"))
    assert first == second


async def test_who_is_put_off_at_mail_is_not_asked_for_each_recipient(world: World) -> None:
    async with Sink(at={"MAIL": [None, "452 4.3.1 too many messages"]}) as sink:
        world.sink_at(sink)
        results = await world.send(BOB, EVE, "carl@example.net")
        assert sum(verb == "MAIL" for visit in sink.visits for verb in visit.verbs) == 2
    assert [result.verdict for result in results] == [Verdict.DELIVERED, Verdict.DEFERRED, Verdict.DEFERRED]


@pytest.mark.parametrize(
    "sender", ["", "SRS0=AAAAAAAA=BB=far.example=x@example.test", "x@far.example", f"{'a' * 60}@example.test"]
)
async def test_what_is_no_senders_of_ours_or_does_not_fit_stays(world: World, sender: str) -> None:
    async with Sink() as sink:
        world.sink_at(sink)
        await world.send(BOB, EVE, sender=sender)
        [message] = sink.messages
    assert (message.sender, message.recipients) == (sender, (BOB, EVE))


async def test_a_relay_is_told_the_sender_it_knows(world: World) -> None:
    async with Sink() as sink:
        await world.set_relay(sink.address, port=sink.port, tls=TlsMode.NONE)
        await world.send(BOB)
        assert [message.sender for message in sink.messages] == [ANN]


@pytest.mark.parametrize(
    ("choice", "priority", "expected"),
    [
        (UniqueSenders.OFF, Priority.BULK, False),
        (UniqueSenders.BULK, Priority.INTERACTIVE, False),
        (UniqueSenders.BULK, Priority.BULK, True),
        (UniqueSenders.ON, Priority.INTERACTIVE, True),
    ],
)
async def test_the_setting_says_which_mail(
    world: World, choice: UniqueSenders, priority: Priority, expected: bool
) -> None:
    entries = (await world.consignment(BOB, priority=priority)).entries
    paths = ReversePaths(MARKS, UniqueSenders.OFF)
    paths.reconfigure(choice)

    def look(rx: Rx, *rows: Entry) -> dict[int, Any]:
        return dict(paths.of(rx, rows, 0))

    assert bool(await world.store.read(look, *entries)) is expected
