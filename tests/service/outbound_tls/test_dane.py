"""DANE as a peer meets it: records from a real zone, certificates from real handshakes, all of RFC 7671 and 7672."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from mailserver.config.tree import DnsConfig
from mailserver.dns.resolver import DnsFailure, DnsResolver, Tlsa
from mailserver.outbound_tls import contexts
from mailserver.outbound_tls.dane import DaneRecords, tlsa_of, verify
from mailserver.outbound_tls.results import CertificateRefused, ResultType
from tests.authority import DER as _DER
from tests.authority import EXPIRED, NOT_YET, VALID, Authority, Certified, new_key, self_signed
from tests.fakes import FakeClock
from tests.sinks import Sink
from tests.zone import Zone

HOST, DOMAIN = "mx.example.net", "example.net"
RECORD = f"_25._tcp.{HOST}"
CA, OTHER_CA = Authority(), Authority("Another CA")
MIDDLE = CA.intermediate()
GOOD, LEAF = CA.issue(HOST), MIDDLE.issue(HOST)
WITH_ROOT = LEAF.with_chain(MIDDLE.certificate, CA.certificate)
JUNK = "ab" * 32


@pytest.fixture
async def zone() -> AsyncIterator[Zone]:
    async with Zone({HOST: {"A": "127.0.0.2"}, DOMAIN: {"MX": f"10 {HOST}."}}) as zone:
        zone.secure = True
        yield zone


@pytest.fixture
async def resolver(zone: Zone, clock: FakeClock) -> AsyncIterator[DnsResolver]:
    resolver = DnsResolver(DnsConfig(servers=(zone.server,)), clock)
    yield resolver
    await resolver.close()


async def shown(certified: Certified) -> list[bytes]:
    """The chain that a client gets from a server with this certificate, after STARTTLS."""
    async with Sink(tls=certified.server_context()) as sink:
        reader, writer = await asyncio.open_connection(sink.address, sink.port)
        await reader.readline()
        writer.write(b"STARTTLS\r\n")
        await reader.readline()
        await writer.start_tls(contexts.lenient(), server_hostname=HOST)
        tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
        chain = contexts.chain(tls)
        writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()
        return chain


async def judged(resolver: DnsResolver, certified: Certified) -> ResultType | None:
    """None: the certificate holds."""
    found = await tlsa_of(resolver, HOST, 25)
    assert found.usable, found.reason
    try:
        verify(found, await shown(certified), (HOST, DOMAIN), datetime.now(UTC))
    except CertificateRefused as refused:
        return refused.result_type
    return None


# --- DANE-EE: the record names the key, and nothing else counts. RFC 7672 §3.1.1


@pytest.mark.parametrize("matching", [0, 1, 2])
@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize(
    "certified",
    [
        GOOD,
        LEAF,
        CA.issue(HOST, kind="RSA"),
        CA.issue("other.test"),
        CA.issue(),
        CA.issue(HOST, days=EXPIRED),
        CA.issue(HOST, days=NOT_YET),
        self_signed(HOST),
    ],
    ids=["good", "chained", "rsa", "wrong-name", "no-name", "expired", "early", "self-signed"],
)
async def test_dane_ee_holds_whatever_the_certificate_says(
    zone: Zone, resolver: DnsResolver, certified: Certified, selector: int, matching: int
) -> None:
    zone.set(RECORD, "TLSA", certified.tlsa(3, selector, matching))
    assert await judged(resolver, certified) is None


@pytest.mark.parametrize(("selector", "matching"), [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)])
async def test_dane_ee_refuses_another_key_of_the_same_name_and_authority(
    zone: Zone, resolver: DnsResolver, selector: int, matching: int
) -> None:
    zone.set(RECORD, "TLSA", GOOD.tlsa(3, selector, matching))
    assert await judged(resolver, CA.issue(HOST, key=new_key())) is ResultType.TLSA_INVALID


async def test_dane_ee_by_key_outlives_a_renewal_and_by_certificate_does_not(zone: Zone, resolver: DnsResolver) -> None:
    renewed = CA.issue(HOST, days=(-2, 60))
    zone.set(RECORD, "TLSA", [GOOD.tlsa(3, 1, 1)])
    assert await judged(resolver, renewed) is None
    found = DaneRecords(HOST, (), (_tlsa(GOOD.tlsa(3, 0, 1)),), "")
    with pytest.raises(CertificateRefused, match="none that is named by TLSA 3 0 1"):
        verify(found, renewed.ders, (HOST,), datetime.now(UTC))


async def test_dane_ee_is_about_the_leaf_only(zone: Zone, resolver: DnsResolver) -> None:
    zone.set(RECORD, "TLSA", MIDDLE.tlsa(3, 1, 1))
    assert await judged(resolver, LEAF) is ResultType.TLSA_INVALID


# --- DANE-TA: the record names the authority; name, time and chain count. RFC 7672 §3.1.2


@pytest.mark.parametrize("matching", [0, 1, 2])
@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize(("anchor", "certified"), [(MIDDLE, LEAF), (CA, WITH_ROOT)], ids=["intermediate", "root"])
async def test_dane_ta_holds_below_its_anchor(
    zone: Zone, resolver: DnsResolver, anchor: Authority, certified: Certified, selector: int, matching: int
) -> None:
    zone.set(RECORD, "TLSA", anchor.tlsa(2, selector, matching))
    assert await judged(resolver, certified) is None


NOT_A_CA = MIDDLE.issue(HOST)
FORGED_KEY = new_key()


def issued_by_a_leaf() -> Certified:
    """A certificate that the owner of a leaf made himself: the classic hole where nobody looks at basicConstraints."""
    forger = Authority("Forger", parent=MIDDLE)
    forger.certificate, forger.key = NOT_A_CA.certificate, NOT_A_CA.key
    made = forger.issue(HOST, key=FORGED_KEY)
    return made.with_chain(NOT_A_CA.certificate, MIDDLE.certificate)


@pytest.mark.parametrize(
    ("certified", "result"),
    [
        (MIDDLE.issue("mx.other.test"), ResultType.CERTIFICATE_HOST_MISMATCH),
        (MIDDLE.issue("sub.mx.example.net"), ResultType.CERTIFICATE_HOST_MISMATCH),
        (MIDDLE.issue(HOST, days=EXPIRED), ResultType.CERTIFICATE_EXPIRED),
        (MIDDLE.issue(HOST, days=NOT_YET), ResultType.VALIDATION_FAILURE),
        (OTHER_CA.issue(HOST).with_chain(MIDDLE.certificate), ResultType.CERTIFICATE_NOT_TRUSTED),
        (OTHER_CA.issue(HOST).with_chain(OTHER_CA.certificate), ResultType.TLSA_INVALID),
        (LEAF.with_chain(), ResultType.TLSA_INVALID),  # the anchor is not shown: RFC 7671 §5.2.2 asks the server to
        (issued_by_a_leaf(), ResultType.CERTIFICATE_NOT_TRUSTED),
        (self_signed(HOST), ResultType.TLSA_INVALID),
    ],
    ids=["name", "sub", "expired", "early", "planted", "other", "not-shown", "by-a-leaf", "self-signed"],
)
async def test_dane_ta_refuses(zone: Zone, resolver: DnsResolver, certified: Certified, result: ResultType) -> None:
    zone.set(RECORD, "TLSA", MIDDLE.tlsa(2, 1, 1))
    assert await judged(resolver, certified) is result


@pytest.mark.parametrize("name", [HOST, DOMAIN, "*.example.net"])
async def test_dane_ta_holds_for_the_host_or_the_domain(zone: Zone, resolver: DnsResolver, name: str) -> None:
    zone.set(RECORD, "TLSA", MIDDLE.tlsa(2, 0, 1))
    assert await judged(resolver, MIDDLE.issue(name)) is None


async def test_dane_ta_takes_the_common_name_where_there_is_no_other(zone: Zone, resolver: DnsResolver) -> None:
    zone.set(RECORD, "TLSA", MIDDLE.tlsa(2, 0, 1))
    assert await judged(resolver, MIDDLE.issue(common_name=HOST)) is None
    assert await judged(resolver, MIDDLE.issue("x.test", common_name=HOST)) is ResultType.CERTIFICATE_HOST_MISMATCH


async def test_an_anchor_that_stands_whole_in_the_record_need_not_be_shown(zone: Zone, resolver: DnsResolver) -> None:
    zone.set(RECORD, "TLSA", CA.tlsa(2, 0, 0))
    assert await judged(resolver, GOOD) is None
    assert await judged(resolver, LEAF) is None
    assert await judged(resolver, OTHER_CA.issue(HOST)) is ResultType.CERTIFICATE_NOT_TRUSTED


async def test_an_expired_authority_in_between_refuses(zone: Zone, resolver: DnsResolver) -> None:
    late = CA.intermediate("Late", days=EXPIRED)
    zone.set(RECORD, "TLSA", CA.tlsa(2, 0, 0))
    assert await judged(resolver, late.issue(HOST)) is ResultType.CERTIFICATE_NOT_TRUSTED


async def test_rsa_authorities_hold_too(zone: Zone, resolver: DnsResolver) -> None:
    anchor = Authority("RSA root", kind="RSA").intermediate("RSA below", kind="RSA")
    zone.set(RECORD, "TLSA", anchor.tlsa(2, 1, 2))
    assert await judged(resolver, anchor.issue(HOST, kind="RSA")) is None


# --- several records


async def test_one_record_that_holds_is_enough(zone: Zone, resolver: DnsResolver) -> None:
    zone.set(RECORD, "TLSA", [f"3 1 1 {JUNK}", OTHER_CA.tlsa(2, 1, 1), GOOD.tlsa(3, 1, 1)])
    assert await judged(resolver, GOOD) is None


async def test_of_two_digests_only_the_stronger_counts(zone: Zone, resolver: DnsResolver) -> None:
    zone.set(RECORD, "TLSA", [GOOD.tlsa(3, 1, 1), f"3 1 2 {JUNK * 2}"])
    found = await tlsa_of(resolver, HOST, 25)
    assert [record.matching for record in found.usable] == [2]
    assert await judged(resolver, GOOD) is ResultType.TLSA_INVALID


async def test_a_whole_key_counts_beside_any_digest_and_kinds_do_not_mix(zone: Zone, resolver: DnsResolver) -> None:
    zone.set(RECORD, "TLSA", [GOOD.tlsa(3, 1, 0), f"3 1 2 {JUNK * 2}", f"3 0 1 {JUNK}"])
    assert len((await tlsa_of(resolver, HOST, 25)).usable) == 3
    assert await judged(resolver, GOOD) is None


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (GOOD.tlsa(0, 1, 1), "usage 0 is not for mail"),
        (GOOD.tlsa(1, 0, 1), "usage 1 is not for mail"),
        (f"255 1 1 {JUNK}", "usage 255 is not for mail"),
        (f"3 2 1 {JUNK}", "unknown selector or matching type"),
        (f"3 1 3 {JUNK}", "unknown selector or matching type"),
        ("3 1 1 abcd", "a digest of 2 octets"),
        (f"3 1 2 {JUNK}", "a digest of 32 octets"),
        ("2 0 0 abcd", "neither a certificate nor a key"),
        ("3 1 0 abcd", "neither a certificate nor a key"),
    ],
    ids=["usage-0", "usage-1", "usage-255", "selector", "matching", "short", "not-sha512", "no-certificate", "no-key"],
)
async def test_a_record_of_no_use_asks_for_encryption_all_the_same(
    zone: Zone, resolver: DnsResolver, record: str, words: str
) -> None:
    usage, selector, matching, data = record.split()
    zone.set_octets(RECORD, "TLSA", bytes([int(usage), int(selector), int(matching)]) + bytes.fromhex(data))
    found = await tlsa_of(resolver, HOST, 25)
    assert (len(found.records), found.usable) == (1, ())
    assert f"no TLSA record of {HOST} can be used" in found.reason
    assert words in found.reason


async def test_malformed_records_do_not_spoil_the_one_that_holds(zone: Zone, resolver: DnsResolver) -> None:
    good = _tlsa(GOOD.tlsa(3, 1, 1))
    zone.set_octets(RECORD, "TLSA", b"\3\1\1short", b"\3\1\1" + good.data, b"\3", b"")
    found = await tlsa_of(resolver, HOST, 25)
    assert (len(found.records), found.usable) == (4, (good,))
    assert await judged(resolver, GOOD) is None


async def test_a_record_of_no_use_does_not_spoil_another(zone: Zone, resolver: DnsResolver) -> None:
    zone.set(RECORD, "TLSA", [GOOD.tlsa(1, 1, 1), GOOD.tlsa(3, 1, 1)])
    found = await tlsa_of(resolver, HOST, 25)
    assert (len(found.records), len(found.usable)) == (2, 1)
    assert found.reason == f"TLSA of {HOST}: {GOOD.tlsa(3, 1, 1)[: len('3 1 1 ') + 16]}…"


# --- where the records come from. RFC 7672 §2.2


async def test_no_records_is_no_dane(zone: Zone, resolver: DnsResolver) -> None:
    found = await tlsa_of(resolver, HOST, 25)
    assert (found.records, found.usable) == ((), ())
    assert found.reason == f"no DANE: no secure TLSA records of {HOST}"
    assert (RECORD, "TLSA") in zone.questions


async def test_records_that_dnssec_does_not_secure_are_none(zone: Zone, resolver: DnsResolver) -> None:
    zone.set(RECORD, "TLSA", GOOD.tlsa(3, 1, 1))
    zone.insecure.add(RECORD)
    assert (await tlsa_of(resolver, HOST, 25)).records == ()


async def test_a_host_with_insecure_addresses_is_not_asked_for_records(zone: Zone, resolver: DnsResolver) -> None:
    zone.set(RECORD, "TLSA", GOOD.tlsa(3, 1, 1))
    zone.insecure.add(HOST)
    found = await tlsa_of(resolver, HOST, 25)
    assert found.records == ()
    assert found.reason == f"no DANE: DNSSEC does not secure the addresses of {HOST}"
    assert (RECORD, "TLSA") not in zone.questions


async def test_without_a_validating_resolver_there_is_no_dane_and_it_says_why(
    zone: Zone, resolver: DnsResolver
) -> None:
    zone.secure = False
    zone.set(RECORD, "TLSA", GOOD.tlsa(3, 1, 1))
    found = await tlsa_of(resolver, HOST, 25)
    assert found.records == ()
    assert "does not validate DNSSEC" in found.reason


@pytest.mark.parametrize("name", [RECORD, HOST])
@pytest.mark.parametrize("fault", ["SERVFAIL", "REFUSED"])
async def test_an_answer_that_does_not_come_is_a_failure(
    zone: Zone, resolver: DnsResolver, name: str, fault: str
) -> None:
    zone.set(RECORD, "TLSA", GOOD.tlsa(3, 1, 1))
    zone.fail(name, fault)
    with pytest.raises(DnsFailure, match=fault):
        await tlsa_of(resolver, HOST, 25)


async def test_records_belong_to_a_port(zone: Zone, resolver: DnsResolver) -> None:
    zone.set(f"_2525._tcp.{HOST}", "TLSA", GOOD.tlsa(3, 1, 1))
    assert (await tlsa_of(resolver, HOST, 25)).records == ()
    assert (await tlsa_of(resolver, HOST, 2525)).usable


async def test_behind_a_secure_alias_the_records_of_its_target_come_first(zone: Zone, resolver: DnsResolver) -> None:
    zone.set("alias.test", "CNAME", f"{HOST}.")
    zone.set("_25._tcp.alias.test", "TLSA", f"3 1 1 {JUNK}")
    zone.set(RECORD, "TLSA", MIDDLE.tlsa(2, 1, 1))
    found = await tlsa_of(resolver, "alias.test", 25)
    assert found.name == HOST
    # and the certificate may be for it, besides what the policy names
    verify(found, await shown(LEAF), ("alias.test", DOMAIN), datetime.now(UTC))


async def test_without_records_there_those_of_the_alias_itself_hold(zone: Zone, resolver: DnsResolver) -> None:
    zone.set("alias.test", "CNAME", f"{HOST}.")
    zone.set("_25._tcp.alias.test", "TLSA", GOOD.tlsa(3, 1, 1))
    assert (await tlsa_of(resolver, "alias.test", 25)).name == "alias.test"


async def test_a_secure_alias_of_an_insecure_host_has_records_of_its_own(zone: Zone, resolver: DnsResolver) -> None:
    zone.set("alias.test", "CNAME", f"{HOST}.")
    zone.set("_25._tcp.alias.test", "TLSA", GOOD.tlsa(3, 1, 1))
    zone.set(RECORD, "TLSA", f"3 1 1 {JUNK}")
    zone.insecure.add(HOST)
    found = await tlsa_of(resolver, "alias.test", 25)
    assert (found.name, len(found.usable)) == ("alias.test", 1)


async def test_an_insecure_alias_leads_nowhere(zone: Zone, resolver: DnsResolver) -> None:
    zone.set("alias.test", "CNAME", f"{HOST}.")
    zone.set("_25._tcp.alias.test", "TLSA", GOOD.tlsa(3, 1, 1))
    zone.insecure |= {"alias.test", HOST}
    assert (await tlsa_of(resolver, "alias.test", 25)).records == ()


# --- certificates that are none


@pytest.mark.parametrize(
    "chain",
    [[], [b""], [b"\x30\x03abc"], [b"x" * 5000], [b"", LEAF.ders[1]]],
    ids=["none", "empty", "short", "long", "only-above"],
)
@pytest.mark.parametrize("record", [MIDDLE.tlsa(2, 1, 1), GOOD.tlsa(3, 1, 1)], ids=["ta", "ee"])
def test_octets_that_are_no_certificate_are_refused(chain: list[bytes], record: str) -> None:
    with pytest.raises(CertificateRefused) as refused:
        verify(DaneRecords(HOST, (), (_tlsa(record),), ""), chain, (HOST,), datetime.now(UTC))
    assert refused.value.result_type in {ResultType.VALIDATION_FAILURE, ResultType.TLSA_INVALID}


def test_a_long_chain_is_looked_at_in_part() -> None:
    found = DaneRecords(HOST, (), (_tlsa(MIDDLE.tlsa(2, 1, 1)),), "")
    padded = [LEAF.ders[0], *[OTHER_CA.certificate.public_bytes(_DER)] * 50, LEAF.ders[1]]
    with pytest.raises(CertificateRefused):
        verify(found, padded, (HOST,), datetime.now(UTC))


def test_the_time_is_the_callers() -> None:
    found = DaneRecords(HOST, (), (_tlsa(MIDDLE.tlsa(2, 1, 1)),), "")
    late = MIDDLE.issue(HOST, days=VALID)
    verify(found, late.ders, (HOST,), datetime.now(UTC))
    with pytest.raises(CertificateRefused, match="expired on 20"):
        verify(found, late.ders, (HOST,), datetime(2040, 1, 1, tzinfo=UTC))


def _tlsa(text: str) -> Tlsa:
    usage, selector, matching, data = text.split()
    return Tlsa(int(usage), int(selector), int(matching), bytes.fromhex(data))
