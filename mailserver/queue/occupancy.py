"""How many transactions each destination has under way, and which destinations take nothing for now."""

from collections import Counter

from mailserver.clock import Clock
from mailserver.store import queue_claim

MAX_CLOSED = 10_000  # destinations remembered as closed


class Occupancy:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._busy: Counter[str] = Counter()  # destination → transactions under way
        self._closed: dict[str, float] = {}  # destination → monotonic time when its gates open

    def enter(self, destination: str) -> None:
        self._busy[destination] += 1

    def leave(self, destination: str) -> None:
        self._busy[destination] -= 1
        if not self._busy[destination]:
            del self._busy[destination]

    def close(self, destination: str, seconds: float) -> None:
        """Its gates were found closed: until they open others need not come to see it."""
        if len(self._closed) < MAX_CLOSED:
            self._closed[destination] = self._clock.monotonic() + max(0.0, seconds)

    def counts(self, most: int) -> dict[str, int]:
        """Destination → transactions under way; closed ones have as many as they may."""
        now = self._clock.monotonic()
        for name in [name for name, opens in self._closed.items() if opens <= now]:
            del self._closed[name]
        return {**self._busy, **dict.fromkeys(self._closed, most)}

    def full(self, most: int) -> list[str]:
        """Destinations that can take no more now."""
        return queue_claim.full(self.counts(most), most)

    def until_open(self) -> list[float]:
        """Seconds, for each closed one."""
        now = self._clock.monotonic()
        return [opens - now for opens in self._closed.values()]
