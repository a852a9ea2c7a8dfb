"""Chains: what dkimpy seals passes here and what we seal passes there; whatever is broken fails. RFC 8617."""

import re
from collections.abc import Callable, Sequence

import dkim
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.dkim import chain, results_text, sealing
from mailserver.dkim.arc import Chains
from mailserver.dkim.chain import MAX_SETS
from mailserver.dkim.private_keys import to_pem
from mailserver.dkim.results import ChainResult, ChainStatus, DkimResult, SignatureResult
from mailserver.dkim.sign import SigningKey
from tests.growth import is_linear
from tests.unit.dkim.letters import BODY, HEADER, NOW, OTHER_RSA, RSA, SHORT, Records, Texts, clock, here, record

ZONE: dict[str, bytes | list[bytes] | None] = {
    "sel._domainkey.one.test": record(RSA),
    "sel._domainkey.two.test": record(OTHER_RSA),
}
KEYS = {"one.test": RSA, "two.test": OTHER_RSA}
MESSAGE = HEADER + b"\r\n" + BODY


class Keys:
    """Instead of the signer: the keys that a domain has."""

    def __init__(self, keys: Sequence[SigningKey]) -> None:
        self._keys = tuple(keys)

    async def keys(self, domain: str | int) -> tuple[SigningKey, ...]:
        return tuple([key for key in self._keys if key.domain == domain])


SIGNING = [SigningKey(domain, "sel", key) for domain, key in KEYS.items()]


def chains(records: Records = ZONE, keys: Sequence[SigningKey] = SIGNING) -> Chains:
    return Chains(Texts(records), clock(), here, Keys(keys))


def split(message: bytes) -> tuple[bytes, list[bytes]]:
    head, _, body = message.partition(b"\r\n\r\n")
    return head + b"\r\n\r\n", [body]


async def validate(message: bytes, records: Records = ZONE) -> ChainResult:
    return await chains(records).validate(*split(message))


def theirs(message: bytes, domain: str, cv: str) -> bytes:
    """Sealed by dkimpy."""
    results = f"Authentication-Results: {domain}; spf=pass smtp.mailfrom=a@b.test; arc={cv}\r\n".encode()
    added = dkim.arc_sign(
        results + message, b"sel", domain.encode(), to_pem(KEYS[domain]), domain.encode(), timestamp=NOW
    )
    return b"".join(added) + message


async def ours(message: bytes, domain: str, before: ChainResult | None = None) -> bytes:
    before = before or await validate(message)
    results = results_text.write(domain, [SignatureResult(DkimResult.PASS, "", "a.test", "s", "rsa-sha256")], before)
    return await chains().seal(domain, *split(message), results, before) + message


def judged_by_dkimpy(message: bytes) -> str:
    cv, _, _ = dkim.arc_verify(message, dnsfunc=lambda name, timeout: ZONE.get(name.decode().rstrip(".")))
    return (cv or b"fail").decode()  # None: a chain that ended


async def test_chains_of_ours_and_of_dkimpy_are_judged_alike_and_go_on_each_other() -> None:
    message, before = MESSAGE, "none"
    for count, (domain, seal) in enumerate(
        [
            ("one.test", "ours"),
            ("two.test", "theirs"),
            ("two.test", "ours"),
            ("one.test", "theirs"),
            ("one.test", "ours"),
        ],
        1,
    ):
        message = await ours(message, domain) if seal == "ours" else theirs(message, domain, before)
        before = "pass"
        found = await validate(message)
        assert (found.status, found.instance, found.reason) == ("pass", count, "")
        assert found.sealers[-1] == domain
        assert len(found.sealers) == count
        assert judged_by_dkimpy(message) == "pass"


async def test_our_set_says_what_we_saw() -> None:
    message = await ours(MESSAGE, "one.test")
    unfolded = message.replace(b"\r\n ", b" ")
    assert unfolded.startswith(b"ARC-Seal: i=1; cv=none; a=rsa-sha256; d=one.test; s=sel; t=%d; b=" % NOW)
    assert (
        b"\r\nARC-Authentication-Results: i=1; one.test; dkim=pass header.d=a.test header.s=s"
        b" header.a=rsa-sha256; arc=none\r\n" in unfolded
    )
    assert b"; h=from : from : to" in unfolded
    again = await ours(message, "two.test")
    assert again.replace(b"\r\n ", b" ").startswith(b"ARC-Seal: i=2; cv=pass; ")


