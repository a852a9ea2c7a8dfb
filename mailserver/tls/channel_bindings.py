"""What ties a login to the TLS connection it happens on. RFC 5929.

tls-server-end-point  a hash of the certificate that was really presented: of the context that is in use, which SNI may
                      have chosen. Not defined for signatures without one hash of their own (Ed25519), nor given for
                      RSA-PSS, whose hash is a parameter
tls-unique            the first Finished message; up to TLS 1.2 only, RFC 8446 §C.5
tls-exporter          of TLS 1.3, RFC 9266: Python 3.11's ssl gives no keying material out
"""

import hashlib
import ssl
from pathlib import Path

_END = "-----END CERTIFICATE-----"

# The signature algorithm's OID, as DER has it → the hash of its name; MD5 and SHA-1 give way to SHA-256, §4.1.
_HASHES = {
    bytes.fromhex("2a864886f70d010104"): "sha256",  # md5WithRSAEncryption
    bytes.fromhex("2a864886f70d010105"): "sha256",  # sha1WithRSAEncryption
    bytes.fromhex("2a864886f70d01010b"): "sha256",
    bytes.fromhex("2a864886f70d01010c"): "sha384",
    bytes.fromhex("2a864886f70d01010d"): "sha512",
    bytes.fromhex("2a864886f70d01010e"): "sha224",
    bytes.fromhex("2a8648ce3d0401"): "sha256",  # ecdsa-with-SHA1
    bytes.fromhex("2a8648ce3d040301"): "sha224",
    bytes.fromhex("2a8648ce3d040302"): "sha256",
    bytes.fromhex("2a8648ce3d040303"): "sha384",
    bytes.fromhex("2a8648ce3d040304"): "sha512",
}


class ServerContext(ssl.SSLContext):
    """An SSLContext that knows the certificate it presents."""

    end_point = b""  # tls-server-end-point; b"" where it is not defined


def end_point(certificate: Path) -> bytes:
    """Of the first certificate in a PEM file, which is the one presented. b"" where none is defined."""
    text = certificate.read_text("ascii", "replace")
    der = ssl.PEM_cert_to_DER_cert(text[text.index("-----BEGIN CERT") : text.index(_END) + len(_END)] + "\n")
    name = _HASHES.get(_signature_algorithm(der))
    return hashlib.new(name, der).digest() if name else b""


def channel_bindings(ssl_object: object) -> dict[str, bytes]:
    """By name; empty without TLS. `ssl_object`: the transport's extra info of that name."""
    if not isinstance(ssl_object, ssl.SSLObject):
        return {}
    found = {}
    if isinstance(ssl_object.context, ServerContext) and ssl_object.context.end_point:
        found["tls-server-end-point"] = ssl_object.context.end_point
    if ssl_object.version() == "TLSv1.2" and (unique := ssl_object.get_channel_binding("tls-unique")):
        found["tls-unique"] = unique
    return found


def _signature_algorithm(der: bytes) -> bytes:
    """Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { OID … }, signature }, RFC 5280 §4.1"""
    start, _ = _content(der, 0)
    _, after_tbs = _content(der, start)
    algorithm, _ = _content(der, after_tbs)
    oid, end = _content(der, algorithm)
    return der[oid:end]


def _content(der: bytes, at: int) -> tuple[int, int]:
    """Where the content of the element at `at` begins and ends."""
    length = der[at + 1]
    if length < 0x80:
        return at + 2, at + 2 + length
    octets = length & 0x7F
    start = at + 2 + octets
    return start, start + int.from_bytes(der[at + 2 : start])
