"""Logins that were verified lately, so that a client which logs in for every request costs one hash in ten minutes.

The key is an HMAC under a secret of this process over user, stored hash and password: neither passwords nor anything
they can be guessed from is kept, and a changed password needs no flushing, because its hash is another. Only right
answers are kept.
"""

import hmac
from collections import OrderedDict

from mailserver.clock import Clock

MAX_VERIFIED = 10_000  # logins remembered; the oldest go first


class VerifiedLogins:
    def __init__(self, clock: Clock, seconds: float, max_entries: int = MAX_VERIFIED) -> None:
        """`seconds`: how long a login is remembered; 0 for never."""
        self._clock = clock
        self._seconds = seconds
        self._max = max_entries
        self._until: OrderedDict[bytes, float] = OrderedDict()

    def set_seconds(self, seconds: float) -> None:
        """Those remembered so far are forgotten where it is shorter than it was."""
        if seconds < self._seconds:
            self._until.clear()
        self._seconds = seconds

    def __contains__(self, key: bytes) -> bool:
        until = self._until.get(key)
        if until is None:
            return False
        if until <= self._clock.monotonic():
            del self._until[key]
            return False
        return True

    def __len__(self) -> int:
        return len(self._until)

    def add(self, key: bytes) -> None:
        if self._seconds <= 0:
            return
        self._until[key] = self._clock.monotonic() + self._seconds
        self._until.move_to_end(key)
        while len(self._until) > self._max:
            self._until.popitem(last=False)


def digest(secret: bytes, *parts: str) -> bytes:
    """An HMAC in which no part can run into the next."""
    octets = [part.encode("utf-8", "surrogatepass") for part in parts]
    return hmac.digest(secret, b"".join(len(part).to_bytes(4, "big") + part for part in octets), "sha256")
