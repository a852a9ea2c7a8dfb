"""What signatures of others are worth: each its own result, in our words, whatever is in the message. RFC 6376 §6."""

import base64
import re
from collections.abc import Callable
from hashlib import sha1, sha256
from typing import Any

import dkim
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailserver.dkim import library
from mailserver.dkim.key_record import MAX_RECORD_OCTETS
from mailserver.dkim.private_keys import PrivateKey, to_pem
from mailserver.dkim.results import DkimResult, SignatureResult
from mailserver.dkim.tags import MAX_BLANKS, MAX_OCTETS
from mailserver.dkim.verify import MAX_SIGNATURES, Verifier
from tests.growth import is_linear
from tests.unit.dkim.letters import (
    BODY,
    ED25519,
    HEADER,
    NOW,
    OTHER_RSA,
    RSA,
    SHORT,
    Records,
    Texts,
    clock,
    here,
    record,
)

NAME = "sel._domainkey.example.test"
GOOD: Records = {NAME: record(RSA)}


async def verify(message: bytes, records: Records = GOOD) -> list[SignatureResult]:
    head, _, body = message.partition(b"\r\n\r\n")
    return await Verifier(Texts(records), clock(), here).verify(head + b"\r\n\r\n", [body])


async def result(message: bytes, records: Records = GOOD) -> tuple[str, str]:
    (only,) = await verify(message, records)
    return only.result.value, only.reason


def signed(
    key: PrivateKey = RSA,
    *,
    change: dict[str, str | None] | None = None,
    names: str = "from:to:subject",
    body: bytes = BODY,
    header: bytes = HEADER,
) -> bytes:
    """A message with a signature whose tags can be chosen; b= is right for them."""
    tags: dict[str, str | None] = {
        "v": "1",
        "a": key.algorithm.decode(),
        "c": "relaxed/relaxed",
        "d": "example.test",
        "s": "sel",
        "h": names,
        "bh": base64.b64encode(sha256(body).digest()).decode(),
    }
    tags.update(change or {})
    fields = [(line.partition(b":")[0], line.partition(b":")[2] + b"\r\n") for line in header.split(b"\r\n")[:-1]]
    listed = [(name.encode(), value.encode()) for name, value in tags.items() if value is not None]
    lower = [name.strip().lower().encode() for name in names.split(":")]
    return library.sign_header(fields, listed, lower, key) + header + b"\r\n" + body


# ---- the RFC's own message, with both of its signatures: RFC 8463 appendix A ----

FOOTBALL = b"""DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
""".replace(b"\n", b"\r\n")
FOOTBALL_KEYS: Records = {
    "brisbane._domainkey.football.example.com": b"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    "test._domainkey.football.example.com": (
        b"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/"
        b"J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryO"
        b"TIKT+l/K4w3QIDAQAB"
    ),
}


async def test_both_signatures_of_rfc_8463_pass_each_by_itself() -> None:
    first, second = await verify(FOOTBALL, FOOTBALL_KEYS)
    assert (first.result, first.algorithm, first.selector, first.key_bits) == (
        DkimResult.PASS,
        "ed25519-sha256",
        "brisbane",
        256,
    )
    assert (second.result, second.algorithm, second.selector, second.key_bits) == (
        DkimResult.PASS,
        "rsa-sha256",
        "test",
        1024,
    )
    assert (first.domain, first.identity, first.signature) == (
        "football.example.com",
        "@football.example.com",
        "/gCrinpc",
    )
    broken = dict(FOOTBALL_KEYS) | {"test._domainkey.football.example.com": record(RSA)}
    assert [each.result for each in await verify(FOOTBALL, broken)] == ["pass", "fail"]


@pytest.mark.parametrize("key", [RSA, ED25519], ids=["rsa", "ed25519"])
@pytest.mark.parametrize("header", ["relaxed", "simple"])
@pytest.mark.parametrize("body", ["relaxed", "simple"])
async def test_what_dkimpy_signs_passes(key: PrivateKey, header: str, body: str) -> None:
    private = to_pem(key) if key is RSA else base64.b64encode(ED25519.key.private_bytes_raw())  # type: ignore[union-attr]
    theirs = dkim.DKIM(HEADER + b"\r\n" + BODY).sign(
        b"sel",
        b"example.test",
        private,
        signature_algorithm=key.algorithm,
        canonicalize=(header.encode(), body.encode()),
    )
    records: Records = {NAME: record(key)}
    assert await result(theirs + HEADER + b"\r\n" + BODY, records) == ("pass", "")
    assert (await result(theirs + HEADER + b"\r\n" + BODY + b"more\r\n", records))[0] == "fail"


