"""From what a carrier says of a recipient to what becomes of its row. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from mailserver.config.tree import RetrySchedule
from mailserver.queue import schedule
from mailserver.remote.consignment import Result, Verdict
from mailserver.store.queue import Entry
from mailserver.store.queue_record import Settled
from mailserver.store.queue_states import Event

UNTRIED_MS = 60_000  # how long a row waits that could not be tried, when nobody knows for how long
DAY_MS = 86_400_000

_ENDS = {Verdict.DELIVERED: Event.DELIVER, Verdict.RELAYED: Event.RELAY, Verdict.FAILED: Event.BOUNCE}


@dataclass(frozen=True, slots=True)
class Terms:
    """By which rows are tried again and given up."""

    schedule: RetrySchedule
    least_attempts: int
    now_ms: int
    chance: float  # 0 to 1; one for all rows of a consignment, so that they stay together


def settled(entry: Entry, result: Result, terms: Terms) -> Settled:
    if result.verdict in _ENDS:
        return Settled(entry.id, _ENDS[result.verdict], result.attempt, text=result.reason)
    is_over = entry.expires_at is not None and terms.now_ms >= entry.expires_at
    if result.verdict is Verdict.NOT_TRIED and not is_over:
        again = result.retry_at or terms.now_ms + UNTRIED_MS
        return Settled(entry.id, Event.RETURN, None, again, result.reason)
    # What can not be tried when its time is over counts as tried: else a host that is down for good holds it for ever.
    failed = entry.attempts + 1
    if is_over and failed >= terms.least_attempts:
        return Settled(entry.id, Event.EXPIRE, result.attempt, text=expired(entry, result, terms.now_ms))
    planned = schedule.next_attempt(terms.schedule, failed, terms.now_ms, terms.chance)
    return Settled(entry.id, Event.DEFER, result.attempt, max(planned, result.retry_at or 0), result.reason)


def expired(entry: Entry, result: Result | None, now_ms: int) -> str:
    """Why a row is given up, in words."""
    last = (result.reason or (result.attempt.text if result.attempt else "")) if result else ""
    why = last or entry.last_error or "it was never tried"
    return f"Given up after {entry.attempts + (result is not None)} attempts: {why}"


def chance(random: Callable[[int], bytes]) -> float:
    """An even number from 0 to 1."""
    return int.from_bytes(random(4)) / 0xFFFFFFFF
