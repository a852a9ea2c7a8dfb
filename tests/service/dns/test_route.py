"""Which hosts take mail for a domain, from real answers. RFC 5321 §5.1, RFC 7505."""

from collections.abc import AsyncIterator

import pytest

from mailserver.config.tree import DnsConfig
from mailserver.dns.resolver import DnsFailure, DnsResolver
from mailserver.dns.route import MAX_HOSTS, Host, mail_hosts
from tests.fakes import FakeClock
from tests.zone import Zone


class Chance:
    """Octets that count up, or down."""

    def __init__(self, step: int) -> None:
        self._next, self._step = 128, step

    def __call__(self, octets: int) -> bytes:
        self._next += self._step
        return self._next.to_bytes(octets, "big")


@pytest.fixture
async def zone() -> AsyncIterator[Zone]:
    async with Zone() as zone:
        zone.secure = True
        yield zone


@pytest.fixture
async def resolver(zone: Zone, clock: FakeClock) -> AsyncIterator[DnsResolver]:
    resolver = DnsResolver(DnsConfig(servers=(zone.server,)), clock)
    yield resolver
    await resolver.close()


async def names(resolver: DnsResolver, domain: str, step: int = 1) -> list[str]:
    return [host.name for host in (await mail_hosts(resolver, domain, Chance(step))).hosts]


async def test_hosts_come_by_preference_and_equal_ones_by_chance(zone: Zone, resolver: DnsResolver) -> None:
    zone.set("example.net", "MX", ["20 c.test.", "10 a.test.", "10 b.test.", "5 first.test."])
    assert await names(resolver, "example.net", 1) == ["first.test", "a.test", "b.test", "c.test"]
    assert await names(resolver, "example.net", -1) == ["first.test", "b.test", "a.test", "c.test"]


async def test_a_host_is_tried_once_where_it_is_preferred_most(zone: Zone, resolver: DnsResolver) -> None:
    zone.set("example.net", "MX", ["20 a.test.", "10 A.test.", "15 b.test."])
    route = await mail_hosts(resolver, "example.net", Chance(1))
    assert route.hosts == (Host("a.test", 10, True), Host("b.test", 15, True))
    assert route.is_secure and not route.is_null and not route.is_implicit


async def test_not_more_hosts_than_the_bound(zone: Zone, resolver: DnsResolver) -> None:
    zone.set("example.net", "MX", [f"{number} mx{number}.test." for number in range(40)])
    assert await names(resolver, "example.net") == [f"mx{number}.test" for number in range(MAX_HOSTS)]


async def test_the_null_mx_says_no(zone: Zone, resolver: DnsResolver) -> None:
    zone.set("example.net", "MX", "0 .")
    zone.set("example.net", "A", "127.0.0.2")
    route = await mail_hosts(resolver, "example.net", Chance(1))
    assert route.is_null and route.exists
    assert route.hosts == ()


async def test_a_root_among_hosts_is_passed_over(zone: Zone, resolver: DnsResolver) -> None:
    zone.set("example.net", "MX", ["0 .", "10 a.test."])
    route = await mail_hosts(resolver, "example.net", Chance(1))
    assert [host.name for host in route.hosts] == ["a.test"]
    assert not route.is_null


@pytest.mark.parametrize(("kind", "address"), [("A", "127.0.0.2"), ("AAAA", "::1")])
async def test_without_mx_the_domain_itself_is_the_host(
    zone: Zone, resolver: DnsResolver, kind: str, address: str
) -> None:
    zone.set("example.net", kind, address)
    route = await mail_hosts(resolver, "Example.NET", Chance(1))
    assert route.hosts == (Host("example.net", 0, True),)
    assert route.is_implicit and route.exists


async def test_an_alias_leads_to_the_hosts_of_its_target(zone: Zone, resolver: DnsResolver) -> None:
    zone.set("www.example.net", "CNAME", "example.net.")
    zone.set("example.net", "MX", "10 mx.test.")
    route = await mail_hosts(resolver, "www.example.net", Chance(1))
    assert [host.name for host in route.hosts] == ["mx.test"]
    assert (route.domain, route.name) == ("www.example.net", "example.net")
    zone.set("www.example.org", "CNAME", "example.org.")
    zone.set("example.org", "A", "127.0.0.2")
    assert await names(resolver, "www.example.org") == ["example.org"]


async def test_an_mx_that_is_an_alias_is_tolerated(zone: Zone, resolver: DnsResolver) -> None:
    zone.set("example.net", "MX", "10 alias.test.")
    zone.set("alias.test", "CNAME", "mx.test.")
    zone.set("mx.test", "A", "127.0.0.2")
    [host] = (await mail_hosts(resolver, "example.net", Chance(1))).hosts
    assert host.name == "alias.test"
    assert (await resolver.addresses(host.name)).records == ("127.0.0.2",)


async def test_a_domain_that_is_not_there_or_has_nothing(zone: Zone, resolver: DnsResolver) -> None:
    gone = await mail_hosts(resolver, "nowhere.test", Chance(1))
    assert (gone.exists, gone.hosts, gone.is_secure) == (False, (), True)
    zone.set("text.test", "TXT", "only this")
    bare = await mail_hosts(resolver, "text.test", Chance(1))
    assert (bare.exists, bare.hosts, bare.is_null) == (True, (), False)


async def test_an_insecure_answer_makes_insecure_hosts(zone: Zone, resolver: DnsResolver) -> None:
    zone.set("example.net", "MX", "10 mx.test.")
    zone.insecure.add("example.net")
    route = await mail_hosts(resolver, "example.net", Chance(1))
    assert not route.hosts[0].is_secure
    assert not route.is_secure


async def test_a_failure_is_no_verdict(zone: Zone, resolver: DnsResolver) -> None:
    zone.fail("example.net", "SERVFAIL")
    with pytest.raises(DnsFailure, match=r"MX of example\.net: .* SERVFAIL"):
        await mail_hosts(resolver, "example.net", Chance(1))
