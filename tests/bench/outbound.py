"""Mail to other servers: the dispatcher with all that is behind it, against hosts and their DNS in another process.

A row is a whole cycle, from the queue's rows falling due to the last one written down: time, our own processor time,
connections. "first" knows nothing of the hosts yet, "again" sends as much once more. The limit is a client that says
nothing but one connection's MAIL, RCPT, DATA and the message, all at once where it may.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import uvloop

from mailserver.clock import SystemClock
from mailserver.config.tree import Config, DnsConfig, OutboundConfig, ServerConfig, StoreConfig
from mailserver.daemon import way_out
from mailserver.daemon.correspondence import Correspondence
from mailserver.daemon.outbound import Ground, Outbound
from mailserver.dkim.sign import Signer
from mailserver.dns.resolver import DnsResolver
from mailserver.log import Log
from mailserver.store import queue, queue_watch, spool
from mailserver.store.database import Tx
from mailserver.store.events import Event, QueueChanged, QueueSettled
from mailserver.store.queue import Outgoing, QueueRecipient
from mailserver.store.store import Store
from tests.bench import smtp_load
from tests.bench.outbound_peer import HOSTNAME, domain

OCTETS = 8192
PARTS = ((100, 1, False), (100, 50, False), (1000, 1, False), (1000, 50, False), (1000, 1, True), (1000, 50, True))
WHOLE_MS, OWN_MS = 300, 50  # of a cycle of 100
OWN_MS_EACH = 1.0
WAITING, WAITING_OCTETS = 1000, 1_000_000
BIG_OCTETS, BIG_MB = 50_000_000, 20
DEADLINE = 300.0
ROOT = Path(__file__).parents[2]
SAMPLE_SECONDS = 0.01

Rows = list[dict[str, Any]]


class Peer:
    """The other process."""

    def __init__(self, hosts: int, tls: bool) -> None:
        words = [sys.executable, "-m", "tests.bench.outbound_peer", str(hosts), *(["tls"] if tls else [])]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        where = self._line()
        self.port, self.dns = int(where["smtp"]), str(where["dns"])

    def taken(self) -> dict[str, Any]:
        """What came since this was last asked."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._line()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line: dict[str, Any] = json.loads(self._process.stdout.readline())
        return line


@dataclass(slots=True)
class House:
    """A server that does nothing but send."""

    store: Store
    config: Config

    async def fill(self, messages: int, hosts: int, octets: int = OCTETS) -> None:
        """Messages of their own, for the hosts in turn; due long from now."""
        later = int(self.store.clock.now().timestamp() * 1000) + 3_600_000
        start = time.time_ns()
        for number in range(messages):
            staged = await self.store.stage_bytes(smtp_load.message(start + number, octets))
            outgoing = Outgoing("user@example.test", spool.prepare(self.store, staged), later * 2, not_before=later)
            recipient = QueueRecipient(f"someone@{domain(number % hosts)}")
            await self.store.write(queue.add, outgoing, [recipient])

    async def send(self) -> tuple[float, float]:
        """All there is; (seconds, of our processor) until the last row is written down."""
        waiting, done = await self.store.read(queue_watch.depth), asyncio.Event()

        def hear(event: Event) -> None:
            nonlocal waiting
            if isinstance(event, QueueSettled):
                waiting -= len(event.outcomes)
                if waiting <= 0:
                    done.set()

        forget = self.store.subscribe(hear)
        started, worked = time.perf_counter(), time.process_time()
        await self.store.write(_due)
        async with asyncio.timeout(DEADLINE):
            await done.wait()
        forget()
        return time.perf_counter() - started, time.process_time() - worked


@asynccontextmanager
async def house(peer: Peer) -> AsyncIterator[House]:
    """What `serve` has between the queue and the network, its log included."""
    async with AsyncExitStack() as closing:
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory(dir=".", prefix="bench-outbound-")))
        log = Log(file=folder / "log")
        closing.callback(log.close)
        config = Config(
            ServerConfig(HOSTNAME, folder),
            store=StoreConfig(min_free_bytes=0),
            dns=DnsConfig(servers=(peer.dns,)),
            outbound=OutboundConfig(port=peer.port),
        )
        clock = SystemClock()
        store = await Store.open(folder, clock, config=config.store, hostname=HOSTNAME, serving=True)
        closing.push_async_callback(store.close)
        resolver = DnsResolver(config.dns, clock)
        closing.push_async_callback(resolver.close)
        signer = Signer(store, clock, config.dkim)
        letters = await Correspondence.open(store, clock, config, resolver, signer)
        ground = Ground(store, resolver, signer, letters, closing, [])
        outbound = await Outbound.open(ground, clock, config, way_out.carrier)
        closing.push_async_callback(outbound.stop, 10)
        yield House(store, config)


