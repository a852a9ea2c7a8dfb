"""A reload reaches whoever sends: names, TLS and its reports, and mail that comes back to us from the queue."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from mailserver.config.tree import (
    BouncesConfig,
    Config,
    DnsConfig,
    OutboundTlsConfig,
    QueueConfig,
    TlsReportsConfig,
    UniqueSenders,
)
from mailserver.daemon.run import Daemon
from mailserver.daemon.way_out import carrier
from mailserver.store import aliases, domains, queue, queue_orders, relays, tls_results
from mailserver.store.database import Tx
from mailserver.store.queue import Entry
from mailserver.store.sealing import SealingKey
from tests.authority import Authority
from tests.schema import migrated
from tests.service.test_daemon_forwarding import MESSAGE, config, furnish, hand_in
from tests.sinks import Last, Sink
from tests.zone import Zone

HOST = "mx.far.example"
DAY_MS = 86_400_000
GOODBYE = Last("250 2.0.0 taken, and goodbye")  # no connection is kept


@pytest.fixture
async def zone() -> AsyncIterator[Zone]:
    records = {"far.example": {"MX": f"10 {HOST}."}, HOST: {"A": "127.0.0.2"}, "deep.example": {"MX": f"10 {HOST}."}}
    async with Zone(records) as zone:
        yield zone


@asynccontextmanager
async def running(first: Config) -> AsyncIterator[Daemon]:
    daemon = Daemon(first, carrier=carrier)
    await daemon.start()
    try:
        if await daemon.store.read(domains.find, "example.test") is None:
            await daemon.store.write(furnish)
        yield daemon
    finally:
        await daemon.stop()


async def send(daemon: Daemon) -> None:
    """To friend@far.example, by way of an alias."""
    await hand_in(daemon.ports["smtp"], "x@origin.example", "away@example.test", MESSAGE)


async def rows(daemon: Daemon) -> list[Entry]:
    return await daemon.store.read(queue.list)


async def tried(daemon: Daemon, words: str) -> None:
    """Until the one row waits for this reason."""

    async with asyncio.timeout(10):
        while not any(words in (row.last_error or "") for row in await rows(daemon)):
            await asyncio.sleep(0.01)


async def again(daemon: Daemon) -> None:
    await daemon.store.write(queue_orders.flush)


async def test_other_resolvers_are_asked_from_then_on(tmp_path: Path, zone: Zone) -> None:
    async with Zone({}) as empty, Sink() as far:
        good = config(migrated(tmp_path / "data"), zone.port, far.port)
        async with running(replace(good, dns=DnsConfig(servers=(f"127.0.0.1:{empty.port}",)))) as daemon:
            await daemon.reconfigure(good)
            await send(daemon)
            assert len(await far.arrived(1)) == 1


async def test_who_may_vouch_for_others_is_read_again(tmp_path: Path, zone: Zone) -> None:
    authority = Authority()
    file = tmp_path / "authorities.pem"
    file.write_bytes(authority.pem)
    async with Sink(tls=authority.issue(HOST).server_context()) as far:
        first = config(migrated(tmp_path / "data"), zone.port, far.port)
        async with running(first) as daemon:
            key = SealingKey.open(tmp_path / "data")
            await daemon.store.write(relays.put, None, HOST, key=key, port=far.port)
            await send(daemon)
            await tried(daemon, "certificate")
            await daemon.reconfigure(replace(first, outbound_tls=OutboundTlsConfig(authorities=tmp_path / "none")))
            await daemon.reconfigure(replace(first, outbound_tls=OutboundTlsConfig(authorities=file)))
            await again(daemon)
            [message] = await far.arrived(1)
            assert message.tls is not None


async def test_how_long_mail_waits_for_tls_holds_from_then_on(tmp_path: Path, zone: Zone) -> None:
    authority = Authority()
    async with Sink(tls=authority.issue(HOST).server_context(), at={"DOT": [GOODBYE, None]}) as far:
        first = config(migrated(tmp_path / "data"), zone.port, far.port)
        async with running(first) as daemon:
            await send(daemon)
            await far.until(lambda: len(far.contents) == 1)
            far.tls = None  # STARTTLS is not offered any more
            await send(daemon)
            await tried(daemon, "TLS")
            await daemon.reconfigure(replace(first, outbound_tls=OutboundTlsConfig(hold_days=0)))
            await again(daemon)
            await far.until(lambda: len(far.contents) == 2)
            assert [message.tls is None for message in far.contents] == [False, True]


async def test_tls_is_counted_from_then_on(tmp_path: Path, zone: Zone) -> None:
    async with Sink(at={"DOT": [GOODBYE, None]}) as far:
        silent = replace(
            config(migrated(tmp_path / "data"), zone.port, far.port), tls_reports=TlsReportsConfig(enabled=False)
        )
        async with running(silent) as daemon:
            await send(daemon)
            await far.until(lambda: len(far.contents) == 1)
            await daemon.reconfigure(replace(silent, tls_reports=TlsReportsConfig(enabled=True)))
            await send(daemon)
            await far.until(lambda: len(far.contents) == 2)
            day = f"{daemon.store.clock.now():%Y-%m-%d}"
        async with running(silent) as daemon:  # counts are written at the latest when it stops
            found = await daemon.store.read(tls_results.list, day, "far.example")
    assert sum(sessions for _, sessions in found) == 1


async def test_reverse_paths_of_their_own_begin_with_a_reload(tmp_path: Path, zone: Zone) -> None:
    async with Sink() as far:
        first = config(migrated(tmp_path / "data"), zone.port, far.port)
        async with running(first) as daemon:
            await hand_in(daemon.ports["smtp"], "ann@example.test", "away@example.test", MESSAGE)
            await far.arrived(1)
            await daemon.reconfigure(replace(first, bounces=BouncesConfig(unique_senders=UniqueSenders.ON)))
            await hand_in(daemon.ports["smtp"], "ann@example.test", "away@example.test", MESSAGE)
            plain, marked = (message.sender for message in await far.arrived(2))
    assert plain == "ann@example.test"
    assert marked.startswith("ref=") and marked.endswith("=ann@example.test")


async def test_what_comes_back_to_us_from_the_queue_is_sent_on_by_the_new_terms(tmp_path: Path, zone: Zone) -> None:
    """The domain became ours while the message waited, and an alias of it leads on."""

    def take_over(tx: Tx) -> None:
        domains.add(tx, "far.example")
        aliases.add(tx, "friend@far.example", ["x@deep.example"])

    async with Sink() as far:
        waits = replace(config(migrated(tmp_path / "data"), zone.port, far.port), queue=QueueConfig(deliver=False))
        async with running(waits) as daemon:
            await send(daemon)
            await daemon.store.write(take_over)
            before = int(daemon.store.clock.now().timestamp() * 1000)
            await daemon.reconfigure(replace(waits, queue=QueueConfig(expire_days=1)))
            await far.arrived(1)
            [row] = [row for row in await rows(daemon) if row.recipient == "x@deep.example"]
    assert row.expires_at is not None
    assert 0 <= row.expires_at - before - DAY_MS < DAY_MS / 24
