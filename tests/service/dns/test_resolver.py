"""The resolver against a real server on loopback: typed answers, TTLs, faults in words, one question at a time."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailserver.config.tree import DnsConfig
from mailserver.dns.resolver import Answer, DnsFailure, DnsResolver, Mx, Tlsa
from tests.fakes import FakeClock
from tests.zone import NEGATIVE_TTL, TTL, Zone

RECORDS = {
    "example.net": {"MX": ["10 mx.Example.NET.", "20 mx2.example.net."], "TXT": ['"v=spf1 " "-all"', '"other"']},
    "mx.example.net": {"A": ["127.0.0.2", "127.0.0.3"], "AAAA": "::1"},
    "www.example.net": {"CNAME": "mx.example.net."},
    "null.example.net": {"MX": "0 ."},
    "xn--bcher-kva.example": {"MX": "5 mx.example.net."},
    "127.0.0.2": {"PTR": "MX.example.net."},
    "_25._tcp.mx.example.net": {"TLSA": "3 1 1 " + "ab" * 32},
}
SECONDS = 0.3  # for one question where a test waits it out


@pytest.fixture
async def zone() -> AsyncIterator[Zone]:
    async with Zone(RECORDS) as zone:
        yield zone


@pytest.fixture
async def resolver(zone: Zone, clock: FakeClock) -> AsyncIterator[DnsResolver]:
    resolver = DnsResolver(DnsConfig(servers=(zone.server,)), clock)
    yield resolver
    await resolver.close()


def hasty(clock: FakeClock, *zones: Zone) -> DnsResolver:
    return DnsResolver(DnsConfig(servers=tuple(zone.server for zone in zones), timeout_seconds=SECONDS), clock)


async def test_answers_are_typed(resolver: DnsResolver) -> None:
    mx = await resolver.mx("Example.NET.")
    assert mx.name == "example.net"
    assert set(mx.records) == {Mx(10, "mx.example.net"), Mx(20, "mx2.example.net")}
    assert (await resolver.mx("null.example.net")).records == (Mx(0, ""),)
    assert (await resolver.mx("bücher.example")).records == (Mx(5, "mx.example.net"),)
    assert set((await resolver.txt("example.net")).records) == {b"v=spf1 -all", b"other"}
    tlsa = await resolver.tlsa("_25._tcp.mx.example.net")
    assert tlsa.records == (Tlsa(3, 1, 1, b"\xab" * 32),)
    assert str(tlsa.records[0]) == "3 1 1 " + "ab" * 32
    assert (await resolver.cname("www.example.net")).records == ("mx.example.net",)
    assert (await resolver.cname("mx.example.net")).records == ()
    assert (await resolver.ptr("127.0.0.2")).records == ("mx.example.net",)


async def test_addresses_come_of_both_families_or_of_one(resolver: DnsResolver, zone: Zone) -> None:
    both = await resolver.addresses("www.example.net")
    assert both.records[0] == "::1"
    assert set(both.records[1:]) == {"127.0.0.2", "127.0.0.3"}
    assert both.name == "mx.example.net"
    assert (await resolver.addresses("mx.example.net", ipv4=False)).records == ("::1",)
    assert set((await resolver.addresses("mx.example.net", ipv6=False)).records) == {"127.0.0.2", "127.0.0.3"}
    assert not (await resolver.addresses("nowhere.example.net")).exists
    nothing = await resolver.addresses("null.example.net")
    assert (nothing.records, nothing.exists) == ((), True)


@pytest.mark.parametrize("name", ["", ".", "a..b", "a" * 64 + ".test", ".".join(["a" * 60] * 5), "\u2260..", "@"])
async def test_what_can_not_be_a_name_does_not_exist(resolver: DnsResolver, zone: Zone, name: str) -> None:
    answer = await resolver.mx(name)
    assert answer.records == ()
    assert name == "." or not answer.exists
    assert zone.questions <= {("." if name == "." else "none", "MX"), (".", "SOA")}


async def test_an_answer_holds_for_its_ttl_and_no_longer(resolver: DnsResolver, zone: Zone, clock: FakeClock) -> None:
    first = await resolver.mx("example.net")
    zone.set("example.net", "MX", "5 new.example.net.")
    await clock.advance(TTL - 1)
    assert await resolver.mx("example.net") == first
    assert zone.count("example.net", "MX") == 1
    await clock.advance(1)
    assert (await resolver.mx("EXAMPLE.net")).records == (Mx(5, "new.example.net"),)


async def test_that_there_is_nothing_holds_as_long_as_the_soa_says(
    resolver: DnsResolver, zone: Zone, clock: FakeClock
) -> None:
    for name, kind in (("nowhere.example.net", "MX"), ("mx.example.net", "TXT")):
        ask = resolver.mx if kind == "MX" else resolver.txt
        assert (await ask(name)).records == ()
        zone.set(name, kind, "5 mx.example.net." if kind == "MX" else "now")
        await clock.advance(NEGATIVE_TTL - 1)
        assert (await ask(name)).records == ()
        await clock.advance(1)
        assert len((await ask(name)).records) == 1


async def test_a_ttl_of_0_is_not_kept(resolver: DnsResolver, zone: Zone) -> None:
    zone.set("brief.test", "TXT", "one", ttl=0)
    assert (await resolver.txt("brief.test")).records == (b"one",)
    zone.set("brief.test", "TXT", "two", ttl=0)
    assert (await resolver.txt("brief.test")).records == (b"two",)


async def test_the_same_question_is_asked_once_at_a_time(resolver: DnsResolver, zone: Zone) -> None:
    gate = zone.hold("example.net")
    asking = [asyncio.ensure_future(resolver.mx("example.net")) for _ in range(20)]
    other = asyncio.ensure_future(resolver.txt("example.net"))
    while len(zone.asked) < 2:
        await asyncio.sleep(0)
    asking[0].cancel()
    gate.set()
    answers = await asyncio.gather(*asking[1:])
    assert answers == [answers[0]] * 19
    assert (await other).exists
    assert (zone.count("example.net", "MX"), zone.count("example.net", "TXT")) == (1, 1)


async def test_a_question_nobody_waits_for_any_more_ends(resolver: DnsResolver, zone: Zone) -> None:
    gate = zone.hold("example.net")
    asking = asyncio.ensure_future(resolver.mx("example.net"))
    while not zone.asked:
        await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    gate.set()
    assert (await resolver.mx("example.net")).exists
    assert zone.count("example.net", "MX") == 2


async def test_what_does_not_fit_is_fetched_by_tcp(resolver: DnsResolver, zone: Zone) -> None:
    zone.fail("example.net", "truncate")
    assert len((await resolver.mx("example.net")).records) == 2
    assert [asked.transport for asked in zone.asked if asked.name == "example.net"] == ["udp", "tcp"]
    zone.set("big.test", "TXT", [f'"{number:0200}"' for number in range(20)])
    assert len((await resolver.txt("big.test")).records) == 20


async def test_an_old_server_is_asked_without_edns(resolver: DnsResolver, zone: Zone) -> None:
    zone.edns = False
    assert len((await resolver.mx("example.net")).records) == 2
    assert zone.wanted_dnssec[:2] == [True, False]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("SERVFAIL", "SERVFAIL"),
        ("REFUSED", "REFUSED"),
        ("timeout", "no answer within"),
        ("truncate without TCP", "ended within the answer"),
        ("wrong id", "no answer within 0.135 s, only an answer to another question"),
        ("wrong question", "only an answer to another question"),
        ("garbage", "only garbage"),
    ],
)
async def test_a_fault_is_a_failure_in_words_and_is_not_kept(
    zone: Zone, clock: FakeClock, fault: str, words: str
) -> None:
    resolver = hasty(clock, zone)
    zone.fail("example.net", fault)
    with pytest.raises(DnsFailure, match=words) as failed:
        await resolver.mx("example.net")
    assert str(failed.value).startswith(f"MX of example.net: {zone.server}: ")
    zone.mend("example.net")
    assert (await resolver.mx("example.net")).records
    await resolver.close()


async def test_an_answer_of_any_size_is_not_taken(zone: Zone, clock: FakeClock) -> None:
    resolver = hasty(clock, zone)
    zone.set("huge.test", "TXT", [f'"{number:0250}"' for number in range(100)])
    with pytest.raises(DnsFailure, match="more than 16384"):
        await resolver.txt("huge.test")
    await resolver.close()


async def test_a_resolver_that_is_not_there_is_said_so(clock: FakeClock) -> None:
    async with Zone() as zone:
        resolver = hasty(clock, zone)
    with pytest.raises(DnsFailure, match="refused"):
        await resolver.mx("example.net")
    await resolver.close()


async def test_the_second_resolver_answers_for_the_first(zone: Zone, clock: FakeClock) -> None:
    async with Zone(RECORDS) as second:
        resolver = hasty(clock, zone, second)
        zone.fail("example.net", "SERVFAIL")
        zone.fail("mx.example.net", "timeout")
        assert (await resolver.mx("example.net")).records
        assert (await resolver.addresses("mx.example.net")).records
        second.fail("null.example.net", "REFUSED")
        zone.fail("null.example.net", "SERVFAIL")
        with pytest.raises(DnsFailure, match=f"{zone.server}: SERVFAIL; {second.server}: REFUSED"):
            await resolver.mx("null.example.net")
        await resolver.close()


async def test_a_fault_that_passes_is_not_noticed(zone: Zone, resolver: DnsResolver) -> None:
    zone.fail("example.net", "SERVFAIL", times=1)
    assert (await resolver.mx("example.net")).records


@pytest.mark.parametrize(("had", "broken", "address"), [("A", "AAAA", "127.0.0.2"), ("AAAA", "A", "::1")])
async def test_one_family_that_fails_does_not_hide_the_other(
    resolver: DnsResolver, zone: Zone, had: str, broken: str, address: str
) -> None:
    zone.set("half.test", had, address)
    zone.fail("half.test", "SERVFAIL", rdtype=broken)
    assert (await resolver.addresses("half.test")).records == (address,)


async def test_no_address_and_a_failure_is_a_failure(resolver: DnsResolver, zone: Zone) -> None:
    zone.set("half.test", "TXT", "here")
    zone.fail("half.test", "SERVFAIL", rdtype="A")
    with pytest.raises(DnsFailure, match=r"A of half\.test"):
        await resolver.addresses("half.test")


async def test_aliases_are_followed_also_where_the_server_stops(resolver: DnsResolver, zone: Zone) -> None:
    zone.follows_aliases = False
    assert (await resolver.mx("www.example.net")) == Answer((), True, False, "mx.example.net")
    assert (await resolver.addresses("www.example.net")).name == "mx.example.net"
    for number in range(9):
        zone.set(f"a{number}.test", "CNAME", f"a{number + 1}.test.", ttl=10 + number)
    zone.set("a9.test", "TXT", "end")
    assert (await resolver.txt("a1.test")).records == (b"end",)
    with pytest.raises(DnsFailure, match="more than 8 CNAMEs"):
        await resolver.txt("a0.test")
    zone.set("loop.test", "CNAME", "loop.test.")
    with pytest.raises(DnsFailure, match="more than 8 CNAMEs"):
        await resolver.txt("loop.test")


async def test_an_alias_is_kept_only_as_long_as_its_shortest_part(
    resolver: DnsResolver, zone: Zone, clock: FakeClock
) -> None:
    zone.set("alias.test", "CNAME", "mx.example.net.", ttl=5)
    first = await resolver.addresses("alias.test")
    await clock.advance(5)
    zone.set("alias.test", "CNAME", "null.example.net.", ttl=5)
    assert first.name == "mx.example.net"
    assert (await resolver.addresses("alias.test")).name == "null.example.net"


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=100), min_size=1, max_size=20))
async def test_any_datagrams_are_survived(zone: Zone, clock: FakeClock, datagrams: list[bytes]) -> None:
    resolver = DnsResolver(DnsConfig(servers=(zone.server,), timeout_seconds=0.04), clock)
    zone.answer_raw("odd.test", lambda wire: [wire[:2] + datagram for datagram in datagrams])
    with pytest.raises(DnsFailure):
        await resolver.mx("odd.test")
    await resolver.close()
