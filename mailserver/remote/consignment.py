"""What is carried to another server in one go, what became of each recipient, and the gates on the way."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from mailserver.store.attempts import Attempt
from mailserver.store.queue import Entry


class Verdict(StrEnum):
    DELIVERED = "delivered"
    RELAYED = "relayed"  # taken, but the next hop knows no delivery status notifications, RFC 3461 §5.2.2
    DEFERRED = "deferred"
    FAILED = "failed"
    NOT_TRIED = "not tried"  # a gate was closed: costs no attempt


@dataclass(frozen=True, slots=True)
class Consignment:
    """Rows of the same message, sender, options and destination: one transaction, RFC 5321 §5.1. At least one."""

    entries: tuple[Entry, ...]
    destination: str  # A-labels in lower case, or an address literal


@dataclass(frozen=True, slots=True)
class Result:
    entry_id: int
    verdict: Verdict
    attempt: Attempt | None  # None where nothing was tried
    retry_at: int | None = None  # epoch milliseconds; when a gate opens, where that is known
    reason: str = ""  # why it was not tried


Taken = Callable[[Sequence[Result]], None]


def unheard(results: Sequence[Result]) -> None:
    """Nobody wants to know before the end."""


class CutShort(asyncio.CancelledError):
    """Cancelled when some recipients had their final answers: those are no longer in doubt."""

    def __init__(self, results: Sequence[Result]) -> None:
        super().__init__()
        self.results = results


class GateClosed(Exception):  # noqa: N818 - a state, not an error
    """The host is not to be bothered now."""

    def __init__(self, until_ms: int, reason: str) -> None:
        """`until_ms`: epoch milliseconds; `reason`: words for whoever waits."""
        super().__init__(reason)
        self.until_ms = until_ms
        self.reason = reason


class Visit(Protocol):
    """One connection to a host, as the gates hear of it."""

    def went_on(self) -> None:
        """No new connection was needed: one that was kept will do."""

    def connection_failed(self, reason: str) -> None:
        """Nobody answered, or the connection broke."""

    def answered(self, code: int, text: str) -> None:
        """A reply to a command: what it says counts for the gate. `text`: all but the code, "4.2.1 mailbox full"."""


class Gates(Protocol):
    """One gate per host: who may connect, and when."""

    def enter(self, host: str) -> AbstractAsyncContextManager[Visit]:
        """Wait for one's turn; held for as long as the connection lasts. Raises GateClosed on entering."""