def measure(parts: tuple[tuple[int, int, bool], ...] = PARTS) -> Rows:
    rows: Rows = []
    for messages, hosts, tls in parts:
        with Peer(hosts, tls) as peer:
            if not tls:
                rows.append(uvloop.run(_limit(peer, messages)))
            rows += uvloop.run(_cycles(peer, messages, hosts, tls))
    return rows


async def _limit(peer: Peer, messages: int) -> dict[str, Any]:
    worked = time.process_time()
    done = await smtp_load.run(peer.port, "someone@peer0.example", 1, messages, OCTETS)
    own = time.process_time() - worked
    peer.taken()
    about = f"limit: {messages:,} by a bare client, one connection"
    return {"name": about, "ms": round(done["seconds"] * 1000), "own_ms": round(own * 1000)}


async def _cycles(peer: Peer, messages: int, hosts: int, tls: bool) -> Rows:
    rows: Rows = []
    async with house(peer) as sender:
        for turn in ("first", "again"):
            await sender.fill(messages, hosts)
            peer.taken()
            seconds, own = await sender.send()
            taken = peer.taken()
            assert taken["messages"] == messages, taken
            whole_ms, own_ms = seconds * 1000, own * 1000
            row = {
                "name": f"{messages:,} to {hosts} host{'s' * (hosts > 1)}{' over TLS' * tls}, {turn}",
                "ms": round(whole_ms),
                "own_ms": round(own_ms),
                "own_ms_each": round(own_ms / messages, 2),
                "connections": taken["connections"],
                "questions": taken["questions"],
            }
            if turn == "again" and messages == 100:
                row |= {"goal_ms": WHOLE_MS, "goal_own_ms": OWN_MS}
                row["ok"] = whole_ms <= WHOLE_MS and own_ms <= OWN_MS
            elif turn == "again":
                row |= {"goal_own_ms_each": OWN_MS_EACH, "ok": own_ms / messages <= OWN_MS_EACH}
            rows.append(row)
    return rows


def memory(waiting: int = WAITING, big_octets: int = BIG_OCTETS) -> Rows:
    with Peer(50, tls=False) as peer:
        return uvloop.run(_memory(peer, waiting, big_octets))


async def _memory(peer: Peer, waiting: int, big_octets: int) -> Rows:
    """Growth above a house that has sent a hundred small ones."""
    async with house(peer) as sender:
        await sender.fill(100, 50)
        await sender.send()
        await sender.fill(1, 1, big_octets)
        big = await _grown(sender)
        await sender.fill(waiting, 50, WAITING_OCTETS)
        many = await _grown(sender)
    return [
        {
            "name": f"RSS growth while one of {big_octets // 1_000_000} MB is sent",
            **big,
            "goal_mb": BIG_MB,
            "ok": big["mb"] <= BIG_MB,
        },
        {"name": f"RSS growth while {waiting:,} of 1 MB are sent, 50 at once", **many},
    ]


async def _grown(sender: House) -> dict[str, float]:
    """Most megabytes above what it was: in all, and without pages of files, which the kernel takes back at will."""
    before = _resident()
    most = [0, 0]

    async def look() -> None:
        while True:
            most[:] = [max(kept, now - was) for kept, now, was in zip(most, _resident(), before, strict=True)]
            await asyncio.sleep(SAMPLE_SECONDS)

    looking = asyncio.create_task(look())
    seconds, own = await sender.send()
    looking.cancel()
    return {
        "mb": round(most[0] / 1e6, 1),
        "mb_without_files": round(most[1] / 1e6, 1),
        "seconds": round(seconds, 1),
        "own_seconds": round(own, 1),
    }


def _resident() -> tuple[int, int]:
    """Octets: all, and without files."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    return int(status["VmRSS"].split()[0]) * 1024, int(status["RssAnon"].split()[0]) * 1024


def _due(tx: Tx) -> None:
    tx.run("UPDATE outbound_queue SET next_attempt = ?, not_before = NULL WHERE status = 'pending'", tx.now)
    tx.tell(QueueChanged())
