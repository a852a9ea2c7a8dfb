"""A dispatcher under a clock that is stepped from one moment at which something happens to the next."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from mailserver.config.tree import QueueConfig
from mailserver.queue.dispatcher import Dispatcher
from mailserver.queue.seams import Notices
from mailserver.remote.consignment import Consignment, CutShort, Result, Taken, Verdict, unheard
from mailserver.store.attempts import Attempt
from mailserver.store.database import Rx
from mailserver.store.queue_record import Settled
from mailserver.store.store import Store
from tests.fakes import START, FakeClock
from tests.queue_hands import Recorder

MINUTE = 60.0
HOUR = 3600.0
START_MS = int(START.timestamp() * 1000)


def even(octets: int) -> bytes:
    """Chance that decides nothing: the middle of every range."""
    return b"\x7f" + b"\xff" * (octets - 1)


class SteppingClock(FakeClock):
    """Says what it was asked to sleep, and goes from deadline to deadline; its wall may jump."""

    def __init__(self) -> None:
        super().__init__()
        self.sleeps: list[float] = []
        self.slept = asyncio.Event()
        self._jumped = timedelta()

    def now(self) -> datetime:
        return super().now() + self._jumped

    def jump(self, seconds: float) -> None:
        self._jumped += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.slept.set()
        await super().sleep(seconds)

    def next_deadline(self) -> float | None:
        """Seconds until the next sleeper that still sleeps wakes."""
        waiting = [deadline for deadline, _, woken in self._sleepers if not woken.done()]
        return min(waiting) - self._elapsed if waiting else None


Answer = Callable[[Consignment], Sequence[Result]]


class CutCarrier:
    """Hangs; when it is cancelled it knows of the first row alone."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()

    async def carry(self, consignment: Consignment, taken: Taken = unheard) -> Sequence[Result]:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise CutShort(DELIVERED(consignment)[:1]) from None
        return []


class ScriptedCarrier:
    """Answers at once as it is told to, and remembers at which second it was asked for what."""

    def __init__(self, clock: SteppingClock, answer: Answer) -> None:
        self.clock = clock
        self.answer = answer
        self.carried: list[tuple[float, Consignment]] = []
        self.gate = asyncio.Event()  # cleared: deliveries hang
        self.gate.set()
        self.under_way = self.most = 0

    async def carry(self, consignment: Consignment, taken: Taken = unheard) -> Sequence[Result]:
        self.carried.append((self.clock.monotonic(), consignment))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.gate.wait()
        finally:
            self.under_way -= 1
        return self.answer(consignment)

    @property
    def times(self) -> list[float]:
        return [at for at, _ in self.carried]

    @property
    def recipients(self) -> list[list[str]]:
        return [[entry.recipient for entry in consignment.entries] for _, consignment in self.carried]


def all_of(verdict: Verdict, code: int | None, text: str, retry_at: int | None = None) -> Answer:
    def answer(consignment: Consignment) -> list[Result]:
        attempt = Attempt(START_MS, 7, "mx.far.example", "192.0.2.1", None, code, None, text)
        none = verdict is Verdict.NOT_TRIED
        return [
            Result(entry.id, verdict, None if none else attempt, retry_at, text if none else "")
            for entry in consignment.entries
        ]

    return answer


DELIVERED = all_of(Verdict.DELIVERED, 250, "2.0.0 taken")
BUSY = all_of(Verdict.DEFERRED, 451, "4.3.0 come back later")
REFUSED = all_of(Verdict.FAILED, 550, "5.1.1 no such user")


class Post:
    """A store, its dispatcher, what it works with, and the hands of the clock."""

    def __init__(self, store: Store, clock: SteppingClock, carrier: ScriptedCarrier, notices: Notices) -> None:
        self.store = store
        self.clock = clock
        self.carrier = carrier
        self.notices = notices
        self.config = QueueConfig()
        self.dispatcher = self.build("worker")

    def build(self, worker: str) -> Dispatcher:
        return Dispatcher(self.store, self.clock, self.carrier, self.notices, self.config, even, worker)

    async def quiet(self) -> None:
        """Until the dispatcher has done all there is to do at this moment."""
        async with asyncio.timeout(20):
            while True:
                while not self.dispatcher.is_idle:
                    self.clock.slept.clear()
                    await self.clock.slept.wait()
                await asyncio.sleep(0)  # who has just lain down may not have told the clock yet
                if self.dispatcher.is_idle:
                    return

    async def run(self, seconds: float) -> None:
        """Let time pass, one deadline after the other."""
        await self.quiet()
        end = self.clock.monotonic() + seconds
        while (step := self.clock.next_deadline()) is not None and self.clock.monotonic() + step <= end:
            await self.clock.advance(step)
            await self.quiet()
        await self.clock.advance(end - self.clock.monotonic())
        await self.quiet()


class Heard(Recorder):
    """Notices that only remember what they were to tell, and can be made to fail."""

    def __init__(self, store: Store, clock: SteppingClock) -> None:
        super().__init__(store)
        self.clock = clock
        self.settled: list[tuple[float, Settled]] = []
        self.faults: list[Exception] = []

    async def settle(self, worker: str, consignment: Consignment, settled: Sequence[Settled]) -> None:
        if self.faults:
            raise self.faults.pop(0)
        await super().settle(worker, consignment, settled)
        self.settled += [(self.clock.monotonic(), each) for each in settled]

    def of(self, event: str) -> list[tuple[float, int]]:
        """(second, row) of each."""
        return [(at, each.entry_id) for at, each in self.settled if each.event == event]


@asynccontextmanager
async def post(store: Store, clock: SteppingClock, answer: Answer = DELIVERED) -> AsyncIterator[Post]:
    """Not started; stopped at the end."""
    made = Post(store, clock, ScriptedCarrier(clock, answer), Heard(store, clock))
    try:
        yield made
    finally:
        made.carrier.gate.set()
        await made.dispatcher.stop(0)


def attempts_of(rx: Rx, entry_id: int) -> int:
    row = rx.one("SELECT count(*) FROM delivery_attempts WHERE entry_id = ?", entry_id)
    return int(row[0]) if row else 0
