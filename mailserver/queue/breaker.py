"""A circuit breaker for one mail host: who fails again and again is left alone for a while. Pure; seconds of any clock.

    closed      mail flows                                 → open (FAILURES in a row)
    open        nobody connects for OPEN_SECONDS           → half open
    half open   one connection at a time, to see           → closed (SUCCESSES in a row), open (one failure)

What counts is a connection that failed and a temporary refusal of the host (4xx). That an address is wrong (5xx), or
that one mailbox is full (4.1.x and 4.2.x, RFC 3463), says nothing about the host.
"""

from dataclasses import dataclass
from enum import StrEnum

FAILURES = 5
SUCCESSES = 2
OPEN_SECONDS = 300.0
_OF_ADDRESSES = ("4.1.", "4.2.")


class Circuit(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half open"


def counts(code: int, text: str) -> bool:
    """Whether a reply is the host's failure."""
    return 400 <= code < 500 and not text.lstrip().startswith(_OF_ADDRESSES)


@dataclass(slots=True)
class Breaker:
    circuit: Circuit = Circuit.CLOSED
    in_a_row: int = 0  # failures while closed, successes while half open
    opens_at: float = 0.0  # when an open circuit lets somebody try
    reason: str = ""  # of the last failure

    def at(self, now: float) -> Circuit:
        """The state at this moment: an open circuit becomes half open by itself."""
        if self.circuit is Circuit.OPEN and now >= self.opens_at:
            self.circuit, self.in_a_row = Circuit.HALF_OPEN, 0
        return self.circuit

    def failed(self, now: float, reason: str) -> None:
        self.reason = reason
        match self.at(now):
            case Circuit.CLOSED:
                self.in_a_row += 1
                if self.in_a_row >= FAILURES:
                    self._open(now)
            case Circuit.HALF_OPEN:
                self._open(now)
            case Circuit.OPEN:
                pass  # who was connected before it opened; the others' wait does not begin anew

    def succeeded(self, now: float) -> None:
        match self.at(now):
            case Circuit.CLOSED:
                self.in_a_row = 0
            case Circuit.HALF_OPEN:
                self.in_a_row += 1
                if self.in_a_row >= SUCCESSES:
                    self.circuit, self.in_a_row, self.reason = Circuit.CLOSED, 0, ""
            case Circuit.OPEN:
                pass  # one that began before: the others failed since

    def _open(self, now: float) -> None:
        self.circuit, self.in_a_row, self.opens_at = Circuit.OPEN, 0, now + OPEN_SECONDS
