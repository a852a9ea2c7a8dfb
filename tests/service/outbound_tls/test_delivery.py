"""Mail to real servers under policies: what is delivered, what waits, and the words for it. STARTTLS stripping too."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from mailserver.config.tree import OutboundConfig
from mailserver.outbound_tls.applied import PolicyType
from mailserver.outbound_tls.certificates import Authorities
from mailserver.outbound_tls.memory import TlsMemory
from mailserver.outbound_tls.policy import TlsPolicies
from mailserver.outbound_tls.tally import ResultTally
from mailserver.outbound_tls.tlsa_lookup import TlsaRecords
from mailserver.remote.consignment import Consignment, Result, Verdict
from mailserver.remote.deliver import Remote
from mailserver.store import queue, spool, tls_results
from mailserver.store.queue import Outgoing, QueueRecipient
from mailserver.store.store import Store
from tests.authority import EXPIRED, Certified, self_signed
from tests.fakes import FakeClock
from tests.service.outbound_tls.world import CA, DAY, DOMAIN, World, policy
from tests.service.outbound_tls.world import world as made
from tests.service.remote.conftest import HOSTNAME, MESSAGE, SHORT, Gates
from tests.sinks import Sink

HOST = f"mx.{DOMAIN}"
TLSA_PORT = 25  # whatever port the server of the test has
TLSA = f"_{TLSA_PORT}._tcp.{HOST}"


@dataclass(slots=True)
class Road:
    """From our queue to the domain's servers, everything real."""

    world: World
    clock: FakeClock
    tally: ResultTally
    policies: TlsPolicies
    remotes: list[Remote] = field(default_factory=list)

    @asynccontextmanager
    async def server(self, certified: Certified | None, **options: Any) -> AsyncIterator[Sink]:
        """Takes mail for the domain; None: without STARTTLS."""
        async with Sink(tls=certified.server_context() if certified else None, **options) as sink:
            self.world.zone.set(DOMAIN, "MX", f"10 {HOST}.")
            self.world.zone.set(HOST, "A", sink.address)
            yield sink

    async def send(self, sink: Sink, **options: Any) -> Result:
        store = self.world.store
        spooled = spool.prepare(store, await store.stage_bytes(MESSAGE))
        outgoing = Outgoing("ann@example.test", spooled, expires_at=2_000_000_000_000, **options)
        ids = await store.write(queue.add, outgoing, [QueueRecipient(f"bob@{DOMAIN}")])
        entry = await store.read(queue.get, ids[0])
        config = OutboundConfig(port=sink.port, ipv6=False)
        remote = Remote(
            store, self.clock, self.world.resolver, self.policies, Gates(), _unsigned, config, HOSTNAME, bytes, SHORT
        )
        self.remotes.append(remote)
        [result] = await remote.carry(Consignment((entry,), DOMAIN))
        return result

    async def counted(self) -> dict[tuple[str, str], int]:
        """(policy type, result) → sessions."""
        await self.tally.flush()
        found: dict[tuple[str, str], int] = {}
        for counted, sessions in await self.world.store.read(tls_results.list, f"{self.clock.now():%Y-%m-%d}", DOMAIN):
            kind = next(kind for kind in PolicyType if f'"{kind}"' in counted.policy)
            found[kind, counted.result] = found.get((kind, counted.result), 0) + sessions
        return found


async def _unsigned(*_: object) -> bytes:
    return b""


@pytest.fixture
def clock() -> FakeClock:
    """Near the machine's time, from which the certificates count."""
    return FakeClock(datetime.now(UTC))


@pytest.fixture
async def road(store: Store, clock: FakeClock) -> AsyncIterator[Road]:
    async with made(store) as world:
        tally = ResultTally(store, clock)
        policies = TlsPolicies(
            clock,
            Authorities([CA.certificate]),
            sts=world.sts(),
            tlsa=TlsaRecords(world.resolver, TLSA_PORT),
            memories=TlsMemory(store, 3),
            tally=tally,
        )
        road = Road(world, clock, tally, policies)
        yield road
        for remote in road.remotes:
            await remote.close()


def words(result: Result) -> str:
    assert result.attempt is not None
    return f"{result.attempt.tls} {result.attempt.text}"


def taken(sink: Sink) -> Sequence[bool]:
    """Of each message, whether it came encrypted."""
    return [message.tls is not None for message in sink.messages]


