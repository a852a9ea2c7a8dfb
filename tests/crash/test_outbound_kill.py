"""kill -9 while the queue empties to servers that take, put off, refuse and hang up: nothing lost, nobody told twice.

Every accepted recipient is delivered at least once; again only where the server was killed, or the other side hung up
after the final dot, before the answer was written down; and each refused one makes one notification. `make test`
sends 150 messages through 8 kills, `make soak` 2,000 through 50 (OUTBOUND_MESSAGES, OUTBOUND_KILLS).
"""

import asyncio
import contextlib
import os
import random
import re
import smtplib
import sqlite3
import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import Message as Mail
from pathlib import Path

import pytest
from imapclient import IMAPClient

from tests.e2e import served
from tests.e2e.served import ANN, PASSWORD, Served
from tests.sinks import DROP, Message, Sink, Step, Visit
from tests.zone import Zone

MESSAGES = int(os.environ.get("OUTBOUND_MESSAGES", "150"))
KILLS = int(os.environ.get("OUTBOUND_KILLS", "8"))
HOSTS = 4
GONE = 0.08  # of the recipients do not exist
LONGEST_SECONDS = 3.0  # of waiting for something to happen before a kill
DRAIN_TURNS = 300  # of a fifth of a second

_NUMBER = re.compile(rb"X-Number: (\d+)")

Pair = tuple[int, str]  # message number, recipient


@dataclass(slots=True)
class Promises:
    """What was accepted of us, and what may come twice."""

    pairs: set[Pair] = field(default_factory=set)
    doubts: Counter[Pair] = field(default_factory=Counter)  # how often nobody could know whether it had arrived

    @property
    def gone(self) -> set[Pair]:
        return {pair for pair in self.pairs if pair[1].startswith("gone")}


class World:
    def __init__(self, folder: Path, sinks: list[Sink], zone: Zone, rng: random.Random) -> None:
        self.folder, self.sinks, self.zone, self.rng = folder, sinks, zone, rng
        self.promises = Promises()
        self.is_calm = False  # the others stop being difficult
        self.dots = 0  # messages that came whole
        self.caught = 0  # rows that a kill hit while they were being sent

    def start(self, deliver: bool = True) -> Served:
        self._running = served.served(
            self.folder,
            dns__servers=f'["{self.zone.server}"]',
            outbound__port=self.sinks[0].port,
            outbound__ipv6="false",
            outbound_tls__mta_sts="false",
            queue__deliver=str(deliver).lower(),
            smtp__submission_per_hour=1_000_000,
            smtp__max_messages=1_000_000,
            bounces__suppress_after=0,  # the same few addresses are gone each time
        )
        return self._running.__enter__()

    def stop(self) -> None:
        self._running.__exit__(None, None, None)

    def command(self, *words: str) -> None:
        subprocess.run([*served.command(self.folder), *words], check=True, capture_output=True)

    def in_state(self, where: str) -> list[Pair]:
        """Rows as they stand in the database, read past the server."""
        with closing(sqlite3.connect(f"file:{self.folder}/data/mail.db?mode=ro", uri=True)) as database:
            rows = database.execute(f"SELECT message_id, recipient FROM outbound_queue WHERE {where}").fetchall()
        return [
            (int(message_id.partition(".")[0]), recipient) for message_id, recipient in rows if message_id[0] != "d"
        ]

    # ---- what the other side does ----

    def at_rcpt(self, visit: Visit) -> Step:
        if visit.address.startswith("gone"):
            return "550 5.1.1 nobody of this name"
        return "450 4.2.1 later" if self._moody(0.05) else None

    def at_content(self, visit: Visit) -> Step:
        return DROP if self._moody(0.03) else None

    def at_dot(self, visit: Visit) -> Step:
        self.dots += 1
        if self._moody(0.06):
            return "451 4.3.0 not now"
        if self._moody(0.06):
            [message] = [message for sink in self.sinks for message in sink.contents if message.visit == visit.number][
                -1:
            ]
            self.promises.doubts.update(pairs_of(message))
            return DROP
        return None

    def _moody(self, chance: float) -> bool:
        return not self.is_calm and self.rng.random() < chance


def pairs_of(message: Message) -> list[Pair]:
    found = _NUMBER.search(message.content)
    assert found is not None, message.content[:500]
    return [(int(found[1]), recipient) for recipient in message.recipients]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    served.furnish(tmp_path)
    zone = Zone({})
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(zone)
        sinks: list[Sink] = []
        for number in range(HOSTS):
            port = sinks[0].port if sinks else 0
            sinks.append(await stack.enter_async_context(Sink(address=f"127.0.0.{number + 2}", port=port)))
            zone.set(f"d{number}.test", "MX", f"10 mx.d{number}.test.")
            zone.set(f"mx.d{number}.test", "A", sinks[-1].address)
        world = World(tmp_path, sinks, zone, random.Random(20))
        for sink in sinks:
            sink.at |= {"RCPT": world.at_rcpt, "CONTENT": world.at_content, "DOT": world.at_dot}
        yield world


