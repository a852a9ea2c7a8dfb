"""Mail to another server: `carry` takes one message to one destination and says what became of each recipient."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog

from mailserver.clock import Clock
from mailserver.config.tree import OutboundConfig
from mailserver.dns.resolver import DnsFailure, Resolver
from mailserver.errors import Refusal
from mailserver.outbound_tls.policy import DomainPolicy, TlsPolicies
from mailserver.remote.connections import Connections
from mailserver.remote.consignment import Consignment, CutShort, Gates, Result, Taken, unheard
from mailserver.remote.deadlines import Deadlines
from mailserver.remote.dialling import alternating
from mailserver.remote.findings import NOWHERE, Findings
from mailserver.remote.journey import Journey, Load, Means, relay_policy, target_at
from mailserver.remote.replies import Meaning
from mailserver.remote.reverse_paths import ReversePaths
from mailserver.remote.routes import NoRoute, Routes, Way, by_relay
from mailserver.remote.spooled import Content, Damaged, Sign
from mailserver.remote.target import Login
from mailserver.remote.transcript import Direction, Line, Listener, nobody
from mailserver.store import disk_jobs, relays
from mailserver.store.database import Rx
from mailserver.store.queue import Entry
from mailserver.store.relays import Departure, Relay
from mailserver.store.store import Store

_log = structlog.get_logger("remote")


class Remote:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        resolver: Resolver,
        policies: TlsPolicies,
        gates: Gates,
        sign: Sign,
        config: OutboundConfig,
        hostname: str,
        random: Callable[[int], bytes],
        deadlines: Deadlines | None = None,
        reverse_paths: ReversePaths | None = None,
    ) -> None:
        """`sign`: for messages that were converted, such as dkim.sign.Signer.sign_as_written; `reverse_paths`: None
        leaves all mail with its sender."""
        self._reverse_paths = reverse_paths
        self._store = store
        self._clock = clock
        self._config = config
        self._deadlines = deadlines or Deadlines(connect=config.connect_seconds)
        self._routes = Routes(resolver, hostname, random)
        self._policies = policies
        self._connections = Connections(policies, hostname, self._deadlines)
        self._means = Means(clock, policies, gates, self._routes, self._connections, sign)

    def reconfigure(self, config: OutboundConfig) -> None:
        """`connect_seconds` waits for the next start."""
        self._config = config

    async def close(self) -> None:
        """End the connections that are kept."""
        await self._connections.close()

    async def carry(
        self, consignment: Consignment, taken: Taken = unheard, listener: Listener = nobody
    ) -> Sequence[Result]:
        """One result for each entry, in their order. Never raises anything but CancelledError, as CutShort where some
        are known."""
        started_at, started = int(self._clock.now().timestamp() * 1000), self._clock.monotonic()
        findings = Findings({entry.id for entry in consignment.entries})
        told = set[int]()

        def tell() -> None:
            if new := findings.taken(started_at, int((self._clock.monotonic() - started) * 1000), told):
                taken(new)

        try:
            async with asyncio.timeout(self._deadlines.whole):
                await self._carry(consignment, findings, listener, tell)
        except TimeoutError:
            findings.failed(Meaning.DEFER, None, "4.4.7", f"Not done within {self._deadlines.whole:g} seconds", NOWHERE)
        except DnsFailure as fault:
            findings.failed(Meaning.DEFER, None, "4.4.3", f"The name could not be looked up: {fault}", NOWHERE)
        except NoRoute as fault:
            findings.failed(_meaning(fault.code), fault.code, fault.status, fault.text, NOWHERE)
        except FileNotFoundError:
            await self._missing(consignment.entries[0].message_path, findings)
        except Damaged as fault:
            _log.error("spool file damaged", path=consignment.entries[0].message_path, error=str(fault))
            findings.failed(
                Meaning.FAIL, None, "5.3.0", f"The message's file is damaged on this server: {fault}", NOWHERE
            )
        except (Refusal, OSError) as fault:
            _log.error("mail could not be read or its way be found", error=str(fault))
            findings.failed(Meaning.DEFER, None, "4.3.0", f"A fault of this server: {fault}", NOWHERE)
        except Exception:  # the root of this message's work: a fault of ours must not take the others' along
            _log.exception("carrying failed", queue_id=consignment.entries[0].id)
            findings.failed(Meaning.DEFER, None, "4.3.0", "A fault of this server; its log tells more", NOWHERE)
        except asyncio.CancelledError:
            if known := findings.known(started_at, int((self._clock.monotonic() - started) * 1000)):
                raise CutShort(known) from None
            raise
        duration_ms = int((self._clock.monotonic() - started) * 1000)
        return findings.results([entry.id for entry in consignment.entries], started_at, duration_ms)

    async def probe(self, departure: Departure, listener: Listener) -> str:
        """Try the relay of this departure up to where mail would begin; "" when it is ready, else why it is not."""
        if departure.relay is None:
            return "No relay is set: mail goes to its destinations directly"
        try:
            way = by_relay(departure.relay, await self._login(departure.relay))
            policy = relay_policy(way, require_tls=False)
            failure = ""
            for address in alternating(await self._routes.addresses(way, ipv6=self._config.ipv6)):
                target = target_at(way, address, policy, self._leaving_from(departure))
                failure = await self._connections.probe(target, listener)
                if not failure:
                    return ""
            return failure
        except NoRoute as fault:
            return fault.text
        except (Refusal, DnsFailure) as fault:
            return str(fault)

    def _leaving_from(self, departure: Departure) -> Departure:
        """With the addresses for all domains where it names none."""
        return replace(
            departure,
            ipv4=departure.ipv4 or self._config.source_ipv4,
            ipv6=departure.ipv6 or self._config.source_ipv6,
        )

    async def _carry(
        self, consignment: Consignment, findings: Findings, listener: Listener, tell: Callable[[], None]
    ) -> None:
        first = consignment.entries[0]
        departure, reverse_paths = await self._store.read(self._terms, consignment.entries)
        ways = await self._ways(consignment.destination, departure)
        listener(Line(Direction.NOTE, "Hosts: " + ", ".join(way.host.name for way in ways)))
        domain = await self._domain_policy(consignment.destination, ways)
        async with await Content.open(self._store, first.message_path, first.message_octets) as content:
            load = Load.of(consignment, content, departure, domain, self._config.ipv6, reverse_paths)
            await Journey(self._means, load, findings, listener, tell).go(ways)

    def _terms(self, rx: Rx, entries: Sequence[Entry]) -> tuple[Departure, dict[int, str]]:
        """How they leave, and with which reverse-paths of their own."""
        departure = self._leaving_from(relays.departure(rx, entries[0].domain_id))
        if departure.relay is not None or self._reverse_paths is None:
            return departure, {}
        now_ms = int(self._clock.now().timestamp() * 1000)
        return departure, self._reverse_paths.of(rx, entries, now_ms)

    async def _missing(self, path: str, findings: Findings) -> None:
        """Gone, or not yet where it belongs because the disk failed after the commit: the next start puts it there."""
        _log.error("spool file missing", path=path)
        text = "The message's file is missing on this server"
        try:
            is_promised = await self._store.read(disk_jobs.mentions, path)
        except Refusal:
            is_promised = True  # nobody knows
        if is_promised:
            findings.failed(Meaning.DEFER, None, "4.3.0", f"{text} until it is started again", NOWHERE)
        else:
            findings.failed(Meaning.FAIL, None, "5.3.0", text, NOWHERE)

    async def _ways(self, destination: str, departure: Departure) -> list[Way]:
        """Raises NoRoute, DnsFailure, SealBroken."""
        if departure.relay is not None:
            return [by_relay(departure.relay, await self._login(departure.relay))]
        return await self._routes.to(destination, self._config.port, self._config.allow_literals)

    async def _login(self, relay: Relay) -> Login | None:
        if relay.username is None:
            return None
        from mailserver.store.sealing import SealingKey

        key = await self._store.in_thread(SealingKey.open, self._store.data)
        return Login(relay.username, relay.password(key))

    async def _domain_policy(self, destination: str, ways: Sequence[Way]) -> DomainPolicy:
        if ways[0].is_relay or ways[0].address is not None:
            return DomainPolicy(destination)
        return await self._policies.for_domain(destination)


def _meaning(code: int) -> Meaning:
    return Meaning.DEFER if code < 500 else Meaning.FAIL