async def test_a_stripped_starttls_is_waited_for_and_given_up_in_words(road: Road) -> None:
    async with road.server(self_signed(HOST)) as sink:
        assert (await road.send(sink)).verdict is Verdict.DELIVERED
        assert taken(sink) == [True]
    async with road.server(None, port=sink.port) as stripped:
        for _ in range(3):
            result = await road.send(stripped)
            assert result.verdict is Verdict.DEFERRED
            assert "remembered: mx.example.net had TLS on" in words(result)
            await road.clock.advance(DAY - 1)
        assert stripped.messages == [] and all("MAIL" not in visit.verbs for visit in stripped.visits)
        await road.clock.advance(4)
        result = await road.send(stripped)
        assert result.verdict is Verdict.DELIVERED
        assert "opportunistic again: mx.example.net had TLS on" in words(result)
        assert taken(stripped) == [False]


async def test_a_broken_handshake_is_no_way_around_what_is_remembered(road: Road) -> None:
    async with road.server(self_signed(HOST)) as sink:
        await road.send(sink)
        sink.at["HANDSHAKE"] = b"\x15\x03\x03\x00\x02\x02\x28"
        result = await road.send(sink)
        assert result.verdict is Verdict.DEFERRED and "remembered" in words(result)
        assert taken(sink) == [True]


async def test_another_certificate_is_no_news(road: Road) -> None:
    async with road.server(self_signed(HOST)) as sink:
        await road.send(sink)
    async with road.server(CA.issue("other.example", days=EXPIRED), port=sink.port) as renewed:
        assert (await road.send(renewed)).verdict is Verdict.DELIVERED
        assert taken(renewed) == [True]


@pytest.mark.parametrize("kind", ["good", "expired", "self-signed", "wrong name", "no STARTTLS"])
async def test_mta_sts_in_force(kind: str, road: Road) -> None:
    certified = {
        "good": lambda: CA.issue(HOST),
        "expired": lambda: CA.issue(HOST, days=EXPIRED),
        "self-signed": lambda: self_signed(HOST),
        "wrong name": lambda: CA.issue("other.example"),
        "no STARTTLS": lambda: None,
    }[kind]()
    road.world.announce("1", policy("enforce"))
    async with road.server(certified) as sink:
        result = await road.send(sink)
        assert taken(sink) == ([True] if kind == "good" else [])
    assert result.verdict is (Verdict.DELIVERED if kind == "good" else Verdict.DEFERRED)
    assert "MTA-STS enforce of example.net" in words(result)
    reported = {
        "good": "",
        "expired": "certificate-expired",
        "self-signed": "certificate-not-trusted",
        "wrong name": "certificate-host-mismatch",
        "no STARTTLS": "starttls-not-supported",
    }[kind]
    assert await road.counted() == {("sts", reported): 1}


async def test_mta_sts_sends_mail_to_the_host_it_names(road: Road) -> None:
    """Forged MX records lead nowhere."""
    road.world.announce("1", policy("enforce", "mx2.example.net"))
    async with (
        road.server(CA.issue(HOST)) as forged,
        Sink(tls=CA.issue("mx2.example.net").server_context(), address="127.0.0.3", port=forged.port) as named,
    ):
        road.world.zone.set(DOMAIN, "MX", [f"10 {HOST}.", "20 mx2.example.net."])
        road.world.zone.set("mx2.example.net", "A", named.address)
        result = await road.send(forged)
        assert result.verdict is Verdict.DELIVERED
        assert forged.visits == [] and taken(named) == [True]


@pytest.mark.parametrize("kind", ["expired", "no STARTTLS"])
async def test_mta_sts_in_testing_delivers_and_reports(kind: str, road: Road) -> None:
    road.world.announce("1", policy("testing"))
    async with road.server(None if kind == "no STARTTLS" else CA.issue(HOST, days=EXPIRED)) as sink:
        result = await road.send(sink)
        assert taken(sink) == [kind == "expired"]
    assert result.verdict is Verdict.DELIVERED and "testing" in words(result)
    reported = "certificate-expired" if kind == "expired" else "starttls-not-supported"
    assert await road.counted() == {("sts", reported): 1}


async def test_tls_required_no_goes_where_policies_would_not(road: Road) -> None:
    road.world.announce("1", policy("enforce"))
    async with road.server(None) as sink:
        result = await road.send(sink, tls_optional=True)
        assert taken(sink) == [False]
    assert result.verdict is Verdict.DELIVERED and "TLS-Required: No" in words(result)


