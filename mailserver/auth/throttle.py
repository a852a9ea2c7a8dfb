"""Failed logins hold up further ones: per network and per account, longer each time, never the account's own clients.

    network   an IPv4 address or an IPv6 /64; `failures_per_address` failures in the window block it
    account   the name that was tried; `failures_per_account` failures from anywhere block it for strangers
    known     (account, network) that logged in before: counts only its own failures to that account, up to
              `failures_per_account`; what others do to the account or from the same network does not touch it

A block lasts `block_seconds`, twice as long each next time, a day at most; after a quiet day it starts small again. A
client that repeats one wrong password (most do, for ever) counts once, and is answered without another hash.
Everything is in memory and bounded: the entry untouched longest goes first.
"""

import asyncio
import ipaddress
from collections import OrderedDict
from collections.abc import AsyncIterator, Hashable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from mailserver.clock import Clock
from mailserver.config.tree import AuthConfig
from mailserver.errors import AuthenticationDelayed

MAX_TRACKED = 20_000  # networks, accounts, pairs: each
MAX_REPEATS = 10  # wrong passwords remembered of one client and account
MAX_AT_ONCE = 4  # logins of one network that may have their hash computed, or wait for a thread to do it
MAX_WAITING = 100  # further ones of the network that wait for that
MAX_BLOCK_SECONDS = 86_400.0
FORGIVEN_SECONDS = 86_400.0  # quiet after a block until the next one is short again

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(slots=True)
class _Counter:
    failures: list[float] = field(default_factory=list)  # when, monotonic, ascending, those in the window
    blocked_until: float = 0.0
    blocks: int = 0


@dataclass(slots=True)
class _Pair:
    known: bool = False  # logged in before
    counter: _Counter = field(default_factory=_Counter)
    wrong: "OrderedDict[bytes, float]" = field(default_factory=OrderedDict)  # digest of the attempt → when


@dataclass(slots=True)
class _Gate:
    """Logins of one network that are waiting or being worked on; it goes with the last of them."""

    logins: int = 0
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_AT_ONCE))


class _Bounded(Generic[K, V]):
    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: OrderedDict[K, V] = OrderedDict()

    def find(self, key: K) -> V | None:
        return self._entries.get(key)

    def touch(self, key: K, new: V) -> V:
        """The entry, `new` where there is none, as the one that goes last."""
        entry = self._entries.setdefault(key, new)
        self._entries.move_to_end(key)
        if len(self._entries) > self._most:
            self._entries.popitem(last=False)
        return entry

    def __len__(self) -> int:
        return len(self._entries)


class Throttle:
    def __init__(self, clock: Clock, config: AuthConfig, max_tracked: int = MAX_TRACKED) -> None:
        self._clock = clock
        self.config = config  # may be replaced at any time
        self._networks: _Bounded[str, _Counter] = _Bounded(max_tracked)
        self._accounts: _Bounded[str, _Counter] = _Bounded(max_tracked)
        self._pairs: _Bounded[tuple[str, str], _Pair] = _Bounded(max_tracked)
        self._gates: dict[str, _Gate] = {}

    def check(self, account: str, address: str) -> None:
        """Raises AuthenticationDelayed while this client has to wait."""
        now = self._clock.monotonic()
        until = max((counter.blocked_until for counter in self._counters(account, network_of(address))), default=now)
        if until > now:
            raise AuthenticationDelayed(until - now)

    @asynccontextmanager
    async def turn(self, account: str, address: str) -> AsyncIterator[None]:
        """Wait until few logins of this network are being worked on, so that it can not take all the threads.

        Whoever is known does not wait. Raises AuthenticationDelayed where too many of the network wait already.
        """
        network = network_of(address)
        if self._is_known(account, network):
            yield
            return
        gate = self._gates.setdefault(network, _Gate())
        if gate.logins >= MAX_AT_ONCE + MAX_WAITING:
            raise AuthenticationDelayed
        gate.logins += 1
        try:
            async with gate.turns:
                yield
        finally:
            gate.logins -= 1
            if not gate.logins:
                del self._gates[network]

    def is_repeat(self, account: str, address: str, attempt: bytes) -> bool:
        """Whether this very attempt failed before, within the window."""
        pair = self._pairs.find((account, network_of(address)))
        failed_at = pair.wrong.get(attempt) if pair else None
        return failed_at is not None and failed_at > self._clock.monotonic() - self.config.window_seconds

    def failed(self, account: str, address: str, attempt: bytes) -> None:
        """Count a failure. `attempt` stands for name, stored hash and password, so that a new password is another."""
        network = network_of(address)
        repeat = self.is_repeat(account, address, attempt)
        self._remember(account, network, attempt)
        if repeat:
            return
        if self._is_known(account, network):
            pair = self._pairs.touch((account, network), _Pair())
            self._count(pair.counter, self.config.failures_per_account)
        else:
            self._count(self._networks.touch(network, _Counter()), self.config.failures_per_address)
            self._count(self._accounts.touch(account, _Counter()), self.config.failures_per_account)

    def succeeded(self, account: str, address: str) -> None:
        """The client is known from now on, and its own failures are forgotten."""
        pair = self._pairs.touch((account, network_of(address)), _Pair())
        pair.known = True
        pair.counter = _Counter()
        pair.wrong.clear()

    def _is_known(self, account: str, network: str) -> bool:
        pair = self._pairs.find((account, network))
        return pair is not None and pair.known

    def _counters(self, account: str, network: str) -> Iterator[_Counter]:
        """Those that can hold this client up."""
        pair = self._pairs.find((account, network))
        if pair is not None and pair.known:
            yield pair.counter
            return
        for counter in (self._networks.find(network), self._accounts.find(account)):
            if counter is not None:
                yield counter

    def _remember(self, account: str, network: str, attempt: bytes) -> None:
        wrong = self._pairs.touch((account, network), _Pair()).wrong
        wrong[attempt] = self._clock.monotonic()
        wrong.move_to_end(attempt)
        if len(wrong) > MAX_REPEATS:
            wrong.popitem(last=False)

    def _count(self, counter: _Counter, allowed: int) -> None:
        now = self._clock.monotonic()
        counter.failures = [at for at in counter.failures if at > now - self.config.window_seconds] + [now]
        if len(counter.failures) < allowed:
            return
        if now - counter.blocked_until >= FORGIVEN_SECONDS:
            counter.blocks = 0
        counter.blocked_until = now + min(self.config.block_seconds * 2**counter.blocks, MAX_BLOCK_SECONDS)
        counter.blocks = min(counter.blocks + 1, 32)
        counter.failures.clear()


def network_of(address: str) -> str:
    """What one customer of a provider usually has: the IPv4 address, or the /64. Other text stands for itself."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.IPv6Network((int(ip) >> 64 << 64, 64)))
    return str(ip)
