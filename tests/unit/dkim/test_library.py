"""Header signatures: what dkimpy itself would make, with RSA computed elsewhere."""

import base64
import hashlib
import re

import dkim
import pytest
from dkim.canonicalization import CanonicalizationPolicy
from dkim.crypto import parse_pem_private_key
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.dkim import library
from mailserver.dkim.body_hash import RELAXED, body_hashes
from mailserver.dkim.private_keys import Algorithm, PrivateKey, from_pem, generate, to_pem
from mailserver.dkim.sign import SigningKey, signatures
from mailserver.errors import BadKey

KEYS = {algorithm: generate(algorithm) for algorithm in (Algorithm.RSA_2048, Algorithm.ED25519)}
RSA = KEYS[Algorithm.RSA_2048]
HEADER = (
    b"Received: from x\r\nFrom: Ann <ann@example.test>\r\nTo: bob@far.example\r\nSubject:  hello\r\n\t there \r\n"
    b"Date: Sun, 01 Mar 2026 11:59:00 +0000\r\nMessage-ID: <1@example.test>\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain;\r\n charset=utf-8\r\n\r\n"
)
BODY = b"Hello  \t there. \r\n\r\nBye \r\n\r\n\r\n"


def record(key: PrivateKey) -> bytes:
    kind = "ed25519" if key.algorithm.startswith(b"ed") else "rsa"
    return f"v=DKIM1; k={kind}; p={key.public()}".encode()


def sign(key: PrivateKey, header: bytes = HEADER, body: bytes = BODY, expires_at: int | None = None) -> bytes:
    return signatures([SigningKey("example.test", "sel", key)], header, [body], 1_700_000_000, expires_at)


def verified(message: bytes, key: PrivateKey, index: int = 0) -> bool:
    """By dkimpy as it is, without anything of ours."""
    return bool(dkim.DKIM(message).verify(index, dnsfunc=lambda name, timeout: record(key)))


FIELDS = [(b"From", b" Ann <ann@example.test>\r\n"), (b"Subject", b"  hello\r\n\t there \r\n")]
NAMES = [b"from", b"from", b"subject"]
WORDS = st.text(st.characters(codec="ascii", min_codepoint=32, max_codepoint=126), max_size=80).map(str.encode)


@settings(max_examples=40, deadline=None)
@given(WORDS, WORDS)
def test_signatures_are_octet_equal_to_dkimpys_own(subject: bytes, body: bytes) -> None:
    fields = [FIELDS[0], (b"Subject", b" " + subject + b"\r\n")]
    hashed = body_hashes([RELAXED], [body])[RELAXED]
    tags = [(b"v", b"1"), (b"a", b"rsa-sha256"), (b"bh", base64.b64encode(hashed.sha256)), (b"h", b" : ".join(NAMES))]
    original = dkim.DKIM()
    original.headers = fields
    original.hasher = hashlib.sha256
    policy = CanonicalizationPolicy.from_c_value(b"relaxed/relaxed")
    theirs = original.gen_header(
        [*tags, (b"b", b"0" * 60)], list(NAMES), policy, b"DKIM-Signature", parse_pem_private_key(to_pem(RSA))
    )
    assert library.sign_header(fields, tags, NAMES, RSA) == b"DKIM-Signature: " + theirs
    assert hashed.sha256 == hashlib.sha256(policy.canonicalize_body(body)).digest()


@pytest.mark.parametrize("algorithm", KEYS)
def test_dkimpy_verifies_what_is_signed(algorithm: Algorithm) -> None:
    key = KEYS[algorithm]
    field = sign(key)
    assert verified(field + HEADER + BODY, key)
    assert not verified(field + HEADER.replace(b"hello", b"hallo") + BODY, key)
    with pytest.raises(dkim.ValidationError, match="body hash"):
        verified(field + HEADER + BODY + b"more", key)


def test_both_signatures_stand_side_by_side() -> None:
    keys = [SigningKey("example.test", f"s{at}", key) for at, key in enumerate(KEYS.values())]
    fields = signatures(keys, HEADER, [BODY[:5], BODY[5:]], 1_700_000_000, None)
    assert re.findall(rb"^DKIM-Signature: v=1; a=([a-z0-9-]+);", fields, re.MULTILINE) == [
        b"rsa-sha256",
        b"ed25519-sha256",
    ]
    for at, key in enumerate(KEYS.values()):
        assert verified(fields + HEADER + BODY, key, at)


@pytest.mark.parametrize("name", ["From", "To", "Subject", "Date", "Message-ID", "Reply-To", "MIME-Version"])
def test_a_field_that_readers_show_can_not_be_added(name: str) -> None:
    field = sign(RSA)
    forged = f"{name}: somebody else\r\n".encode()
    assert verified(field + HEADER + BODY, RSA)
    for header in (forged + HEADER, HEADER[:-2] + forged + b"\r\n"):
        assert not verified(field + header + BODY, RSA)


def test_a_signature_says_when_and_how_long_and_never_how_much_of_the_body() -> None:
    text = sign(RSA, expires_at=1_700_086_400)
    unfolded = text.replace(b"\r\n ", b" ")
    assert b"; t=1700000000; x=1700086400; h=from : from : to : to : " in unfolded
    assert b"; c=relaxed/relaxed; d=example.test; s=sel;" in unfolded
    assert not re.search(rb"[; ]l *=", unfolded)
    assert b"x=" not in sign(RSA).replace(b"\r\n ", b" ").partition(b"; h=")[0]
    assert max(map(len, text.split(b"\r\n"))) <= 78


def test_a_header_with_lone_line_feeds_and_lines_that_are_no_fields_is_signed_all_the_same() -> None:
    field = sign(RSA, b"From: a@example.test\n continued\ngarbage\nSubject : x\n\n")
    assert verified(field + b"From: a@example.test\r\n continued\r\nSubject: x\r\n\r\n" + BODY, RSA)


def test_many_fields_of_a_name_are_signed_up_to_a_limit() -> None:
    header = b"To: x@far.example\r\n" * 5000 + HEADER
    field = sign(RSA, header)
    assert len(field) < 2000
    assert verified(field + header + BODY, RSA)


@pytest.mark.parametrize("pem", [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", b"\xff" * 50])
def test_what_is_no_key_is_refused(pem: bytes) -> None:
    with pytest.raises(BadKey):
        from_pem(pem)


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_key_is_the_same_after_it_was_written(algorithm: Algorithm) -> None:
    again = from_pem(to_pem(KEYS[algorithm]))
    assert again.public() == KEYS[algorithm].public()
    assert again.algorithm == KEYS[algorithm].algorithm
