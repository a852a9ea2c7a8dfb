"""PIPELINING, RFC 2920: all of a transaction's commands in one go, each recipient's answer still his own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from mailserver.remote.consignment import Verdict
from tests.service.remote.conftest import BOB, HASTY, World
from tests.sinks import DROP, HANG, Sink, Step, Visit

CAROL, DAVE = "carol@example.net", "dave@example.net"
PLAIN = ("SIZE 26214400", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES")
DELIVERED, FAILED, DEFERRED = Verdict.DELIVERED, Verdict.FAILED, Verdict.DEFERRED


@dataclass(slots=True)
class Reads:
    """A server that keeps each read as it came; `answer`: from a read to what is said to it, None for the end."""

    answer: Callable[[bytes], bytes | None]
    port: int = 0
    address: str = "127.0.0.1"
    reads: list[list[bytes]] = field(default_factory=list)  # by connection

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mine: list[bytes] = []
        self.reads.append(mine)
        writer.write(b"220 mx.example.net ESMTP\r\n")
        while read := await reader.read(65_536):
            mine.append(read)
            said = self.answer(read)
            if said is None:
                break
            writer.write(said)
        writer.close()


@asynccontextmanager
async def reads(answer: Callable[[bytes], bytes | None]) -> AsyncIterator[Reads]:
    server = Reads(answer)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    async with listening:
        server.port = listening.sockets[0].getsockname()[1]
        yield server


def usual(read: bytes) -> bytes:
    """One reply a line; all is well."""
    if read.endswith(b"\r\n.\r\n"):
        return b"250 2.0.0 taken\r\n"
    said = {b"EHLO": b"250-mx.example.net\r\n250 PIPELINING\r\n", b"DATA": b"354 go ahead\r\n"}
    return b"".join(said.get(line[:4], b"250 2.0.0 ok\r\n") for line in read.split(b"\r\n")[:-1])


async def test_a_message_takes_two_round_trips_after_the_first_hello(world: World) -> None:
    async with reads(usual) as server:
        world.sink_at(server)  # type: ignore[arg-type]
        remote = world.remote()
        for _ in range(2):
            assert (await world.send_one(remote=remote)).verdict is Verdict.RELAYED
        await remote.close()
    [said] = server.reads
    verbs = [[line[:4] for line in read.split(b"\r\n")[:-1]] for read in said]
    assert verbs[0] == [b"EHLO"]
    assert [each for each in verbs if each[0] == b"MAIL"] == [[b"MAIL", b"RCPT", b"DATA"]] * 2
    assert [each[-1] for each in verbs[1:]] == [b"DATA", b".", b"DATA", b".", b"QUIT"], "the dot comes with the content"


@pytest.mark.parametrize("extensions", [("PIPELINING", *PLAIN), PLAIN])
@pytest.mark.parametrize(
    ("at", "verdicts", "delivered_to"),
    [
        ({}, [DELIVERED] * 3, [BOB, CAROL, DAVE]),
        ({"RCPT": {CAROL: "550 5.1.1 no"}}, [DELIVERED, FAILED, DELIVERED], [BOB, DAVE]),
        ({"RCPT": {BOB: "450 4.2.1 later", DAVE: "550 5.1.1 no"}}, [DEFERRED, DELIVERED, FAILED], [CAROL]),
        ({"RCPT": "550 5.1.1 no"}, [FAILED] * 3, []),
        ({"MAIL": "550 5.7.1 not from you"}, [FAILED] * 3, []),
        ({"DATA": "554 5.7.1 not now"}, [FAILED] * 3, []),
        ({"DATA": "451 4.3.0 later"}, [DEFERRED] * 3, []),
        ({"DOT": "554 5.7.1 spam"}, [FAILED] * 3, []),
        ({"RCPT": {CAROL: DROP}}, [DEFERRED] * 3, []),
        ({"RCPT": {BOB: "550 5.1.1 no", CAROL: DROP}}, [FAILED, DEFERRED, DEFERRED], []),
    ],
)  # fmt: skip
async def test_every_recipient_has_his_own_answer_with_pipelining_and_without(
    world: World, extensions: tuple[str, ...], at: dict[str, Step], verdicts: list[Verdict], delivered_to: list[str]
) -> None:
    async with Sink(at=at, extensions=extensions) as sink:
        world.sink_at(sink)
        results = await world.send(BOB, CAROL, DAVE)
        assert [result.verdict for result in results] == verdicts
        assert [list(message.recipients) for message in sink.messages] == ([delivered_to] if delivered_to else [])


def _one_only(visit: Visit) -> str | None:
    return "452 4.5.3 too many" if visit.rcpts else None


@pytest.mark.parametrize("extensions", [("PIPELINING", *PLAIN), PLAIN])
async def test_who_was_too_many_comes_in_another_transaction(world: World, extensions: tuple[str, ...]) -> None:
    async with Sink(at={"RCPT": _one_only}, extensions=extensions) as sink:
        world.sink_at(sink)
        results = await world.send(BOB, CAROL, DAVE)
        assert [result.verdict for result in results] == [DELIVERED] * 3
        assert sorted(name for message in sink.messages for name in message.recipients) == [BOB, CAROL, DAVE]
        assert len(sink.visits) == 1


async def test_a_data_that_was_taken_for_nobody_gets_the_dot_alone(world: World) -> None:
    at: dict[str, Step] = {"RCPT": ["550 5.1.1 no", None], "DATA": "354 go", "DOT": ["554 5.5.1 nobody", None]}
    async with Sink(at=at) as sink:
        world.sink_at(sink)
        remote = world.remote()
        assert (await world.send_one(remote=remote)).verdict is FAILED
        assert [message.content for message in sink.contents] == [b""]
        assert (await world.send_one(remote=remote)).verdict is DELIVERED
        assert len(sink.visits) == 1, "and the connection is as good as before"
        assert [message.recipients for message in sink.messages] == [(BOB,)]


def answering(**said: bytes) -> Callable[[bytes], bytes | None]:
    """`usual`, but these verbs are answered so wherever they come in one go with others."""

    def answer(read: bytes) -> bytes | None:
        lines = read.split(b"\r\n")[:-1]
        if len(lines) == 1 or read.endswith(b"\r\n.\r\n"):
            return usual(read)
        return b"".join(said.get(line[:4].decode(), usual(line + b"\r\n")) for line in lines)

    return answer


@pytest.mark.parametrize(
    "said",
    [
        {"RCPT": b"250 ok\r\n250 and more\r\n"},
        {"RCPT": b"250 ok\r\n550 5.1.1 and more\r\n"},
        {"MAIL": b"250 ok\r\n550 5.1.1 and more\r\n"},
        {"RCPT": b"354 go ahead\r\n"},
        {"RCPT": b""},
        {"MAIL": b"", "DATA": b""},
    ],
)
async def test_a_server_that_loses_its_way_is_believed_nothing_and_hears_single_commands_next_time(
    world: World, said: dict[str, bytes]
) -> None:
    async with reads(answering(**said)) as server:
        world.sink_at(server)  # type: ignore[arg-type]
        remote = world.remote(HASTY)
        results = await world.send(BOB, CAROL, remote=remote)
        assert [result.verdict for result in results] == [DEFERRED] * 2
        assert not any(read.endswith(b"\r\n.\r\n") for read in server.reads[0]), "no message went there"
        results = await world.send(BOB, CAROL, remote=remote)
        assert [result.verdict for result in results] == [Verdict.RELAYED] * 2
        assert all(read.count(b"\r\n") == 1 for read in server.reads[-1] if not read.endswith(b"\r\n.\r\n"))


async def test_a_kept_connection_that_is_silent_is_replaced_at_once(world: World) -> None:
    """Its own deadline is short: the message has not begun, and another connection costs nothing."""
    async with Sink(at={"MAIL": [None, HANG, None]}) as sink:
        world.sink_at(sink)
        remote = world.remote(HASTY)
        for _ in range(2):
            assert (await world.send_one(remote=remote)).verdict is DELIVERED
        assert len(sink.visits) == 2
    assert world.gates.failures == []
