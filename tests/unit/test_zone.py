"""The tests' DNS server says what a real one would, and fails as asked."""

import asyncio

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from tests.zone import Zone

RECORDS = {
    "example.net": {"MX": ["10 mx.example.net.", "20 mx2.example.net."], "TXT": '"v=spf1 " "-all"'},
    "mx.example.net": {"A": "127.0.0.2", "AAAA": "::1"},
    "www.example.net": {"CNAME": "mx.example.net."},
    "lost.example.net": {"CNAME": "nowhere.example.net."},
    "127.0.0.2": {"PTR": "mx.example.net."},
    "_25._tcp.mx.example.net": {"TLSA": "3 1 1 " + "ab" * 32},
}


async def ask(zone: Zone, name: str, rdtype: str, *, tcp: bool = False, timeout: float = 5) -> dns.message.Message:
    query = dns.message.make_query(name, rdtype, want_dnssec=True)
    by = dns.asyncquery.tcp if tcp else dns.asyncquery.udp
    return await by(query, zone.address, port=zone.port, timeout=timeout)


@pytest.mark.parametrize("tcp", [False, True])
@pytest.mark.parametrize(
    ("name", "rdtype", "answer"),
    [
        ("example.net", "MX", ["10 mx.example.net.", "20 mx2.example.net."]),
        ("EXAMPLE.net", "TXT", ['"v=spf1 " "-all"']),
        ("mx.example.net", "A", ["127.0.0.2"]),
        ("mx.example.net", "AAAA", ["::1"]),
        ("www.example.net", "A", ["mx.example.net.", "127.0.0.2"]),
        ("2.0.0.127.in-addr.arpa", "PTR", ["mx.example.net."]),
        ("_25._tcp.mx.example.net", "TLSA", ["3 1 1 " + "ab" * 32]),
        (".", "SOA", ["ns.test. admin.test. 1 3600 600 86400 60"]),
    ],
)
async def test_answers_are_the_records(name: str, rdtype: str, answer: list[str], tcp: bool) -> None:
    async with Zone(RECORDS) as zone:
        got = await ask(zone, name, rdtype, tcp=tcp)
    assert got.rcode() == dns.rcode.NOERROR
    assert sorted(item.to_text() for rrset in got.answer for item in rrset) == sorted(answer)
    assert zone.asked == [(name.lower(), rdtype, "tcp" if tcp else "udp")]


@pytest.mark.parametrize(
    ("name", "rcode"),
    [
        ("mx.example.net", dns.rcode.NOERROR),
        ("_tcp.mx.example.net", dns.rcode.NOERROR),  # nothing there, but something below: RFC 8020
        ("no.example.net", dns.rcode.NXDOMAIN),
        ("lost.example.net", dns.rcode.NXDOMAIN),
    ],
)
async def test_a_negative_answer_carries_the_soa(name: str, rcode: dns.rcode.Rcode) -> None:
    async with Zone(RECORDS) as zone:
        got = await ask(zone, name, "SRV")
    assert got.rcode() == rcode
    assert [rrset.rdtype.name for rrset in got.authority] == ["SOA"]


async def test_ad_is_set_when_told_and_not_for_insecure_names() -> None:
    async with Zone(RECORDS) as zone:
        assert not (await ask(zone, "example.net", "MX")).flags & dns.flags.AD
        zone.secure = True
        zone.insecure.add("mx.example.net")
        assert (await ask(zone, "example.net", "MX")).flags & dns.flags.AD
        assert not (await ask(zone, "www.example.net", "A")).flags & dns.flags.AD
    assert zone.wanted_dnssec == [True] * 3


async def test_faults_are_as_asked_and_end_when_they_should() -> None:
    async with Zone(RECORDS) as zone:
        zone.fail("example.net", "SERVFAIL", times=1)
        assert (await ask(zone, "example.net", "MX")).rcode() == dns.rcode.SERVFAIL
        assert (await ask(zone, "example.net", "MX")).rcode() == dns.rcode.NOERROR
        zone.fail("example.net", "REFUSED")
        assert (await ask(zone, "example.net", "MX", tcp=True)).rcode() == dns.rcode.REFUSED
        zone.fail("example.net", "truncate")
        assert (await ask(zone, "example.net", "MX")).flags & dns.flags.TC
        assert (await ask(zone, "example.net", "MX", tcp=True)).answer
        zone.fail("example.net", "truncate without TCP")
        with pytest.raises(EOFError):
            await ask(zone, "example.net", "MX", tcp=True)
        for fault in ("wrong id", "wrong question", "garbage"):
            zone.fail("example.net", fault)
            with pytest.raises(dns.exception.DNSException):
                await ask(zone, "example.net", "MX")
        zone.fail("example.net", "SERVFAIL", rdtype="TXT")
        zone.mend("example.net")
        assert (await ask(zone, "example.net", "MX")).answer
        assert (await ask(zone, "example.net", "TXT")).rcode() == dns.rcode.SERVFAIL
        zone.fail("example.net", "timeout")
        with pytest.raises(dns.exception.Timeout):
            await ask(zone, "example.net", "MX", timeout=0.01)
        zone.mend("example.net")
        assert (await ask(zone, "example.net", "MX")).answer


async def test_an_answer_waits_for_its_event() -> None:
    async with Zone(RECORDS) as zone:
        gate = zone.hold("example.net")
        asking = asyncio.ensure_future(ask(zone, "example.net", "MX"))
        while not zone.asked:
            await asyncio.sleep(0)
        assert not asking.done()
        gate.set()
        assert (await asking).answer


async def test_a_large_answer_needs_tcp_and_raw_octets_go_out_as_they_are() -> None:
    async with Zone() as zone:
        zone.set("big.test", "TXT", [f'"{number:0200}"' for number in range(20)], ttl=7)
        assert (await ask(zone, "big.test", "TXT")).flags & dns.flags.TC
        whole = await ask(zone, "big.test", "TXT", tcp=True)
        assert len(whole.answer[0]) == 20
        assert whole.answer[0].ttl == 7
        zone.answer_raw("odd.test", lambda query: [b"?", query])
        with pytest.raises(dns.exception.DNSException):
            await ask(zone, "odd.test", "A")
