"""Key records of others: what a signature is checked with, and what for. RFC 6376 §3.6.1, RFC 8301, RFC 8463 §4."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.dkim import tags
from mailserver.dkim.tags import BadTags

MAX_RECORD_OCTETS = 4096  # an RSA key of 16,384 bits would fit; of 4096 it takes 750
MAX_BITS = 8192
MAX_EXPONENT_BITS = 33  # 65,537 everywhere; a long one takes seconds to compute with
ED25519_OCTETS = 32
ED25519_BITS = 256


class BadRecord(Exception):  # noqa: N818 - a verdict
    """Its text says what is wrong with the key, for people."""


@dataclass(frozen=True, slots=True)
class KeyRecord:
    k: bytes  # b"rsa" or b"ed25519"
    bits: int
    hashes: tuple[bytes, ...]  # h=; () for all
    services: tuple[bytes, ...]  # s=; () for all
    is_testing: bool  # t=y
    is_exact: bool  # t=s: i= has no subdomain of d=
    plain: bytes  # a record with this key and nothing else


def choose(records: Sequence[bytes]) -> bytes:
    """The one key record among the TXT records of a name. Raises BadRecord."""
    if len(records) > 1:
        marked = [each for each in records if each.lstrip().startswith(b"v=DKIM1")]
        records = marked or records
    if not records:
        raise BadRecord("there is no key record")
    if len(records) > 1:
        raise BadRecord("there are several key records")
    return records[0]


def parse(record: bytes) -> KeyRecord:
    """Raises BadRecord."""
    if len(record) > MAX_RECORD_OCTETS:
        raise BadRecord(f"the key record is longer than {MAX_RECORD_OCTETS} octets")
    try:
        found = tags.parse(record)
        if b"v" in found and (found[b"v"] != b"DKIM1" or next(iter(found)) != b"v"):
            raise BadRecord("the key record is not of DKIM1")
        k = found.get(b"k", b"rsa").lower()
        if k not in _READERS:
            raise BadRecord("the key is of an unknown kind")
        if not found.get(b"p", b"-"):
            raise BadRecord("the key was revoked")
        bits, public = _READERS[k](tags.octets(found, b"p"))
    except BadTags as fault:
        raise BadRecord(f"the key record is damaged: {fault}") from fault
    flags = tags.words(found.get(b"t", b""))
    return KeyRecord(
        k,
        bits,
        tags.words(found[b"h"]) if b"h" in found else (),
        tags.words(found[b"s"]) if b"s" in found else (),
        b"y" in flags,
        b"s" in flags,
        b"v=DKIM1; k=%b; p=%b" % (k, base64.b64encode(public)),
    )


def _rsa(der: bytes) -> tuple[int, bytes]:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

    try:
        key = load_der_public_key(der)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadRecord("the key is damaged") from None
    if not isinstance(key, RSAPublicKey):
        raise BadRecord("the key is not of the kind that the record says")
    if key.key_size > MAX_BITS or key.public_numbers().e.bit_length() > MAX_EXPONENT_BITS:
        raise BadRecord("the key is too large to compute with")
    return key.key_size, key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _ed25519(octets: bytes) -> tuple[int, bytes]:
    if len(octets) != ED25519_OCTETS:
        raise BadRecord("the key is damaged")
    return ED25519_BITS, octets


_READERS = {b"rsa": _rsa, b"ed25519": _ed25519}
