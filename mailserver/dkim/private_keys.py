"""Private keys: made, written as PEM, read again, and asked for signatures. RFC 6376 §3.3, RFC 8463.

The library is loaded with the first key: it takes 7 MB.
"""

import base64
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from mailserver.errors import BadKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

EXPONENT = 65_537
LEAST_BITS = 1024  # RFC 8301 §3.2


class Algorithm(StrEnum):
    """As the column dkim_key_algorithm has it."""

    RSA_2048 = "RSA-2048"
    RSA_4096 = "RSA-4096"
    ED25519 = "Ed25519"

    @property
    def k(self) -> str:
        """As k= of the key record says it."""
        return "ed25519" if self is Algorithm.ED25519 else "rsa"


@dataclass(frozen=True, slots=True)
class RsaKey:
    key: "RSAPrivateKey"
    algorithm: bytes = b"rsa-sha256"

    def sign_digest(self, digest: bytes) -> bytes:
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
        from cryptography.hazmat.primitives.hashes import SHA256

        return self.key.sign(digest, PKCS1v15(), Prehashed(SHA256()))

    def public(self) -> str:
        """As p= of the key record has it: SubjectPublicKeyInfo. RFC 6376 §3.6.1."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        octets = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(octets).decode()


@dataclass(frozen=True, slots=True)
class Ed25519Key:
    key: "Ed25519PrivateKey"
    algorithm: bytes = b"ed25519-sha256"

    def sign_digest(self, digest: bytes) -> bytes:
        return self.key.sign(digest)

    def public(self) -> str:
        """The 32 octets themselves. RFC 8463 §4."""
        return base64.b64encode(self.key.public_key().public_bytes_raw()).decode()


PrivateKey = RsaKey | Ed25519Key

_BITS = {Algorithm.RSA_2048: 2048, Algorithm.RSA_4096: 4096}


def generate(algorithm: Algorithm) -> PrivateKey:
    """In a thread: RSA takes up to seconds."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

    if algorithm is Algorithm.ED25519:
        return Ed25519Key(Ed25519PrivateKey.generate())
    return RsaKey(generate_private_key(EXPONENT, _BITS[algorithm]))


def to_pem(key: PrivateKey) -> bytes:
    """PKCS#8, not encrypted."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def from_pem(pem: bytes) -> PrivateKey:
    """PKCS#8 or PKCS#1. Raises BadKey."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadKey("Not a private key in PEM without a password") from None
    if isinstance(key, Ed25519PrivateKey):
        return Ed25519Key(key)
    if not isinstance(key, RSAPrivateKey):
        raise BadKey("A DKIM key is RSA or Ed25519")
    if key.key_size < LEAST_BITS:
        raise BadKey(f"An RSA key of {key.key_size} bits: nobody takes less than {LEAST_BITS}")
    return RsaKey(key)
