"""What a resolver says about DNSSEC is believed where it can be, and the reason is given where not."""

import pytest

from mailserver.config.tree import DnsConfig
from mailserver.dns import trust
from mailserver.dns.messages import Reply, Unusable
from mailserver.dns.resolver import DnsResolver
from mailserver.dns.servers import Server
from tests.fakes import FakeClock
from tests.zone import Zone

RECORDS = {
    "example.net": {"MX": "10 mx.example.net."},
    "mx.example.net": {"A": "127.0.0.2", "AAAA": "::1"},
    "www.example.net": {"CNAME": "mx.example.net."},
}


async def test_a_validating_resolver_on_loopback_is_believed(clock: FakeClock) -> None:
    async with Zone(RECORDS) as zone:
        zone.secure = True
        resolver = DnsResolver(DnsConfig(servers=(zone.server,)), clock)
        assert not resolver.validates
        assert (await resolver.mx("example.net")).is_secure
        assert resolver.validates and resolver.why_not == ""
        assert (await resolver.addresses("mx.example.net")).is_secure
        assert (await resolver.mx("nowhere.example.net")).is_secure
        zone.insecure.add("mx.example.net")
        zone.insecure.add("plain.test")
        assert not (await resolver.addresses("www.example.net")).is_secure
        assert not (await resolver.txt("plain.test")).is_secure
        assert zone.count(".", "SOA") == 1
        await resolver.close()


async def test_an_answer_of_two_families_is_secure_when_both_are(clock: FakeClock) -> None:
    async with Zone(RECORDS) as zone:
        zone.secure = True
        zone.insecure.add("mx.example.net")
        resolver = DnsResolver(DnsConfig(servers=(zone.server,)), clock)
        assert not (await resolver.addresses("mx.example.net")).is_secure
        await resolver.close()


async def test_aliases_that_the_server_does_not_follow_are_secure_when_each_part_is(clock: FakeClock) -> None:
    async with Zone(RECORDS) as zone:
        zone.secure, zone.follows_aliases = True, False
        resolver = DnsResolver(DnsConfig(servers=(zone.server,)), clock)
        assert (await resolver.addresses("www.example.net")).is_secure
        zone.set("bad.test", "CNAME", "mx.example.net.")
        zone.insecure.add("bad.test")
        assert not (await resolver.addresses("bad.test", ipv6=False)).is_secure
        await resolver.close()


async def test_one_that_does_not_validate_is_named_and_asked_again_later(clock: FakeClock) -> None:
    async with Zone(RECORDS) as zone:
        resolver = DnsResolver(DnsConfig(servers=(zone.server,)), clock)
        assert not (await resolver.mx("example.net")).is_secure
        assert not resolver.validates
        assert resolver.why_not == (
            f"the resolver {zone.server} does not validate DNSSEC: its answer for the root zone lacks the AD bit"
        )
        zone.secure = True
        await resolver.addresses("mx.example.net")
        assert not resolver.validates
        await clock.advance(trust.RETRY_SECONDS)
        assert (await resolver.mx("nowhere.test")).is_secure
        await resolver.close()


async def test_the_check_at_the_start_needs_no_question(clock: FakeClock) -> None:
    async with Zone() as zone:
        zone.secure = True
        resolver = DnsResolver(DnsConfig(servers=(zone.server,)), clock)
        await resolver.check()
        assert resolver.validates
        assert zone.questions == {(".", "SOA")}
        await resolver.close()


async def test_one_that_does_not_answer_is_asked_again_and_keeps_its_trust(clock: FakeClock) -> None:
    async with Zone(RECORDS) as zone:
        zone.secure = True
        zone.fail(".", "SERVFAIL", times=1)
        resolver = DnsResolver(DnsConfig(servers=(zone.server,)), clock)
        await resolver.check()
        assert resolver.why_not == "whether the resolver validates DNSSEC is not known: SERVFAIL"
        assert (await resolver.mx("example.net")).is_secure
        zone.fail(".", "SERVFAIL")
        await clock.advance(trust.RECHECK_SECONDS)
        await resolver.check()
        assert resolver.validates
        await resolver.close()


async def test_one_of_several_that_does_not_validate_is_enough(clock: FakeClock) -> None:
    async with Zone(RECORDS) as first, Zone(RECORDS) as second:
        first.secure = True
        resolver = DnsResolver(DnsConfig(servers=(first.server, second.server)), clock)
        assert not (await resolver.mx("example.net")).is_secure
        assert second.server in resolver.why_not
        await resolver.close()


# --- servers that a test can not run


async def authentic(*asked: object) -> Reply:
    return Reply((), True, True, asked[1], 60)  # type: ignore[arg-type]


async def plain(*asked: object) -> Reply:
    return Reply((), True, False, asked[1], 60)  # type: ignore[arg-type]


async def silent(*asked: object) -> Reply:
    raise Unusable("no answer within 5 s")


@pytest.mark.parametrize("trust_ad", [False, True])
async def test_one_on_another_machine_is_believed_only_when_told_so(trust_ad: bool) -> None:
    judged = trust.Trust((Server("192.0.2.1"),), trust_ad, authentic)
    if judged.is_due(0):
        await judged.check(0)
    assert judged.holds is trust_ad
    assert trust_ad or "the resolver 192.0.2.1 is not on this machine" in judged.why_not
    assert trust_ad or 'servers = ["127.0.0.1"]' in judged.why_not


async def test_systemd_resolved_is_known_by_its_address() -> None:
    judged = trust.Trust((Server("127.0.0.53"),), False, plain)
    await judged.check(0)
    assert "systemd-resolved" in judged.why_not
    assert "install unbound" in judged.why_not


async def test_silence_is_not_asked_about_for_ever() -> None:
    judged = trust.Trust((Server("127.0.0.1"),), False, silent)
    for _ in range(trust.MAX_SILENT):
        assert judged.is_due(5)
        await judged.check(5)
    assert not judged.is_due(5)
    assert judged.is_due(5 + trust.RETRY_SECONDS)
