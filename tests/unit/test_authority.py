"""The tests' certificates are what they claim, by OpenSSL's judgement."""

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.authority import EXPIRED, NOT_YET, Authority, Certified, self_signed

NAME = "mx.example.net"
CA = Authority()


def verdict(certified: Certified, trust: Authority = CA, name: str = NAME) -> str:
    """ "OK", or why a client refuses; a handshake in memory."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trust.trusting().wrap_bio(to_client, to_server, server_hostname=name)
    server = certified.server_context().wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as error:
                return error.verify_message
    return "OK"


@pytest.mark.parametrize(
    ("certified", "expected"),
    [
        (CA.issue(NAME), "OK"),
        (CA.issue("127.0.0.2", NAME, kind="RSA"), "OK"),
        (CA.issue("*.example.net"), "OK"),
        (CA.intermediate().issue(NAME), "OK"),
        (CA.intermediate("a").intermediate("b", kind="RSA").issue(NAME), "OK"),
        (CA.intermediate().issue(NAME).with_chain(), "unable to get local issuer certificate"),
        (CA.issue(NAME, days=EXPIRED), "certificate has expired"),
        (CA.issue(NAME, days=NOT_YET), "certificate is not yet valid"),
        (CA.issue("mx.example.org"), "Hostname mismatch, certificate is not valid for 'mx.example.net'."),
        (CA.issue(common_name=NAME), "OK"),  # without a subjectAltName OpenSSL looks at the common name
        (self_signed(NAME), "self-signed certificate"),
        (Authority("Another CA").issue(NAME), "unable to get local issuer certificate"),
    ],
)
def test_each_kind_is_judged_as_it_should(certified: Certified, expected: str) -> None:
    assert verdict(certified) == expected


def test_keys_are_of_the_kind_asked_for(tmp_path: Path) -> None:
    assert isinstance(CA.issue(NAME).key, ec.EllipticCurvePrivateKey)
    assert isinstance(CA.issue(NAME, kind="RSA").key, rsa.RSAPrivateKey)
    certificate, key = CA.issue(NAME).write(tmp_path)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)


def test_tlsa_names_the_certificate_or_its_key() -> None:
    one, other = CA.issue(NAME), CA.issue(NAME, days=EXPIRED)
    assert one.tlsa(3, 0, 0) == f"3 0 0 {one.der.hex()}"
    assert one.tlsa(3, 0, 1) != other.tlsa(3, 0, 1)
    assert one.tlsa(3, 1, 2) == other.tlsa(3, 1, 2)  # the same key
    assert len(one.tlsa(2, 1, 1).split()[3]) == 64
    assert CA.tlsa(2, 1, 1) != one.tlsa(2, 1, 1)
