"""The key of a certificate, as its octets stand there."""

import contextlib

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from mailserver.outbound_tls.der import BadDer, is_certificate, is_sequence, public_key
from tests.authority import Authority, self_signed

CERTIFICATES = [
    Authority().issue("mx.example.net"),
    Authority().issue("mx.example.net", kind="RSA"),
    self_signed("a" * 60 + ".test", kind="RSA"),
]
WHOLE = CERTIFICATES[0].der


@pytest.mark.parametrize("certified", CERTIFICATES)
def test_it_is_the_key_that_the_certificate_is_for(certified: object) -> None:
    key = certified.key.public_key()  # type: ignore[attr-defined]
    expected = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert public_key(certified.der) == expected  # type: ignore[attr-defined]
    assert is_certificate(certified.der)  # type: ignore[attr-defined]
    assert is_sequence(expected)
    assert not is_certificate(expected)


@pytest.mark.parametrize(
    "octets",
    [b"", b"\x30", b"\x30\x80\x00\x00", b"\x30\x84\xff\xff\xff\xff", b"\x04\x00", WHOLE[:99]],
    ids=["empty", "tag", "indefinite", "huge", "octets", "cut"],
)
def test_what_is_no_certificate_has_no_key(octets: bytes) -> None:
    with pytest.raises(BadDer):
        public_key(octets)
    assert not is_certificate(octets)


@given(st.binary(max_size=80), st.integers(0, len(WHOLE)), st.integers(0, 255))
def test_any_octets_give_a_key_or_the_one_refusal(octets: bytes, at: int, octet: int) -> None:
    for wire in (
        octets,
        WHOLE[:at],
        WHOLE[:at] + bytes([octet]) + WHOLE[at + 1 :],
        b"\x30\x82\x01\x00\x30\x50" + octets,
    ):
        with contextlib.suppress(BadDer):
            assert public_key(wire) in wire
        assert is_sequence(wire) in {True, False}
