"""The daemon sends: what waits when it starts, what comes, and nothing while it is switched off or after it stopped."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from mailserver.clock import SystemClock
from mailserver.config.tree import (
    AuthConfig,
    Config,
    ListenerConfig,
    ListenersConfig,
    QueueConfig,
    ServerConfig,
    StoreConfig,
    TlsMode,
    WebConfig,
)
from mailserver.daemon.outbound import Ground
from mailserver.daemon.run import Daemon
from mailserver.remote.consignment import Consignment, Gates, Result, Taken, Verdict, unheard
from mailserver.store import domains, mailboxes, messages, queue, queue_claim, users
from mailserver.store.attempts import Attempt
from mailserver.store.database import Rx
from mailserver.store.queue import Entry
from mailserver.store.queue_states import State
from mailserver.store.store import Store
from tests.schema import migrated
from tests.service.queue.test_queue import put

REFUSED = Attempt(0, 3, "mx.far.example", "192.0.2.1", None, 550, "5.1.1", "5.1.1 no such user")


class Carrier:
    """Takes all but what is for nobody@; goes through the gate of one host."""

    def __init__(self, gates: Gates) -> None:
        self._gates = gates

    async def carry(self, consignment: Consignment, taken: Taken = unheard) -> Sequence[Result]:
        async with self._gates.enter("mx.far.example") as visit:
            visit.answered(250, "taken")
        taken = replace(REFUSED, code=250, status="2.0.0", text="2.0.0 taken")
        return [
            Result(entry.id, Verdict.FAILED, REFUSED)
            if entry.recipient.startswith("nobody@")
            else Result(entry.id, Verdict.DELIVERED, taken)
            for entry in consignment.entries
        ]


async def carrier(ground: Ground, gates: Gates, config: Config) -> Carrier:
    return Carrier(gates)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    closed = ListenerConfig(0, TlsMode.NONE, enabled=False)
    return Config(
        server=ServerConfig("mail.example.test", migrated(tmp_path / "data"), shutdown_seconds=3.0),
        listeners=ListenersConfig(closed, closed, closed, closed, closed, closed, closed, closed),
        web=WebConfig(enabled=False),
        auth=AuthConfig(argon2_memory_kib=128, argon2_time_cost=1),
        store=StoreConfig(min_free_bytes=0),
    )


async def when(store: Store, holds: Callable[[Rx], bool]) -> None:
    """Until it is so, looked at after each commit."""
    changed = asyncio.Event()
    unsubscribe = store.subscribe(lambda event: changed.set())
    try:
        async with asyncio.timeout(20):
            while not await store.read(holds):
                await changed.wait()
                changed.clear()
    finally:
        unsubscribe()


def states(rx: Rx) -> list[State]:
    return [entry.state for entry in queue.list(rx)]


async def filled(config: Config) -> list[int]:
    """Ann's account, and a row that a crash left behind."""
    async with await Store.open(config.server.data, SystemClock(), config=config.store) as store:
        await store.write(domains.add, "example.test")
        await store.write(users.add, "ann@example.test", "$argon2id$unused")
        rows = await put(store, "early@far.example")
        await store.write(queue_claim.claim, "of the process that died", 1, 600_000)
        return rows


async def test_what_a_crash_left_and_what_comes_is_sent(config: Config) -> None:
    (early,) = await filled(config)
    daemon = Daemon(config, carrier=carrier)
    await daemon.start()
    try:
        await when(daemon.store, lambda rx: states(rx) == [State.DELIVERED])
        entry = await daemon.store.read(queue.get, early)
        assert entry.in_doubt == 1
        await put(daemon.store, "late@far.example")
        await when(daemon.store, lambda rx: states(rx) == [State.DELIVERED] * 2)
    finally:
        await daemon.stop()


async def test_whoever_sent_what_is_refused_finds_it_in_the_inbox(config: Config) -> None:
    await filled(config)
    daemon = Daemon(config, carrier=carrier)
    await daemon.start()
    try:
        await put(daemon.store, "nobody@far.example")
        await when(daemon.store, lambda rx: State.BOUNCED in states(rx))
        inbox = await daemon.store.read(mailboxes.get, 1, mailboxes.INBOX)
        (told,) = await daemon.store.read(messages.list, inbox.id)
        text = b"".join(path.read_bytes() for path in (config.server.data / "mail").rglob("new/*"))
        text += b"".join(path.read_bytes() for path in (config.server.data / "mail").rglob("cur/*"))
        assert b"550 5.1.1 no such user" in text
        assert told.size == len(text)
    finally:
        await daemon.stop()


async def test_switched_off_nothing_leaves_until_a_reload_switches_it_on(config: Config) -> None:
    await filled(config)
    quiet = replace(config, queue=QueueConfig(deliver=False))
    daemon = Daemon(quiet, carrier=carrier)
    await daemon.start()
    try:
        await put(daemon.store, "late@far.example")
        assert await daemon.store.read(states) == [State.PENDING] * 2
        await daemon.reconfigure(config)
        await when(daemon.store, lambda rx: states(rx) == [State.DELIVERED] * 2)
    finally:
        await daemon.stop()


async def test_a_daemon_without_a_carrier_keeps_what_is_for_others(config: Config) -> None:
    (early,) = await filled(config)
    daemon = Daemon(config)
    await daemon.start()
    entry: Entry = await daemon.store.read(queue.get, early)
    await daemon.stop()
    assert entry.state is State.SENDING, "of a process that is gone: only who sends looks at it"
