"""dkimpy, behind one door: it folds, canonicalises and hashes headers and checks signatures. Two things are ours.

Bodies: it takes time with the square of the blanks in them; body_hash.py has hashed them before.
Signing with RSA: it computes with Python's integers, ten times as slow as OpenSSL and without blinding. It asks
Ed25519 keys for their signature of the digest, so it is given every key as one of these.

Nothing else imports dkimpy, and this is imported when the first message is signed or checked: it takes a while.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

import dkim
from dkim.canonicalization import CanonicalizationPolicy

RawFields = Sequence[tuple[bytes, bytes]]  # name as written and value with its line ends, in message order
Tags = Sequence[tuple[bytes, bytes]]

ROOM_FOR_SIGNATURE = b"0" * 60  # dkimpy's own: b= on a line of its own, so that filling it in folds nothing anew

_RELAXED = CanonicalizationPolicy.from_c_value(b"relaxed/relaxed")
_ANSWERS = b"ed25519-sha256"  # the algorithm whose keys are asked for a signature
_UNHEARD = logging.Logger("dkimpy")  # strangers' mistakes are results, not log lines
_UNHEARD.addHandler(logging.NullHandler())


class DigestSigner(Protocol):
    @property
    def algorithm(self) -> bytes:
        """As in a=, RFC 6376 §3.3, RFC 8463 §3."""

    def sign_digest(self, digest: bytes) -> bytes:
        """Of a SHA-256."""


@dataclass(frozen=True, slots=True)
class _Signed:
    signature: bytes


class _AsksKey:
    """A key as dkimpy expects one of Ed25519."""

    def __init__(self, key: DigestSigner) -> None:
        self._key = key

    def sign(self, digest: bytes) -> _Signed:
        return _Signed(self._key.sign_digest(digest))


class BadSignature(Exception):  # noqa: N818 - a verdict
    """dkimpy could not make anything of it; the text is dkimpy's own, for people."""


def sign_header(
    fields: RawFields, tags: Tags, names: Sequence[bytes], key: DigestSigner, name: bytes = b"DKIM-Signature"
) -> bytes:
    """A whole field line. `tags` without b=; `names`: as in h=, lower case, each as often as there."""
    composer = dkim.DKIM(logger=_UNHEARD)
    composer.headers = list(fields)
    composer.hasher = sha256
    composer.signature_algorithm = _ANSWERS
    every = [*tags, (b"b", ROOM_FOR_SIGNATURE)]
    value: bytes = composer.gen_header(every, list(names), _RELAXED, name, _AsksKey(key))
    return name + b": " + value


def header_matches(
    fields: RawFields, tags: Mapping[bytes, bytes], names: Sequence[bytes], field: tuple[bytes, bytes], record: bytes
) -> bool:
    """Whether b= is the key's signature of these fields; bh= is not looked at.

    `field`: the signature itself as it came; `record`: the key's. Raises BadSignature.
    """
    verifier = dkim.DKIM(logger=_UNHEARD)
    verifier.headers = list(fields)
    without_body = {tag: value for tag, value in tags.items() if tag != b"bh"}
    try:
        return bool(verifier.verify_sig(without_body, list(names), field, lambda name, timeout: record))
    except (dkim.DKIMException, ValueError) as fault:
        raise BadSignature(str(fault)) from fault
