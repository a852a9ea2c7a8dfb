"""Secrets at rest: sealed with a key beside the database, so that a copy of the database alone tells none of them.

The key is a file of 32 random octets, made at the first need. Without it what was sealed is lost; it belongs into every
backup that holds the database, and into none that strangers may read.
"""

import contextlib
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from mailserver.errors import SealBroken

FILE = "sealing.key"
KEY_OCTETS = 32
NONCE_OCTETS = 12
OTHERS = 0o077  # permission bits that only the owner should have

Random = Callable[[int], bytes]


class SealingKey:
    """AES-256-GCM; each purpose has a key of its own, so that no secret can be put in another's place."""

    def __init__(self, octets: bytes, random: Random = secrets.token_bytes) -> None:
        self._octets = octets
        self._random = random

    @classmethod
    def open(cls, data: Path, random: Random = secrets.token_bytes) -> "SealingKey":
        """The key of this data folder, made where there is none. Raises SealBroken. In a thread."""
        path = data / FILE
        try:
            if not path.exists():
                _make(path, random(KEY_OCTETS))
            octets, mode = path.read_bytes(), path.stat().st_mode
        except OSError as fault:
            raise SealBroken(f"{path}: {os.strerror(fault.errno) if fault.errno else fault}") from fault
        if len(octets) != KEY_OCTETS:
            raise SealBroken(f"{path}: not {KEY_OCTETS} octets; restore it from a backup")
        if mode & OTHERS:
            raise SealBroken(f"{path}: others may read it; run chmod 600 on it")
        return cls(octets, random)

    def seal(self, plain: bytes, purpose: str) -> bytes:
        """`purpose`: which secret this is, such as "dkim:example.org:mail"; needed again to open it."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # 50 ms: a start does without

        nonce = self._random(NONCE_OCTETS)
        return nonce + AESGCM(self.derive("seal")).encrypt(nonce, plain, purpose.encode())

    def unseal(self, sealed: bytes, purpose: str) -> bytes:
        """Raises SealBroken: another key, another purpose, or damaged."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce, text = sealed[:NONCE_OCTETS], sealed[NONCE_OCTETS:]
        try:
            return AESGCM(self.derive("seal")).decrypt(nonce, text, purpose.encode())
        except (InvalidTag, ValueError) as fault:
            raise SealBroken(f"The secret {purpose} can not be opened with {FILE}") from fault

    def derive(self, purpose: str) -> bytes:
        """32 octets that follow from the key, for signatures of ours (HKDF with SHA-256, RFC 5869 §2, one block)."""
        extracted = hmac.digest(bytes(KEY_OCTETS), self._octets, hashlib.sha256)
        return hmac.digest(extracted, purpose.encode() + b"\x01", hashlib.sha256)


def _make(path: Path, octets: bytes) -> None:
    """Durable before anything is sealed with it; of two who make it at once, the first one's stays."""
    part = path.with_name(f"{FILE}.{os.getpid()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, octets)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    with contextlib.suppress(FileExistsError):  # the other one's
        os.link(part, path)
    part.unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
