"""DNSSEC for real: signatures of our own, judged by unbound, and what the resolver and DANE make of its answers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mailserver.clock import SystemClock
from mailserver.config.tree import DnsConfig
from mailserver.dns.resolver import DnsFailure, DnsResolver, Mx
from mailserver.dns.route import mail_hosts
from mailserver.outbound_tls.dane import tlsa_of
from tests.dnssec import Unbound, sign
from tests.zone import Zone

RECORD = "3 1 1 " + "ab" * 32
SIGNED = f"""
signed.example.               60 IN MX    10 mx.signed.example.
mx.signed.example.            60 IN A     127.0.0.2
_25._tcp.mx.signed.example.   60 IN TLSA  {RECORD}
alias.signed.example.         60 IN CNAME mx.signed.example.
out.signed.example.           60 IN CNAME mx.unsigned.example.
tampered.signed.example.      60 IN MX    10 mx.signed.example.
bad.signed.example.           60 IN A     127.0.0.3
_25._tcp.bad.signed.example.  60 IN TLSA  {RECORD}
unsigned.example.             60 IN NS    ns.example.
"""


@pytest.fixture
async def zone() -> AsyncIterator[Zone]:
    async with Zone() as zone:
        yield zone


@pytest.fixture
async def resolver(zone: Zone, tmp_path: Path) -> AsyncIterator[DnsResolver]:
    anchor = sign(zone, SIGNED)
    zone.set("unsigned.example", "SOA", "ns.example. admin.example. 1 3600 600 86400 60")
    zone.set("unsigned.example", "MX", "10 mx.unsigned.example.")
    zone.set("mx.unsigned.example", "A", "127.0.0.4")
    zone.set("_25._tcp.mx.unsigned.example", "TLSA", RECORD)
    zone.set("tampered.signed.example", "MX", "10 mx.attacker.example.")
    zone.set("_25._tcp.bad.signed.example", "TLSA", "3 1 1 " + "cd" * 32)
    async with Unbound(tmp_path, zone, anchor) as unbound:
        resolver = DnsResolver(DnsConfig(servers=(unbound.server,)), SystemClock())
        yield resolver
        await resolver.close()


async def test_what_unbound_validated_is_secure_and_what_is_not_signed_is_not(resolver: DnsResolver) -> None:
    await resolver.check()
    assert resolver.validates, resolver.why_not
    signed = await resolver.mx("signed.example")
    assert (signed.records, signed.is_secure) == ((Mx(10, "mx.signed.example"),), True)
    unsigned = await resolver.mx("unsigned.example")
    assert (unsigned.records, unsigned.is_secure) == ((Mx(10, "mx.unsigned.example"),), False)


async def test_that_there_is_nothing_is_secure_too(resolver: DnsResolver) -> None:
    gone = await resolver.mx("nowhere.signed.example")
    assert (gone.exists, gone.is_secure) == (False, True)
    empty = await resolver.txt("mx.signed.example")
    assert (empty.exists, empty.records, empty.is_secure) == (True, (), True)
    assert not (await resolver.txt("nowhere.unsigned.example")).is_secure


async def test_a_forged_answer_never_arrives_and_the_failure_says_why(resolver: DnsResolver) -> None:
    with pytest.raises(DnsFailure, match=r"MX of tampered\.signed\.example: .*SERVFAIL"):
        await resolver.mx("tampered.signed.example")


async def test_an_alias_is_as_secure_as_its_target(resolver: DnsResolver) -> None:
    inside = await resolver.addresses("alias.signed.example")
    assert (inside.name, inside.is_secure) == ("mx.signed.example", True)
    outside = await resolver.addresses("out.signed.example")
    assert (outside.name, outside.is_secure) == ("mx.unsigned.example", False)
    assert (await resolver.cname("out.signed.example")).is_secure


async def test_dane_holds_for_signed_records_only(resolver: DnsResolver) -> None:
    route = await mail_hosts(resolver, "signed.example", bytes)
    assert route.hosts[0].is_secure
    found = await tlsa_of(resolver, route.hosts[0].name, 25)
    assert [str(record) for record in found.usable] == [RECORD]
    assert (await tlsa_of(resolver, "mx.unsigned.example", 25)).records == ()


async def test_forged_tlsa_records_keep_mail_away_from_the_host(resolver: DnsResolver) -> None:
    with pytest.raises(DnsFailure, match=r"TLSA of _25\._tcp\.bad\.signed\.example"):
        await tlsa_of(resolver, "bad.signed.example", 25)


async def test_a_resolver_without_a_trust_anchor_that_fits_is_not_believed(zone: Zone, tmp_path: Path) -> None:
    """Keys that the anchor does not name: everything is bogus, and nothing is taken for insecure."""
    sign(zone, SIGNED)
    other = ". IN DS 1 13 2 " + "00" * 32
    async with Unbound(tmp_path, zone, other) as unbound:
        resolver = DnsResolver(DnsConfig(servers=(unbound.server,)), SystemClock())
        with pytest.raises(DnsFailure, match="SERVFAIL"):
            await resolver.mx("signed.example")
        await resolver.check()
        assert not resolver.validates
        assert "is not known" in resolver.why_not
        await resolver.close()
