"""A certificate authority for tests: good, late, early, wrong, chained and self-signed certificates with real keys.

    ca = Authority()
    good = ca.issue("mx.example.net")
    late = ca.issue("mx.example.net", days=(-30, -1))
    chained = ca.intermediate().issue("mx.example.net")   # `chain` brings the intermediate along
    alone = self_signed("mx.example.net")
    Sink(tls=good.server_context()); Zone(...).set("_25._tcp.mx.example.net", "TLSA", good.tlsa(3, 1, 1))

Days count from the machine's clock, because OpenSSL judges by it. Leaf keys are made once per kind and shared unless
`key` is given: making an RSA key takes a tenth of a second.
"""

import functools
import hashlib
import ipaddress
import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
Days = tuple[float, float]  # valid from … to, counted from now

VALID: Days = (-1, 90)
EXPIRED: Days = (-90, -1)
NOT_YET: Days = (1, 90)
CA_DAYS: Days = (-365, 3650)
RSA_BITS = 2048
DER = serialization.Encoding.DER
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo


def new_key(kind: str = "EC") -> Key:
    """ "EC" (P-256) or "RSA"."""
    return ec.generate_private_key(ec.SECP256R1()) if kind == "EC" else rsa.generate_private_key(65537, RSA_BITS)


@functools.cache
def shared_key(kind: str, owner: str) -> Key:
    """One per run for each kind and owner, "CA" or "leaf": a CA and its leaf never have the same one."""
    return new_key(kind)


@dataclass(frozen=True, slots=True)
class Certified:
    """A certificate with its key and what a server sends after it."""

    certificate: x509.Certificate
    key: Key
    chain: tuple[x509.Certificate, ...] = ()  # intermediates, the nearest first; never the root unless added

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(DER)

    @property
    def ders(self) -> list[bytes]:
        """The leaf first, as TLS sends them."""
        return [self.der, *(certificate.public_bytes(DER) for certificate in self.chain)]

    @property
    def pem(self) -> bytes:
        return b"".join(c.public_bytes(serialization.Encoding.PEM) for c in (self.certificate, *self.chain))

    def with_chain(self, *chain: x509.Certificate) -> "Certified":
        return Certified(self.certificate, self.key, chain)

    def write(self, folder: Path) -> tuple[Path, Path]:
        """certificate.pem with the chain, and key.pem."""
        certificate, key = folder / "certificate.pem", folder / "key.pem"
        certificate.write_bytes(self.pem)
        key.write_bytes(
            self.key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        key.chmod(0o600)
        return certificate, key

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            context.load_cert_chain(*self.write(Path(folder)))
        return context

    def tlsa(self, usage: int, selector: int, matching: int) -> str:
        """A TLSA record for this certificate, as a zone file has it. RFC 6698 §2.1."""
        return tlsa(self.certificate, usage, selector, matching)


class Authority:
    """A root, or an intermediate below `parent`."""

    def __init__(
        self, name: str = "Test CA", *, kind: str = "EC", days: Days = CA_DAYS, parent: "Authority | None" = None
    ) -> None:
        self._parent = parent
        self.key = new_key(kind) if parent else shared_key(kind, f"CA {name}")
        self.certificate = _certificate(
            _subject(name),
            self.key,
            days,
            (parent.certificate.subject, parent.key) if parent else None,
            authority=True,
        )

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """What a server sends for certificates of this authority: itself and those above, without the root."""
        return () if self._parent is None else (self.certificate, *self._parent.chain)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(
        self, *names: str, kind: str = "EC", days: Days = VALID, key: Key | None = None, common_name: str | None = None
    ) -> Certified:
        """For DNS names and addresses; without names it has no subjectAltName at all."""
        key = key or shared_key(kind, "leaf")
        subject = _subject(common_name or (names[0] if names else "nobody"))
        issuer = (self.certificate.subject, self.key)
        made = _certificate(subject, key, days, issuer, names=names)
        return Certified(made, key, self.chain)

    def intermediate(self, name: str = "Test intermediate", *, kind: str = "EC", days: Days = CA_DAYS) -> "Authority":
        return Authority(name, kind=kind, days=days, parent=self)

    def tlsa(self, usage: int, selector: int, matching: int) -> str:
        return tlsa(self.certificate, usage, selector, matching)

    def trusting(self) -> ssl.SSLContext:
        """A client context that believes this authority and no other."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.pem.decode())
        return context


def self_signed(*names: str, kind: str = "EC", days: Days = VALID, key: Key | None = None) -> Certified:
    key = key or shared_key(kind, "leaf")
    return Certified(_certificate(_subject(names[0] if names else "nobody"), key, days, None, names=names), key)


def tlsa(certificate: x509.Certificate, usage: int, selector: int, matching: int) -> str:
    """selector 0: the certificate, 1: its public key; matching 0: whole, 1: SHA-256, 2: SHA-512. RFC 6698 §2.1."""
    octets = certificate.public_bytes(DER) if selector == 0 else certificate.public_key().public_bytes(DER, SPKI)
    data = (octets, hashlib.sha256(octets).digest(), hashlib.sha512(octets).digest())[matching]
    return f"{usage} {selector} {matching} {data.hex()}"


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


def _certificate(
    subject: x509.Name,
    key: Key,
    days: Days,
    issuer: tuple[x509.Name, Key] | None,
    *,
    names: Sequence[str] = (),
    authority: bool = False,
) -> x509.Certificate:
    """`issuer` None: self-signed."""
    issuer_name, issuer_key = issuer or (subject, key)
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder(issuer_name, subject, key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .add_extension(_key_usage(authority), critical=True)
    )
    if not authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _key_usage(authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not authority,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
