"""What is found out about a sender: SPF by our resolver, the author's DMARC policy and its organization."""

import pytest

from mailserver.delivery import dmarc, spf
from mailserver.delivery.dmarc import DmarcPolicy, Wish
from mailserver.dns.answers import DnsFailure
from tests.service.delivery.names import Names

FAR = "far.example"
SPF: list[tuple[str, str, str]] = [
    ("v=spf1 ip4:192.0.2.1 -all", "192.0.2.1", "pass"),
    ("v=spf1 ip6:2001:db8::/32 -all", "2001:db8::1", "pass"),
    ("v=spf1 a -all", "192.0.2.2", "pass"),
    ("v=spf1 mx -all", "192.0.2.3", "pass"),
    ("v=spf1 ptr -all", "192.0.2.4", "pass"),
    ("v=spf1 include:other.example -all", "192.0.2.5", "pass"),
    ("v=spf1 -all", "192.0.2.1", "fail"),
    ("v=spf1 ~all", "192.0.2.1", "softfail"),
    ("v=spf1 ?all", "192.0.2.1", "neutral"),
    ("v=spf1 include:loop.example", "192.0.2.1", "permerror"),
    ("v=spf1 a:broken.example -all", "192.0.2.1", "temperror"),
    ("something else", "192.0.2.1", "none"),
]
WORLD = {
    ("far.example", "A"): ["192.0.2.2"],
    ("far.example", "MX"): ["mx.far.example"],
    ("mx.far.example", "A"): ["192.0.2.3"],
    ("192.0.2.4", "PTR"): ["host.far.example"],
    ("host.far.example", "A"): ["192.0.2.4"],
    ("other.example", "TXT"): ["v=spf1 ip4:192.0.2.5 -all"],
    ("loop.example", "TXT"): ["v=spf1 include:loop.example"],
}


@pytest.mark.parametrize(("record", "address", "result"), SPF)
async def test_spf_is_evaluated_with_our_resolver(record: str, address: str, result: str) -> None:
    names = Names({**WORLD, ("far.example", "TXT"): [record]})
    names.broken.add("broken.example")
    assert await spf.check(names, address, "x@far.example", "mx.far.example") == result


async def test_the_null_sender_is_checked_by_its_greeting() -> None:
    names = Names({("mx.far.example", "TXT"): ["v=spf1 ip4:192.0.2.1 -all"]})
    assert await spf.check(names, "192.0.2.1", "", "mx.far.example") == "pass"


# records, From's domain → wish, strict, organization. RFC 9989 §4.10
POLICIES: list[tuple[dict[str, str], str, DmarcPolicy]] = [
    ({}, FAR, DmarcPolicy(Wish.NONE, False, FAR, FAR)),
    (
        {FAR: "v=DMARC1; p=reject"},
        FAR,
        DmarcPolicy(Wish.REJECT, False, FAR, FAR),
    ),
    (
        {FAR: "v=DMARC1; p=reject; sp=quarantine"},
        "a.b.far.example",
        DmarcPolicy(Wish.QUARANTINE, False, "a.b.far.example", FAR),
    ),
    (
        {"a.far.example": "v=DMARC1; p=none; adkim=s", FAR: "v=DMARC1; p=reject"},
        "a.far.example",
        DmarcPolicy(Wish.NONE, True, "a.far.example", FAR),
    ),
    (
        {"a.far.example": "v=DMARC1; p=reject; psd=n", FAR: "v=DMARC1; p=none"},
        "a.far.example",
        DmarcPolicy(Wish.REJECT, False, "a.far.example", "a.far.example"),
    ),
    (
        {"example": "v=DMARC1; p=reject; psd=y"},
        "a.far.example",
        DmarcPolicy(Wish.REJECT, False, "a.far.example", FAR),
    ),
    (
        {FAR: "v=DMARC1; p=nonsense"},
        FAR,
        DmarcPolicy(Wish.NONE, False, FAR, FAR),
    ),
    ({FAR: "v=spf1 -all"}, FAR, DmarcPolicy(Wish.NONE, False, FAR, FAR)),
]


@pytest.mark.parametrize(("records", "domain", "policy"), POLICIES)
async def test_the_policy_of_an_author(records: dict[str, str], domain: str, policy: DmarcPolicy) -> None:
    names = Names({(f"_dmarc.{name}", "TXT"): [text] for name, text in records.items()})
    assert await dmarc.policy_of(names, domain) == policy


async def test_several_records_are_none() -> None:
    names = Names({("_dmarc.far.example", "TXT"): ["v=DMARC1; p=reject", "v=DMARC1; p=none"]})
    assert (await dmarc.policy_of(names, "far.example")).wish is Wish.NONE


async def test_a_domain_of_a_hundred_labels_costs_eight_questions() -> None:
    asked: list[str] = []

    class Counting(Names):
        async def txt(self, name: str):  # type: ignore[no-untyped-def]
            asked.append(name)
            return await super().txt(name)

    await dmarc.policy_of(Counting({}), ".".join(["a"] * 98) + ".far.example")
    assert len(asked) == 8
    assert asked[1] == "_dmarc.a.a.a.a.a.far.example"


async def test_a_failing_dns_is_no_policy() -> None:
    names = Names({})
    names.broken.add("_dmarc.far.example")
    with pytest.raises(DnsFailure):
        await dmarc.policy_of(names, "far.example")


@pytest.mark.parametrize(
    ("strict", "signer", "covered"),
    [
        (False, "far.example", True),
        (False, "a.far.example", True),
        (False, "mail.a.far.example", True),
        (False, "notfar.example", False),
        (False, "example", False),
        (True, "a.far.example", True),
        (True, "far.example", False),
    ],
)
def test_whose_signatures_count(strict: bool, signer: str, covered: bool) -> None:
    assert DmarcPolicy(Wish.REJECT, strict, "a.far.example", "far.example").covers(signer) == covered
