"""The certificate's hash as a channel binding, of certificates and of real handshakes. RFC 5929 §4.1."""

import hashlib
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import NameOID

from mailserver.tls.channel_bindings import channel_bindings, end_point
from mailserver.tls.contexts import server_context

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()


def write(
    folder: Path, key: Key, digest: hashes.HashAlgorithm | None, name: str = "a", pss: bool = False
) -> tuple[Path, Path, bytes]:
    """Certificate, key, and the certificate's DER."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name}.test")])
    builder = (
        x509.CertificateBuilder(subject, subject, key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2025, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2045, 1, 1, tzinfo=UTC))
    )
    rsa_padding = padding.PSS(padding.MGF1(hashes.SHA256()), 32) if pss else None
    made = builder.sign(key, digest, rsa_padding=rsa_padding)  # type: ignore[arg-type]
    pem, private = folder / f"{name}.pem", folder / f"{name}.key"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pem, private, made.public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize(
    ("key", "digest", "hashed"),
    [
        (RSA, hashes.SHA256(), "sha256"),
        (RSA, hashes.SHA384(), "sha384"),
        (RSA, hashes.SHA512(), "sha512"),
        (EC, hashes.SHA256(), "sha256"),
        (EC, hashes.SHA384(), "sha384"),
    ],
)
def test_the_hash_is_the_signatures(tmp_path: Path, key: Key, digest: hashes.HashAlgorithm, hashed: str) -> None:
    pem, _, der = write(tmp_path, key, digest)
    pem.write_text("an explanation, as some tools write it\n" + pem.read_text() + "and a chain behind it\n")
    assert end_point(pem) == hashlib.new(hashed, der).digest()


def test_where_the_rule_names_no_hash_there_is_no_binding(tmp_path: Path) -> None:
    assert end_point(write(tmp_path, ED, None)[0]) == b""
    assert end_point(write(tmp_path, RSA, hashes.SHA256(), pss=True)[0]) == b""


def shake_hands(context: ssl.SSLContext, name: str, highest: ssl.TLSVersion) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """The client's and the server's end of a connection in memory."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode, trusting.maximum_version = False, ssl.CERT_NONE, highest
    client = trusting.wrap_bio(to_client, to_server, server_hostname=name)
    server = context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for end in (client, server):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return client, server


def test_the_binding_is_of_the_certificate_that_was_presented(tmp_path: Path) -> None:
    one, other = write(tmp_path, EC, hashes.SHA256(), "one"), write(tmp_path, EC, hashes.SHA384(), "other")
    context, second = server_context(one[0], one[1]), server_context(other[0], other[1])

    def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        if name == "other.test":
            connection.context = second

    context.sni_callback = choose  # type: ignore[assignment]
    for name, der, hashed in (("one.test", one[2], "sha256"), ("other.test", other[2], "sha384")):
        client, server = shake_hands(context, name, ssl.TLSVersion.TLSv1_3)
        presented = client.getpeercert(binary_form=True)
        assert presented == der
        assert channel_bindings(server) == {"tls-server-end-point": hashlib.new(hashed, der).digest()}


def test_tls_unique_is_of_tls_1_2_only_and_the_same_at_both_ends(tmp_path: Path) -> None:
    pem, key, _ = write(tmp_path, EC, hashes.SHA256())
    client, server = shake_hands(server_context(pem, key), "a.test", ssl.TLSVersion.TLSv1_2)
    assert server.version() == "TLSv1.2"
    assert channel_bindings(server)["tls-unique"] == client.get_channel_binding("tls-unique")


def test_without_tls_there_is_nothing_to_bind_to() -> None:
    assert channel_bindings(None) == {}