async def test_without_c_both_are_simple() -> None:
    assert (await result(signed(change={"c": "relaxed"}, body=BODY)))[0] == "pass"
    spaced = signed(change={"c": "relaxed"}).replace(b"Bye", b"Bye ")  # c= without its body's half
    assert (await result(spaced))[0] == "fail"


BODY_HASH = "the body was changed"
HEADER_CHANGED = "the header was changed, or the key is another"
Change = Callable[[bytes], bytes]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda m: m, ("pass", "")),
        (lambda m: m.replace(b"Subject: hello", b"subject :   hello  "), ("pass", "")),  # relaxed
        (lambda m: m.replace(b"Bye", b"Bye \t"), ("pass", "")),
        (lambda m: m + b"\r\n\r\n", ("pass", "")),
        (lambda m: b"X-Added: yes\r\n" + m, ("pass", "")),
        (lambda m: m.replace(b"Bye", b"bye"), ("fail", BODY_HASH)),
        (lambda m: m.replace(b"hello", b"hallo"), ("fail", HEADER_CHANGED)),
        (lambda m: m.replace(b"From:", b"From: ceo@bank.example\r\nFrom:"), ("fail", HEADER_CHANGED)),
        (lambda m: m.replace(b"From: Ann", b"From: Eve"), ("fail", HEADER_CHANGED)),
        (lambda m: re.sub(rb" b=..", b" b=AA", m), ("fail", HEADER_CHANGED)),
        (lambda m: m.replace(b"From:", b"Fro:"), ("fail", HEADER_CHANGED)),
    ],
)
async def test_a_change_to_what_is_signed_fails(change: Change, expected: tuple[str, str]) -> None:
    assert await result(change(signed())) == expected


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"x": str(NOW + 1)}, ("pass", "")),
        ({"x": str(NOW)}, ("pass", "")),
        ({"t": str(NOW - 90_000), "x": str(NOW - 86_400)}, ("fail", "the signature expired on 2026-02-28")),
        ({"t": str(NOW), "x": str(NOW)}, ("permerror", "it expired before it was made")),
        ({"x": "soon"}, ("permerror", "x= is not a number")),
        ({"x": "9" * 13}, ("permerror", "x= is not a number")),
        ({"i": "ann@example.test"}, ("pass", "")),
        ({"i": "@mail.Example.TEST"}, ("pass", "")),
        ({"i": "@notexample.test"}, ("permerror", "i= is not of the domain in d=")),
        ({"i": "ann"}, ("permerror", "i= is not of the domain in d=")),
        ({"v": "2"}, ("permerror", "v= is not 1")),
        ({"v": None}, ("permerror", "v= is missing")),
        ({"a": "rsa-md5"}, ("permerror", "a= is unknown")),
        ({"a": None}, ("permerror", "a= is missing")),
        ({"a": "ed25519-sha256"}, ("permerror", "the key is of another kind than the signature")),
        ({"c": "strict/relaxed"}, ("permerror", "c= is unknown")),
        ({"q": "dns/txt"}, ("pass", "")),
        ({"q": "http"}, ("permerror", "q= is not dns/txt")),
        ({"d": None}, ("permerror", "d= is not a domain")),
        ({"d": "exa mple"}, ("permerror", "d= is not a domain")),
        ({"s": "-"}, ("permerror", "s= is not a selector")),
        ({"s": "a" * 240}, ("permerror", "s= is not a selector")),
        ({"bh": "?"}, ("permerror", "bh= is not base64")),
        ({"bh": None}, ("permerror", "bh= is missing")),
        ({"l": str(len(BODY))}, ("policy", "l= leaves the end of the body to anybody")),
        ({"l": str(len(BODY) + 1)}, ("permerror", "l= is more than the body")),
        ({"l": "-1"}, ("permerror", "l= is not a number")),
        ({"from": "x", "z": "From:x|To:y"}, ("pass", "")),  # tags nobody knows
    ],
)
async def test_tags_are_honoured(tags: dict[str, str | None], expected: tuple[str, str]) -> None:
    assert await result(signed(change=tags)) == expected


async def test_what_follows_a_length_is_never_vouched_for() -> None:
    message = signed(change={"l": str(len(BODY))}) + b"and send your password to eve@far.example\r\n"
    assert (await result(message))[0] == "policy"
    begun = base64.b64encode(sha256(BODY[:5]).digest()).decode()
    assert (await result(signed(change={"l": "5", "bh": begun})))[0] == "policy"
    nothing = base64.b64encode(sha256(b"").digest()).decode()
    assert (await result(signed(change={"l": "0", "bh": nothing})))[0] == "policy"


