"""Password hashes: argon2id in PHC strings, computed by few threads, so that no flood of logins stops the loop.

One hash takes a fifth of a second and 64 MiB. Old databases hold the base64 of salt and hash with its padding, which
libargon2 refuses; it is taken off before verifying, and the next login writes the hash anew.
"""

import asyncio
import re
import unicodedata
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from enum import Enum
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from mailserver.auth.sasl.scram import make_keys
from mailserver.config.tree import AuthConfig
from mailserver.errors import AuthenticationDelayed, BadValue
from mailserver.store.scram_keys import ScramKeys

MAX_PASSWORD_OCTETS = 1024  # longer ones are refused before they are hashed
MAX_WAITING = 200  # for a hashing thread; beyond it logins are put off
SALT_OCTETS, HASH_OCTETS = 16, 32

_PHC = re.compile(r"\$argon2id\$v=\d+\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+")

T = TypeVar("T")


class Verdict(Enum):
    RIGHT = "right"
    OUTDATED = "outdated"  # right, and to be hashed anew with today's parameters
    WRONG = "wrong"
    UNREADABLE = "unreadable"  # the stored hash is none that can be verified


class Hasher:
    """Blocking; for threads and the command line."""

    def __init__(self, config: AuthConfig) -> None:
        self._argon2 = PasswordHasher(
            time_cost=config.argon2_time_cost,
            memory_cost=config.argon2_memory_kib,
            parallelism=config.argon2_parallelism,
            hash_len=HASH_OCTETS,
            salt_len=SALT_OCTETS,
            type=Type.ID,
        )
        self._min_length = config.min_password_length

    def hash_new(self, password: str) -> str:
        """For a password somebody chose. Raises BadValue for one that is too short or too long."""
        if len(password) < self._min_length:
            raise BadValue(f"The password needs at least {self._min_length} characters")
        if is_too_long(password):
            raise BadValue(f"The password is longer than {MAX_PASSWORD_OCTETS} octets")
        return self.hash(password)

    def hash(self, password: str) -> str:
        return self._argon2.hash(_prepared(password))

    def verify(self, stored: str, password: str) -> Verdict:
        usable = unpadded(stored)
        if not is_hash(usable):
            return Verdict.UNREADABLE
        try:
            self._argon2.verify(usable, _prepared(password))
        except VerifyMismatchError:
            return Verdict.WRONG
        except (InvalidHashError, VerificationError):
            return Verdict.UNREADABLE
        return Verdict.OUTDATED if usable != stored or self._argon2.check_needs_rehash(usable) else Verdict.RIGHT


class Passwords:
    """The Hasher, off the loop: as many at once as there are threads, a bounded number waiting."""

    def __init__(self, config: AuthConfig, hasher: Hasher | None = None) -> None:
        self._hasher = hasher or Hasher(config)
        self._threads = ThreadPoolExecutor(config.hash_threads, "password-hash")
        self._free = asyncio.Semaphore(config.hash_threads)
        self._waiting = 0

    async def hash(self, password: str) -> str:
        async with self.turn():
            return await self._run(lambda: self._hasher.hash(password))

    async def hash_new(self, password: str) -> str:
        async with self.turn():
            return await self._run(lambda: self._hasher.hash_new(password))

    async def scram_keys(self, password: str, salt: bytes) -> ScramKeys:
        async with self.turn():
            return await self._run(lambda: make_keys(password, salt))

    async def verify(self, stored: str, password: str) -> Verdict:
        """To be called in a turn()."""
        return await self._run(lambda: self._hasher.verify(stored, password))

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a thread. Raises AuthenticationDelayed where too many wait already."""
        if self._waiting >= MAX_WAITING:
            raise AuthenticationDelayed
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._free.release()

    def close(self) -> None:
        self._threads.shutdown(wait=True)

    async def _run(self, work: Callable[[], T]) -> T:
        # Shielded: a client that hangs up does not free its turn while the thread still computes.
        running = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait([running])
            raise


def is_too_long(password: str) -> bool:
    return len(password) > MAX_PASSWORD_OCTETS or len(_octets(password)) > MAX_PASSWORD_OCTETS


def is_hash(stored: str) -> bool:
    """Whether this is an argon2id PHC string: the only thing a password_hash column may hold."""
    return _PHC.fullmatch(unpadded(stored)) is not None


def unpadded(stored: str) -> str:
    """A PHC string without base64 padding in salt and hash; anything else as it is."""
    head, *tail = stored.rsplit("$", 2)
    return "$".join([head, *(part.rstrip("=") for part in tail)]) if len(tail) == 2 else stored


def _prepared(password: str) -> bytes:
    """RFC 8265 §4.2: one spelling for what looks the same, whatever keyboard typed it."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


def _octets(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