async def test_our_seal_covers_the_signatures_on_the_message() -> None:
    message = await ours(b"DKIM-Signature: v=1; a=x\r\n" + MESSAGE, "one.test")
    assert (await validate(message)).status == "pass"
    assert (await validate(message.replace(b"a=x", b"a=y"))).status == "fail"


@pytest.fixture(scope="module")
def sealed() -> bytes:
    """Three sets."""
    return theirs(theirs(theirs(MESSAGE, "one.test", "none"), "two.test", "pass"), "one.test", "pass")


Change = Callable[[bytes], bytes]


def swapped(old: bytes, new: bytes, count: int = 1) -> Change:
    return lambda message: message.replace(old, new, count)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (swapped(b"Bye", b"bye"), "the body was changed"),
        (swapped(b"hello", b"hallo"), "the header was changed, or the key is another"),
        (swapped(b"spf=pass", b"spf=fail"), "seal 3: the header was changed, or the key is another"),
        (
            lambda m: re.sub(rb"\Z|ARC-Seal: i=3.*?(?=ARC-M)", b"", m, count=1, flags=re.S),
            "a set is not complete, or missing",
        ),
        (lambda m: m.replace(b"ARC-Seal: i=2;", b"ARC-Seal: i=1;"), "set 1 has a field twice"),
        (lambda m: m.replace(b"i=2;", b"i=7;"), "a set is not complete, or missing"),
        (lambda m: m.replace(b"i=3;", b"i=51;"), "a set without a number from 1 to 50"),
        (lambda m: m.replace(b"i=3;", b"i=0;"), "a set without a number from 1 to 50"),
        (
            lambda m: m.replace(b"ARC-Seal: i=3; cv=pass", b"ARC-Seal: i=3; cv=none"),
            "set 3 is damaged: cv= can not be so here",
        ),
        (
            lambda m: m.replace(b"ARC-Seal: i=1; cv=none", b"ARC-Seal: i=1; cv=pass"),
            "set 1 is damaged: cv= can not be so here",
        ),
        (lambda m: m.replace(b"ARC-Seal: i=3;", b"ARC-Seal: i=3; h=from;"), "set 3 is damaged: a seal with h="),
        (
            lambda m: m.replace(b"ARC-Seal: i=3; cv=pass; a=rsa-sha256", b"ARC-Seal: i=3; cv=pass; a=rsa-sha1"),
            "set 3 is damaged: a= is not rsa-sha256",
        ),
        (lambda m: m.replace(b"h=from", b"h=arc-seal : from"), "set 1 is damaged: h= has ARC-Seal"),
    ],
)
async def test_a_broken_chain_fails(sealed: bytes, change: Change, reason: str) -> None:
    assert change(sealed) != sealed
    found = await validate(change(sealed))
    assert (found.status, found.reason, found.sealers) == ("fail", reason, ())
    assert judged_by_dkimpy(change(sealed)) == "fail"


async def test_a_set_that_can_not_be_numbered_or_leaves_the_body_open_fails(sealed: bytes) -> None:
    """dkimpy passes over the one and believes the other."""
    unnumbered = sealed.replace(b"i=3;", b"i=" + b"9" * 5000 + b";")
    assert (await validate(unnumbered)).reason == "a set without a number from 1 to 50"
    partial = sealed.replace(b"Signature: i=3;", b"Signature: i=3; l=1;")
    assert (await validate(partial)).reason == "set 3 is damaged: l= leaves the end of the body to anybody"


async def test_a_message_without_sets_has_none() -> None:
    assert await validate(MESSAGE) == ChainResult(ChainStatus.NONE)


async def test_keys_of_a_chain_are_judged_as_those_of_signatures(sealed: bytes) -> None:
    assert (await validate(sealed)).status == "pass"
    without = {**ZONE, "sel._domainkey.two.test": []}
    assert (await validate(sealed, without)).reason == "seal 2: there is no key record"
    found = await validate(sealed, {**ZONE, "sel._domainkey.two.test": None})
    assert (found.status, found.reason) == ("temperror", "seal 2: the key record could not be had now")
    short = b"".join([sealing.seal(SigningKey("one.test", "sel", SHORT), *split(MESSAGE), "one.test; none", NONE, NOW)])
    assert (await validate(short + MESSAGE, {"sel._domainkey.one.test": record(SHORT)})).status == "fail"