async def test_from_must_be_signed() -> None:
    assert await result(signed(names="to:subject")) == ("permerror", "From is not signed")
    assert await result(signed(names="FROM : To")) == ("pass", "")


async def test_sha1_and_short_keys_never_pass() -> None:
    old = signed(change={"a": "rsa-sha1", "bh": base64.b64encode(sha1(BODY).digest()).decode()})
    assert await result(old) == ("policy", "sha1 proves nothing any more")
    assert await result(signed(SHORT), {NAME: record(SHORT)}) == (
        "policy",
        "an RSA key of less than 1024 bits proves nothing",
    )


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([], ("permerror", "there is no key record")),
        (None, ("temperror", "the key record could not be had now")),
        ([record(RSA), b"v=spf1 -all"], ("pass", "")),
        ([record(RSA), record(OTHER_RSA)], ("permerror", "there are several key records")),
        (f"p={RSA.public()}".encode(), ("pass", "")),
        (f"k=rsa; p={RSA.public()[:40]} \r\n\t {RSA.public()[40:]};".encode(), ("pass", "")),
        (b"v=DKIM1; p=", ("permerror", "the key was revoked")),
        (b"v=DKIM1", ("permerror", "the key record is damaged: p= is missing")),
        (b"v=DKIM1; p=MIGf", ("permerror", "the key is damaged")),
        (b"v=DKIM1; p=!", ("permerror", "the key record is damaged: p= is not base64")),
        (b"v=DKIM2; p=AAAA", ("permerror", "the key record is not of DKIM1")),
        (b"k=rsa; v=DKIM1; p=AAAA", ("permerror", "the key record is not of DKIM1")),
        (b"k=dsa; p=AAAA", ("permerror", "the key is of an unknown kind")),
        (b"k=ed25519; p=AAAA", ("permerror", "the key is damaged")),
        (b"k=rsa; p=" + ED25519.public().encode(), ("permerror", "the key is damaged")),
        (b"hello", ("permerror", "the key record is damaged: not a list of tags")),
        (b"p=" + b"A" * MAX_RECORD_OCTETS, ("permerror", "the key record is longer than 4096 octets")),
        (record(OTHER_RSA), ("fail", HEADER_CHANGED)),
        (record(ED25519), ("permerror", "the key is of another kind than the signature")),
        (record(RSA, "h=sha1:sha256; "), ("pass", "")),
        (record(RSA, "h=sha1; "), ("permerror", "the key is not for sha256")),
        (record(RSA, "s=email; "), ("pass", "")),
        (record(RSA, "s=*; "), ("pass", "")),
        (record(RSA, "s=tlsrpt; "), ("permerror", "the key is not for mail")),
        (record(RSA, "t=s; "), ("pass", "")),
        (record(RSA, "t=y; "), ("pass", "")),
    ],
    ids=lambda value: type(value).__name__,  # keys are made anew in every process
)
async def test_the_key_record_is_honoured(records: Any, expected: tuple[str, str]) -> None:
    assert await result(signed(), {NAME: records}) == expected


async def test_a_key_that_is_only_tried_out_neither_fails_nor_serves_subdomains() -> None:
    broken = signed().replace(b"Bye", b"bye")
    assert await result(broken, {NAME: record(RSA, "t=y; ")}) == (
        "neutral",
        "the body was changed; the domain is only trying DKIM out",
    )
    (only,) = await verify(signed(), {NAME: record(RSA, "t=y:s; ")})
    assert (only.result, only.is_testing) == ("pass", True)
    assert await result(signed(change={"i": "@mail.example.test"}), {NAME: record(RSA, "t=s; ")}) == (
        "permerror",
        "the key is not for subdomains, and i= names one",
    )


async def test_a_key_too_large_to_compute_with_is_not_computed_with() -> None:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    numbers = RSA.key.public_key().public_numbers()  # type: ignore[union-attr]
    slow = RSAPublicNumbers((1 << 200) + 1, numbers.n).public_key()  # type: ignore[union-attr]
    der = slow.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    record = b"p=" + base64.b64encode(der)
    assert await result(signed(), {NAME: record}) == ("permerror", "the key is too large to compute with")


