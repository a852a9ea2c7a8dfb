"""Who may connect: ceilings in all, for one address, and for its new connections in a minute.

Servers that share one of these share its ceilings.
"""

from collections import Counter
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Protocol

WINDOW_SECONDS = 60.0
MAX_RECENT = 100_000  # sources remembered within a window; beyond it all begin anew
IPV6_PREFIX = 64  # one customer's network counts as one address


class Limits(Protocol):
    """What SmtpConfig and ImapConfig have in common."""

    @property
    def max_connections(self) -> int: ...

    @property
    def max_connections_per_address(self) -> int: ...

    @property
    def max_connection_rate(self) -> int: ...


class Admission:
    def __init__(self, limits: Limits) -> None:
        self.limits = limits  # may be replaced at any time
        self._open: Counter[str] = Counter()  # connections by source
        self._recent: Counter[str] = Counter()  # connections by source since the window began
        self._window = 0.0

    def refusal(self, address: str, now: float) -> str | None:
        """Count one attempt. None: it may enter, and `enter` is to follow; else which ceiling it met."""
        if now - self._window >= WINDOW_SECONDS or len(self._recent) >= MAX_RECENT:
            self._window = now
            self._recent.clear()
        key = source(address)
        self._recent[key] += 1
        if self._recent[key] > self.limits.max_connection_rate:
            return "rate"
        if self._open[key] >= self.limits.max_connections_per_address:
            return "address"
        return "total" if self._open.total() >= self.limits.max_connections else None

    def enter(self, address: str) -> None:
        self._open[source(address)] += 1

    def leave(self, address: str) -> None:
        key = source(address)
        self._open[key] -= 1
        if self._open[key] <= 0:
            del self._open[key]


def source(address: str) -> str:
    """What counts as one: an IPv4 address, also where it came in IPv6 form, or an IPv6 /64."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ip_network((parsed, IPV6_PREFIX), strict=False))
    return str(parsed)
