"""A world to send mail into: real names over DNS, real servers on loopback, a real store; gates that only listen."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from mailserver.clock import Clock, SystemClock
from mailserver.config.tree import DnsConfig, OutboundConfig, UniqueSenders
from mailserver.dns.resolver import DnsResolver
from mailserver.mail.marked_paths import Marks
from mailserver.outbound_tls.certificates import Authorities
from mailserver.outbound_tls.policy import DomainPolicy, HostPolicy, Level, MailHost, TlsOutcome, TlsPolicies
from mailserver.remote.consignment import Consignment, GateClosed, Result, Visit
from mailserver.remote.deadlines import Deadlines
from mailserver.remote.deliver import Remote
from mailserver.remote.reverse_paths import ReversePaths
from mailserver.remote.transcript import Line
from mailserver.store import queue, relays, spool
from mailserver.store.queue import Outgoing, QueueRecipient
from mailserver.store.sealing import SealingKey
from mailserver.store.store import Store
from tests.authority import Authority
from tests.sinks import Sink
from tests.zone import Zone

ANN = "ann@example.test"
BOB = "bob@example.net"
MESSAGE = b"From: ann@example.test\r\nSubject: hello\r\n\r\nHello Bob\r\n"
HOSTNAME = "mail.example.test"
MARKS = Marks(b"m" * 32, 21)
HOLD = 5.0  # seconds a step may take here; only what hangs ever takes them
SHORT = Deadlines(
    connect=HOLD, greeting=HOLD, hello=HOLD, handshake=HOLD, login=HOLD, mail=HOLD, rcpt=HOLD, data=HOLD, block=HOLD,
    end=HOLD, reset=HOLD, quit=HOLD, whole=60.0,
)  # fmt: skip
HASTY = replace(
    SHORT, greeting=0.3, hello=0.3, handshake=0.3, mail=0.3, rcpt=0.3, data=0.3, block=0.3, end=0.3, reset=0.3, quit=0.3
)


class Gates:
    """Open unless closed; remember what was told."""

    def __init__(self) -> None:
        self.entered: list[str] = []
        self.failures: list[str] = []
        self.codes: list[int] = []
        self.texts: list[str] = []
        self.closed: dict[str, GateClosed] = {}
        self.inside = 0
        self.went_on_times = 0

    @asynccontextmanager
    async def enter(self, host: str) -> AsyncIterator[Visit]:
        if host in self.closed:
            raise self.closed[host]
        self.entered.append(host)
        self.inside += 1
        try:
            yield self
        finally:
            self.inside -= 1

    def went_on(self) -> None:
        self.went_on_times += 1

    def connection_failed(self, reason: str) -> None:
        self.failures.append(reason)

    def answered(self, code: int, text: str) -> None:
        self.codes.append(code)
        self.texts.append(text)


class Policies(TlsPolicies):
    """The real ones; they demand what the world says and let it hear what they are told."""

    def __init__(self, clock: Clock, authorities: Authorities, world: "World") -> None:
        super().__init__(clock, authorities)
        self._world = world

    async def for_host(
        self, domain: DomainPolicy, host: MailHost, *, require_tls: bool = False, tls_optional: bool = False
    ) -> HostPolicy:
        if self._world.level is not None:
            return HostPolicy(self._world.level, (host.name,), "demanded by the test")
        return await super().for_host(domain, host, require_tls=require_tls, tls_optional=tls_optional)

    async def note(self, policy: HostPolicy, destination: str, host: str, address: str, outcome: TlsOutcome) -> None:
        self._world.noted.append((host, address, outcome))
        await super().note(policy, destination, host, address, outcome)


@dataclass(slots=True)
class World:
    store: Store
    zone: Zone
    authority: Authority
    config: OutboundConfig
    gates: Gates = field(default_factory=Gates)
    signatures: list[tuple[bytes, str, bytes]] = field(default_factory=list)
    conversation: list[Line] = field(default_factory=list)
    remotes: list[Remote] = field(default_factory=list)
    mx: list[str] = field(default_factory=list)
    level: Level | None = None
    unique_senders: UniqueSenders = UniqueSenders.OFF
    noted: list[tuple[str, str, TlsOutcome]] = field(default_factory=list)  # what policies were told: host, address

    def sink_at(self, sink: Sink, host: str = "mx.example.net", preference: int = 10) -> None:
        """The (next) mail server of example.net."""
        self.config = replace(self.config, port=sink.port)
        self.mx.append(f"{preference} {host}.")
        self.zone.set("example.net", "MX", self.mx)
        self.zone.set(host, "A", sink.address)

    def remote(self, deadlines: Deadlines = SHORT, **settings: Any) -> Remote:
        clock = SystemClock()
        servers = (f"127.0.0.1:{self.zone.port}",)
        resolver = DnsResolver(DnsConfig(servers=servers, timeout_seconds=2.0), clock)
        policies = Policies(clock, Authorities([self.authority.certificate]), self)
        config = replace(self.config, **settings)
        remote = Remote(
            self.store,
            clock,
            resolver,
            policies,
            self.gates,
            self._sign,
            config,
            HOSTNAME,
            bytes,
            deadlines,
            ReversePaths(MARKS, self.unique_senders),
        )
        self.remotes.append(remote)
        return remote

    def demand(self, level: Level) -> None:
        """Of every host, whatever it offers."""
        self.level = level

    async def set_relay(self, host: str, *, domain: str | None = None, **settings: Any) -> None:
        key = SealingKey.open(self.store.data)
        await self.store.write(lambda tx: relays.put(tx, domain, host, key=key, **settings))

    async def _sign(self, header: bytes, reverse_path: str, body: Iterable[bytes], octets: int) -> bytes:
        self.signatures.append((header, reverse_path, b"".join(body)))
        return b"DKIM-Signature: v=1; d=example.test; b=new\r\n"

    async def consignment(
        self, *recipients: str | QueueRecipient, message: bytes = MESSAGE, sender: str = ANN, **options: Any
    ) -> Consignment:
        spooled = spool.prepare(self.store, await self.store.stage_bytes(message))
        outgoing = Outgoing(sender, spooled, expires_at=2_000_000_000_000, **options)
        wanted = [each if isinstance(each, QueueRecipient) else QueueRecipient(each) for each in recipients]
        ids = await self.store.write(queue.add, outgoing, wanted)
        entries = tuple([await self.store.read(queue.get, entry_id) for entry_id in ids])
        return Consignment(entries, entries[0].destination)

    async def send(
        self, *recipients: str | QueueRecipient, remote: Remote | None = None, **options: Any
    ) -> Sequence[Result]:
        consignment = await self.consignment(*(recipients or (BOB,)), **options)
        return await (remote or self.remote()).carry(consignment, listener=self.conversation.append)

    async def send_one(self, *recipients: str | QueueRecipient, **options: Any) -> Result:
        [result] = await self.send(*recipients, **options)
        return result

    def said(self) -> list[str]:
        return [f"{line.direction.value} {line.text}" for line in self.conversation]


@pytest.fixture
async def world(store: Store) -> AsyncIterator[World]:
    async with Zone() as zone:
        world = World(store, zone, Authority(), OutboundConfig(ipv6=False, connect_seconds=HOLD))
        yield world
        for remote in world.remotes:
            await remote.close()