@pytest.mark.parametrize("offered", [True, False])
async def test_require_tls_under_mta_sts(offered: bool, road: Road) -> None:
    road.world.announce("1", policy("enforce"))
    extensions = ("REQUIRETLS",) if offered else ()
    async with road.server(CA.issue(HOST), extensions_in_tls=extensions) as sink:
        result = await road.send(sink, require_tls=True)
        assert taken(sink) == ([True] if offered else [])
        if offered:
            assert "REQUIRETLS" in sink.messages[0].mail.parameters
    assert result.verdict is (Verdict.DELIVERED if offered else Verdict.FAILED)


@pytest.mark.parametrize("certified", [self_signed(HOST), CA.issue(HOST, days=EXPIRED), CA.issue("other.example")])
async def test_dane_takes_the_key_its_record_names_whoever_signed_it(certified: Certified, road: Road) -> None:
    """DANE-EE: names and dates do not count, RFC 7672 §3.1.1."""
    road.world.zone.secure = True
    road.world.zone.set(TLSA, "TLSA", certified.tlsa(3, 1, 1))
    async with road.server(certified) as sink:
        result = await road.send(sink)
        assert taken(sink) == [True]
    assert result.verdict is Verdict.DELIVERED
    assert "DANE: TLSA of mx.example.net: 3 1 1" in words(result)
    assert await road.counted() == {("tlsa", ""): 1}


@pytest.mark.parametrize("kind", ["another key", "no STARTTLS", "MTA-STS would take it"])
async def test_dane_refuses_what_its_record_does_not_name(kind: str, road: Road) -> None:
    road.world.zone.secure = True
    road.world.zone.set(TLSA, "TLSA", CA.issue(HOST, kind="RSA").tlsa(3, 1, 1))
    if kind == "MTA-STS would take it":  # a policy must not save a host that DANE refuses, RFC 8461 §2
        road.world.announce("1", policy("enforce"))
    async with road.server(None if kind == "no STARTTLS" else CA.issue(HOST)) as sink:
        result = await road.send(sink)
        assert sink.messages == []
    assert result.verdict is Verdict.DEFERRED and "DANE: " in words(result)
    reported = "starttls-not-supported" if kind == "no STARTTLS" else "tlsa-invalid"
    assert await road.counted() == {("tlsa", reported): 1}


async def test_records_that_nothing_vouches_for_are_no_dane(road: Road) -> None:
    road.world.zone.set(TLSA, "TLSA", CA.issue(HOST, kind="RSA").tlsa(3, 1, 1))
    async with road.server(CA.issue(HOST)) as sink:
        assert (await road.send(sink)).verdict is Verdict.DELIVERED


async def test_a_host_whose_records_can_not_be_had_gets_no_mail(road: Road) -> None:
    """Whoever holds back the answer must not be able to switch DANE off, RFC 7672 §2.1.2."""
    road.world.zone.secure = True
    road.world.zone.fail(TLSA, "SERVFAIL")
    async with road.server(CA.issue(HOST)) as sink:
        result = await road.send(sink)
        assert sink.visits == []
    assert result.verdict is Verdict.DEFERRED and "DANE may hold for mx.example.net" in words(result)


async def test_records_nobody_can_use_still_ask_for_tls(road: Road) -> None:
    road.world.zone.secure = True
    road.world.zone.set(TLSA, "TLSA", CA.issue(HOST).tlsa(1, 1, 1))  # PKIX-EE is not for mail, RFC 7672 §3.1.3
    async with road.server(None) as sink:
        result = await road.send(sink)
        assert sink.messages == []
    assert result.verdict is Verdict.DEFERRED and "none that can be used" in words(result)
    async with road.server(self_signed(HOST), port=sink.port) as encrypted:
        assert (await road.send(encrypted)).verdict is Verdict.DELIVERED
        assert taken(encrypted) == [True]


async def test_require_tls_goes_where_dnssec_vouches_for_the_host(road: Road) -> None:
    road.world.zone.secure = True
    async with road.server(CA.issue(HOST), extensions_in_tls=("REQUIRETLS",)) as sink:
        result = await road.send(sink, require_tls=True)
        assert taken(sink) == [True]
    assert "secured by DNSSEC" in words(result)