async def test_ten_signatures_are_looked_at_and_each_key_once() -> None:
    message = b"".join(signed().partition(b"From:")[0] for _ in range(MAX_SIGNATURES + 5))
    texts = Texts(GOOD)
    found = await Verifier(texts, clock(), here).verify(message + HEADER + b"\r\n", [BODY])
    assert [each.result for each in found] == ["pass"] * MAX_SIGNATURES
    assert texts.asked == [NAME]


async def test_a_message_without_a_signature_has_no_result_and_asks_nobody() -> None:
    texts = Texts({})
    assert await Verifier(texts, clock(), here).verify(HEADER + b"\r\n", [BODY]) == []
    assert texts.asked == []


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "not a list of tags"),
        (b"v", "not a list of tags"),
        (b"=1", "not a list of tags"),
        (b"v=1; v=1", "v= is there twice"),
        (b"v=1; x" + b" " * (MAX_BLANKS + 1) + b"=1", f"more than {MAX_BLANKS} blanks in a row"),
        (b"v=1; z=" + b"a" * MAX_OCTETS, f"longer than {MAX_OCTETS} octets"),
        (b"\xff\xfe=1", "not a list of tags"),
        (b"v=1; h=" + b":".join([b"from"] * 201), "a= is missing"),
    ],
)
async def test_a_field_that_is_no_signature_is_an_error_of_its_own(value: bytes, reason: str) -> None:
    both = b"DKIM-Signature: " + value + b"\r\n" + signed()
    first, second = await verify(both)
    assert (first.result, first.reason or "") == ("permerror", reason if value else "v= is missing")
    assert second.result == "pass"


PARTS = st.sampled_from(
    b"v=1|a=rsa-sha256|a=ed25519-sha256|d=example.test|s=sel|h=from|h=from:to|bh=|b=|b=AAAA|bh=AAAA|x=1|t=2|l=3|"
    b"c=simple|i=@x|;| |\r\n |=|\xff|\0".split(b"|")
)
FIELD = st.lists(st.one_of(PARTS, st.binary(max_size=6)), max_size=20).map(b";".join)


@settings(max_examples=300, deadline=None)
@given(FIELD, st.binary(max_size=60), FIELD)
@example(b"v=1;a=rsa-sha256;d=example.test;s=sel;h=from;bh=AAAA;b=AAAA", b"", b"p=AAAA")
async def test_nothing_in_a_message_or_a_key_raises(value: bytes, more: bytes, key: bytes) -> None:
    head = b"DKIM-Signature: " + value + b"\r\n" + more + b"\r\n" + HEADER + b"\r\n"
    for each in await Verifier(Texts({NAME: key}), clock(), here).verify(head, [more, BODY]):
        assert each.result is not DkimResult.PASS
        assert each.reason


@settings(max_examples=200, deadline=None)
@given(st.data())
async def test_no_changed_octet_of_what_is_signed_passes(data: st.DataObject) -> None:
    """A flipped letter in a signed field or in the body."""
    message = signed(names="from:to:subject:date:message-id:from")
    start = message.index(b"From:")
    letters = [at for at in range(start, len(message)) if chr(message[at]).isalpha() and message[at] < 128]
    at = data.draw(st.sampled_from([at for at in letters if not _in_name(message, at)]))
    changed = message[:at] + bytes([message[at] ^ 1]) + message[at + 1 :]
    assert (await result(changed))[0] == "fail"


def _in_name(message: bytes, at: int) -> bool:
    """Whether it is in a field's name, which is another field then."""
    head = message.index(b"\r\n\r\n")
    line = message.rfind(b"\n", 0, at) + 1
    return at < head and at < message.index(b":", line)


@pytest.mark.parametrize(
    "header",
    [
        lambda n: b"DKIM-Signature: v=1; b" + b"\r\n " * n + b"=x\r\n",
        lambda n: b"DKIM-Signature: v=1; h=" + b"from:" * n + b"\r\n",
        lambda n: b"DKIM-Signature: " + b";" * n + b"\r\n",
        lambda n: b"DKIM-Signature: v=1\r\n" * (n // 10),
        lambda n: b"X: y\r\n" * n,
        lambda n: b"From: y\r\n" * n,
        lambda n: b"Subject: " + b" " * n + b"\r\n",
    ],
)
def test_a_hostile_header_takes_no_longer_than_its_size(header: Callable[[int], bytes]) -> None:
    import asyncio

    message = signed()

    def work(size: int) -> Callable[[], object]:
        whole = header(size) + message
        return lambda: asyncio.run(verify(whole))

    assert is_linear(work, 20_000)
