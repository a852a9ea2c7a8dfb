"""Secrets that stand in addresses: looked up by their hash, kept sealed so that their owner can see them again."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mailserver.store.sealing import SealingKey

SECRET_OCTETS = 24  # 192 bits
MAX_SECRET = 100  # characters of what is looked at as one


@dataclass(frozen=True, slots=True)
class Secret:
    text: str
    hash: bytes
    sealed: bytes


def make(key: "SealingKey", random: Callable[[int], bytes]) -> Secret:
    """In a thread: the first one loads cryptography."""
    text = base64.urlsafe_b64encode(random(SECRET_OCTETS)).decode("ascii")
    digest = hash_of(text)
    return Secret(text, digest, key.seal(text.encode("ascii"), _purpose(digest)))


def hash_of(text: str) -> bytes:
    """All its time goes by what was asked, none of it by what is right."""
    return hashlib.sha256(text[:MAX_SECRET].encode("utf-8", "surrogateescape")).digest()


def opened(key: "SealingKey", digest: bytes, sealed: bytes) -> str:
    """Raises SealBroken."""
    return key.unseal(sealed, _purpose(digest)).decode("ascii")


def _purpose(digest: bytes) -> str:
    return f"address:{digest.hex()}"