NONE = ChainResult(ChainStatus.NONE)


async def test_a_broken_chain_is_sealed_as_broken_once_and_then_never_again() -> None:
    broken = (await ours(MESSAGE, "one.test")).replace(b"hello", b"hallo")
    found = await validate(broken)
    assert (found.status, found.is_final) == ("fail", False)
    marked = await ours(broken, "two.test")
    assert marked.replace(b"\r\n ", b" ").startswith(b"ARC-Seal: i=2; cv=fail; ")
    ended = await validate(marked)
    assert (ended.status, ended.is_final, ended.instance) == ("fail", True, 2)
    assert judged_by_dkimpy(marked) == "fail"
    assert await ours(marked, "one.test") == marked


async def test_fifty_sets_pass_and_a_fifty_first_is_not_made() -> None:
    message, before = MESSAGE, NONE
    for count in range(1, MAX_SETS + 1):
        head, body = split(message)
        message = sealing.seal(SIGNING[0], head, body, "one.test; none", before, NOW) + message
        before = ChainResult(ChainStatus.PASS, instance=count)
    found = await validate(message)
    assert (found.status, found.instance) == ("pass", MAX_SETS)
    assert await ours(message, "two.test") == message
    more = message.replace(b"ARC-Seal: i=50;", b"ARC-Seal: i=51;").replace(b"i=50;", b"i=51;")
    assert (await validate(more)).status == "fail"


@pytest.mark.parametrize(
    "before", [ChainResult(ChainStatus.TEMPERROR, instance=1), ChainResult(ChainStatus.FAIL, is_final=True, instance=1)]
)
async def test_what_can_not_be_vouched_for_is_not_sealed(before: ChainResult) -> None:
    assert await chains().seal("one.test", *split(MESSAGE), "one.test; none", before) == b""


async def test_without_an_rsa_key_nothing_is_sealed() -> None:
    assert await chains().seal("elsewhere.test", *split(MESSAGE), "one.test; none", NONE) == b""


PART = st.sampled_from(
    b"i=1|i=2|i=51|a=rsa-sha256|d=one.test|s=sel|h=from|bh=AAAA|b=AAAA|cv=none|cv=pass|cv=fail|;| |\r\n |=|\xff".split(
        b"|"
    )
)
VALUE = st.lists(st.one_of(PART, st.binary(max_size=4)), max_size=12).map(b";".join)
NAMES = st.sampled_from([*chain.KINDS, b"ARC-Seal ", b"ARC-Message-Signature"])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(NAMES, VALUE), max_size=7))
async def test_nothing_in_a_chain_raises(fields: list[tuple[bytes, bytes]]) -> None:
    header = b"".join(b"%b: %b\r\n" % field for field in fields)
    found = await validate(header + MESSAGE)
    assert found.status in {"none", "fail"}
    await ours(header + MESSAGE, "one.test", found)


@settings(max_examples=150, deadline=None)
@given(st.data())
async def test_a_changed_octet_is_judged_as_dkimpy_judges_it(sealed: bytes, data: st.DataObject) -> None:
    """We may fail what it passes, never the other way round."""
    at = data.draw(st.integers(0, len(sealed) - 1))
    changed = sealed[:at] + data.draw(st.binary(min_size=1, max_size=2)) + sealed[at + 1 :]
    try:
        expected = judged_by_dkimpy(changed)
    except Exception:  # dkimpy itself stumbles
        expected = "fail"
    status = (await validate(changed)).status
    assert status == expected or status == "fail" or (status, expected) == ("none", "fail")


@pytest.mark.parametrize(
    "header",
    [
        lambda n: b"ARC-Seal: i=1\r\n" * n,
        lambda n: b"ARC-Seal: i=1; b" + b"\r\n " * n + b"=x\r\n",
        lambda n: b"ARC-Authentication-Results: " + b" " * n + b"i=1;\r\n",
    ],
)
def test_a_hostile_chain_takes_no_longer_than_its_size(header: Callable[[int], bytes]) -> None:
    import asyncio

    def work(size: int) -> Callable[[], object]:
        message = header(size) + MESSAGE
        return lambda: asyncio.run(validate(message))

    assert is_linear(work, 20_000)