def submit(world: World, server: Served) -> None:
    """All of it acknowledged before the first kill."""
    rng, promises = world.rng, world.promises
    with smtplib.SMTP("127.0.0.1", server.ports["submission"]) as smtp:
        smtp.login(ANN, PASSWORD)
        for number in range(MESSAGES):
            recipients = [
                f"{'gone' if rng.random() < GONE else 'bob'}{number}-{at}@d{rng.randrange(HOSTS)}.test"
                for at in range(rng.randint(1, 3))
            ]
            text = (
                f"From: {ANN}\r\nTo: x@d0.test\r\nMessage-ID: <{number}.crash@example.test>\r\nX-Number: {number}\r\n"
                f"Subject: {number}\r\n\r\n{'x' * rng.randrange(5000)}\r\n"
            )
            assert smtp.sendmail(ANN, recipients, text) == {}
            promises.pairs |= {(number, recipient) for recipient in recipients}


async def deliver_and_kill(world: World) -> None:
    """Killed when a number of messages more have come to their final dot."""
    await asyncio.to_thread(world.command, "queue", "retry", "--all")
    count = world.dots + world.rng.randint(1, max(2, MESSAGES // KILLS))
    server = await asyncio.to_thread(world.start)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LONGEST_SECONDS):
            while world.dots < count:
                await asyncio.sleep(0.002)
    os.kill(server.pid, 9)
    await asyncio.to_thread(world.stop)
    caught = world.in_state("status = 'sending'")
    world.promises.doubts.update(caught)
    world.caught += len(caught)


async def drain(world: World) -> None:
    """The others are kind from now on; whatever is left goes."""
    world.is_calm = True
    server = await asyncio.to_thread(world.start)
    try:
        # What was caught by kill after kill waits by now, in case it is what kills; an operator knows better.
        await asyncio.to_thread(world.command, "queue", "retry", "--all")
        for _ in range(DRAIN_TURNS):
            if not world.in_state("ended_at IS NULL"):
                break
            await asyncio.sleep(0.2)
        assert not world.in_state("ended_at IS NULL"), "the queue does not empty"
        told = await asyncio.to_thread(notifications, server)
    finally:
        await asyncio.to_thread(world.stop)
    assert told == Counter(world.promises.gone), "each refused recipient makes one notification, nobody else any"


def notifications(server: Served) -> Counter[Pair]:
    """Of whom Ann was told that the message failed."""
    told: Counter[Pair] = Counter()
    with IMAPClient("127.0.0.1", server.ports["imap"], ssl=False) as client:
        client.login(ANN, PASSWORD)
        client.select_folder("INBOX", readonly=True)
        fetched = client.fetch(client.search(), ["BODY.PEEK[]"])
    for each in fetched.values():
        report = message_from_bytes(each[b"BODY[]"], policy=policy.default)
        number = _NUMBER.search(each[b"BODY[]"])
        assert number is not None
        told.update((int(number[1]), recipient) for recipient in failed_in(report))
    return told


def failed_in(report: Mail) -> list[str]:
    [status] = [part for part in report.walk() if part.get_content_type() == "message/delivery-status"]
    blocks = status.get_payload()[1:]  # type: ignore[index]  # the first is about the message
    assert all(block["Action"] == "failed" for block in blocks)  # type: ignore[union-attr,index]
    return [str(block["Final-Recipient"]).partition(";")[2].strip() for block in blocks]  # type: ignore[union-attr,index]


@pytest.mark.timeout(0)
async def test_nothing_is_lost_and_nothing_comes_twice_without_a_doubt(world: World) -> None:
    server = await asyncio.to_thread(world.start, deliver=False)
    await asyncio.to_thread(submit, world, server)
    await asyncio.to_thread(world.stop)
    for _ in range(KILLS):
        await deliver_and_kill(world)
    assert world.caught, "no kill hit a delivery"
    await drain(world)
    promises = world.promises
    taken = Counter(pair for sink in world.sinks for message in sink.messages for pair in pairs_of(message))
    assert set(taken) == promises.pairs - promises.gone, "accepted and lost, or delivered to somebody else"
    twice = {pair: count for pair, count in taken.items() if count > 1 + promises.doubts[pair]}
    assert not twice, "delivered again without a doubt"
    assert not [*(world.folder / "data" / "spool").iterdir()], "spool files go with the last recipient"
