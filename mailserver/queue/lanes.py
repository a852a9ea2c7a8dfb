"""The gates on the way out: how many connections a mail host gets at once and in a minute, and when it gets none.

One lane for each host, with its circuit breaker; the lanes of one provider share its pace. Who comes too early waits
up to PATIENCE_SECONDS; for longer waits the gate is closed and says until when, so that nothing stands idle before it.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog

from mailserver.clock import Clock
from mailserver.config.tree import QueueConfig
from mailserver.queue.breaker import Breaker, Circuit, counts
from mailserver.queue.pacing import Pace, is_rate_reply, provider
from mailserver.remote.consignment import GateClosed

MAX_LANES = 10_000  # remembered; beyond it the one unused for the longest time is forgotten
PATIENCE_SECONDS = 10.0  # the longest wait for a turn
WAITING = 4  # times the connections of a host: more do not wait before its gate
PROBE_SECONDS = 30.0  # until the next look, where one connection tries whether a host is back
BUSY_SECONDS = 5.0  # until the next look, where all connections are taken

_log = structlog.get_logger("queue")


@dataclass(frozen=True, slots=True)
class LaneState:
    """As shown."""

    host: str
    connections: int
    circuit: Circuit
    pace: int  # step of slowness, 0 for none
    reason: str  # of whatever holds it up


@dataclass(slots=True)
class _Provider:
    pace: Pace = field(default_factory=Pace)
    connections: int = 0
    free_at: float = 0.0  # when the next connection may begin, by its pace
    lanes: int = 0
    left: asyncio.Event = field(default_factory=asyncio.Event)  # a connection ended: look again


@dataclass(slots=True)
class _Lane:
    host: str
    provider: _Provider
    breaker: Breaker = field(default_factory=Breaker)
    connections: int = 0
    waiting: int = 0
    unused: float = 0.0  # connections of its rate that are left,
    unused_at: float = 0.0  # at this moment


class Lanes:
    """The Gates of remote/consignment.py."""

    def __init__(self, clock: Clock, config: QueueConfig) -> None:
        self._clock = clock
        self._lanes: OrderedDict[str, _Lane] = OrderedDict()
        self._providers: dict[str, _Provider] = {}
        self.reconfigure(config)

    def reconfigure(self, config: QueueConfig) -> None:
        """For connections from now on."""
        self._per_host = config.max_connections_per_host
        self._rate = config.max_rate_per_host / 60
        self._burst = float(config.max_rate_per_host)

    @asynccontextmanager
    async def enter(self, host: str) -> AsyncIterator["_Visit"]:
        """Wait for one's turn; held for as long as the connection lasts. Raises GateClosed on entering."""
        lane = self._lane(host)
        lane.waiting += 1
        try:
            await self._turn(lane)
        finally:
            lane.waiting -= 1
        visit = _Visit(self, lane)
        try:
            yield visit
        finally:
            self._leave(lane, visit)

    def state(self) -> list[LaneState]:
        """Lanes in use and those that something holds up."""
        now = self._clock.monotonic()
        shown = [_state(lane, now) for lane in self._lanes.values()]
        return [lane for lane in shown if lane.connections or lane.reason]

    # ---- inside ----

    async def _turn(self, lane: _Lane) -> None:
        """Take a place, or raise GateClosed."""
        deadline = self._clock.monotonic() + PATIENCE_SECONDS
        while True:
            now = self._clock.monotonic()
            self._require_open(lane, now)
            step = lane.provider.pace.at(now)
            if lane.connections >= self._per_host or lane.provider.connections >= (step.connections or _MANY):
                if now >= deadline or lane.waiting > self._per_host * WAITING:
                    raise self._closed(BUSY_SECONDS, _why(lane, "all connections to it are taken"))
                await self._left(lane, deadline - now)
                continue
            begins = max(self._free_at(lane, now), lane.provider.free_at)
            if begins > deadline:
                raise self._closed(begins - now, _why(lane, "its rate of connections is reached"))
            if begins <= now:
                break
            await self._clock.sleep(begins - now)
        lane.connections += 1
        lane.provider.connections += 1
        lane.unused -= 1
        lane.provider.free_at = now + step.gap

    def _free_at(self, lane: _Lane, now: float) -> float:
        """When the host's rate allows one more: a minute's worth may come at once, then as many as time allows."""
        lane.unused = min(self._burst, lane.unused + (now - lane.unused_at) * self._rate)
        lane.unused_at = now
        return now if lane.unused >= 1 else now + (1 - lane.unused) / self._rate

    def _require_open(self, lane: _Lane, now: float) -> None:
        breaker = lane.breaker
        match breaker.at(now):
            case Circuit.OPEN:
                raise self._closed(breaker.opens_at - now, f"{lane.host} failed repeatedly: {breaker.reason}")
            case Circuit.HALF_OPEN if lane.connections:
                raise self._closed(PROBE_SECONDS, f"{lane.host} failed repeatedly and is being tried")
            case _:
                pass

    def _closed(self, seconds: float, reason: str) -> GateClosed:
        return GateClosed(int(self._clock.now().timestamp() * 1000 + seconds * 1000), reason)

    async def _left(self, lane: _Lane, seconds: float) -> None:
        """Until a connection ends, or so long."""
        lane.provider.left.clear()
        ended = asyncio.create_task(lane.provider.left.wait())
        late = asyncio.create_task(self._clock.sleep(seconds))
        try:
            await asyncio.wait({ended, late}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
            late.cancel()

    def _leave(self, lane: _Lane, visit: "_Visit") -> None:
        now = self._clock.monotonic()
        lane.connections -= 1
        lane.provider.connections -= 1
        before = lane.breaker.circuit
        if visit.fault:
            lane.breaker.failed(now, visit.fault)
        elif visit.is_answered:
            lane.breaker.succeeded(now)
        if lane.breaker.circuit is not before:
            _log.info("circuit changed", host=lane.host, circuit=lane.breaker.circuit, reason=lane.breaker.reason)
        lane.provider.left.set()

    def complained(self, lane: _Lane, text: str) -> None:
        pace, now = lane.provider.pace, self._clock.monotonic()
        before = pace.at(now)
        pace.complained(now, text)
        step = pace.at(now)
        lane.provider.free_at = max(lane.provider.free_at, now + step.gap)
        if step is not before:
            _log.info("slowed down", host=lane.host, connections=step.connections, gap=step.gap, reason=pace.reason)

    def _lane(self, host: str) -> _Lane:
        if host not in self._lanes:
            name = provider(host)
            shared = self._providers.setdefault(name, _Provider())
            shared.lanes += 1
            self._lanes[host] = _Lane(host, shared, unused=self._burst, unused_at=self._clock.monotonic())
            if len(self._lanes) > MAX_LANES:
                self._forget()
        self._lanes.move_to_end(host)
        return self._lanes[host]

    def _forget(self) -> None:
        """The lane that nobody used for the longest time."""
        host = next(name for name, lane in self._lanes.items() if not lane.connections and not lane.waiting)
        lane = self._lanes.pop(host)
        lane.provider.lanes -= 1
        if not lane.provider.lanes:
            del self._providers[provider(host)]


class _Visit:
    """One connection, as its lane hears of it."""

    def __init__(self, lanes: Lanes, lane: _Lane) -> None:
        self._lanes = lanes
        self._lane = lane
        self.fault = ""  # why it counts as the host's failure, as far as it came
        self.is_answered = False

    def went_on(self) -> None:
        """The rate is of new connections."""
        self._lane.unused += 1

    def connection_failed(self, reason: str) -> None:
        self.fault = reason

    def answered(self, code: int, text: str) -> None:
        """The last reply decides: who takes the message after all has not failed."""
        self.is_answered = True
        self.fault = f"{code} {text}" if counts(code, text) else ""
        if is_rate_reply(code, text):
            self._lanes.complained(self._lane, f"{code} {text}")


_MANY = 1 << 30


def _why(lane: _Lane, otherwise: str) -> str:
    pace = lane.provider.pace
    return f"{lane.host} asked for slower sending: {pace.reason}" if pace.reason else f"{lane.host}: {otherwise}"


def _state(lane: _Lane, now: float) -> LaneState:
    lane.provider.pace.at(now)
    circuit = lane.breaker.at(now)
    reason = lane.breaker.reason if circuit is not Circuit.CLOSED else lane.provider.pace.reason
    return LaneState(lane.host, lane.connections, circuit, lane.provider.pace.level, reason)
