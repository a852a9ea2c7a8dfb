"""dkimpy, behind one door: it folds, canonicalises and hashes headers and checks signatures. Two things are ours.

Bodies: it takes time with the square of the blanks in them; body_hash.py has hashed them before.
Signing with RSA: it computes with Python's integers, ten times as slow as OpenSSL and without blinding. It asks
Ed25519 keys for their signature of the digest, so it is given every key as one of these.

Nothing else imports dkimpy, and this is imported when the first message is signed or checked: it takes a while.
"""

import base64
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol

import dkim
from dkim.canonicalization import CanonicalizationPolicy

from mailserver.dkim.body_hash import RELAXED, BodyHash, BodyKind

RawFields = Sequence[tuple[bytes, bytes]]  # name as written and value with its line ends, in message order
Tags = Sequence[tuple[bytes, bytes]]

CV_FAIL: bytes = dkim.CV_Fail
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


def sign_header(fields: RawFields, tags: Tags, names: Sequence[bytes], key: DigestSigner) -> bytes:
    """A DKIM-Signature field line. `tags` without b=; `names`: as in h=, lower case, each as often as there."""
    composer = dkim.DKIM(logger=_UNHEARD)
    composer.headers = list(fields)
    composer.hasher = sha256
    composer.signature_algorithm = _ANSWERS
    every = [*tags, (b"b", ROOM_FOR_SIGNATURE)]
    value: bytes = composer.gen_header(every, list(names), _RELAXED, b"DKIM-Signature", _AsksKey(key))
    return b"DKIM-Signature: " + value


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


Check = Callable[[Mapping[bytes, bytes], list[bytes], tuple[bytes, bytes], RawFields], bool]


class _Chain(dkim.ARC):  # type: ignore[misc] # dkimpy has no types
    """Each signature of a chain is checked by `check`, which hashed the body before and limits keys."""

    def __init__(self, check: Check) -> None:
        super().__init__(logger=_UNHEARD)
        self._check = check

    def verify_sig(self, sig: Any, include_headers: Any, sig_header: Any, dnsfunc: Any) -> bool:
        return self._check(sig, include_headers, sig_header, self.headers)


def verify_chain(fields: RawFields, check: Check) -> tuple[bytes | None, list[dict[str, Any]], str]:
    """(cv, results of each set with the newest first, why); None: the chain ended with cv=fail before."""
    chain = _Chain(check)
    chain.headers = list(fields)
    try:
        return chain.verify(dnsfunc=lambda name, timeout: None)  # type: ignore[no-any-return]
    except (dkim.DKIMException, ValueError, IndexError, KeyError, TypeError) as fault:
        return CV_FAIL, [], str(fault)


class _Sealer(dkim.ARC):  # type: ignore[misc]
    """dkimpy's, with the body's hash given and our key."""

    def __init__(self, fields: RawFields, body: BodyHash, key: DigestSigner) -> None:
        super().__init__(logger=_UNHEARD)
        self.headers = list(fields)
        self.body = b""
        self._body_hash = base64.b64encode(body.sha256)
        self._key = _AsksKey(key)

    def gen_header(
        self, fields: Any, include_headers: Any, canon_policy: Any, header_name: Any, pk: Any, standardize: Any = False
    ) -> Any:
        with_hash = [(tag, self._body_hash if tag == b"bh" else value) for tag, value in fields]
        self.signature_algorithm, signed_with = _ANSWERS, self.signature_algorithm
        try:
            return super().gen_header(with_hash, include_headers, canon_policy, header_name, self._key, standardize)
        finally:
            self.signature_algorithm = signed_with


@dataclass(frozen=True, slots=True)
class Sealing:
    """Who seals: a key of ours and the name our results go by."""

    selector: bytes
    domain: bytes
    pem: bytes  # RSA; dkimpy reads it, and does not use it
    authserv_id: bytes
    timestamp: int  # epoch seconds


def seal_chain(fields: RawFields, bodies: Mapping[BodyKind, BodyHash], key: DigestSigner, by: Sealing) -> list[bytes]:
    """The three field lines of the next ARC set, the topmost first. [] where there is nothing to seal.

    `fields` begin with our Authentication-Results, which says what became of the chain before. Raises BadSignature.
    """
    sealer = _Sealer(fields, bodies[RELAXED], key)
    try:
        return sealer.sign(by.selector, by.domain, by.pem, by.authserv_id, timestamp=by.timestamp)  # type: ignore[no-any-return]
    except (dkim.DKIMException, ValueError) as fault:
        raise BadSignature(str(fault)) from fault
