"""What sends: claims due rows, has them carried away, writes down what became of them. Never polls.

    asleep    until the next row is due, a sender is to be told, a row is to be given up, or the queue changes
    turn      late rows are told of or given up → due rows are leased, as many as lanes take → one task for each
              consignment (a message, its sender, one destination)
    task      carried → settled in one transaction with the notices → the next turn

Crash points: queue.py of the store. At the start, and only there, rows of other workers are returned in doubt: this
process holds the data folder's lock, so that they are gone.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from mailserver.clock import Clock
from mailserver.config.tree import QueueConfig
from mailserver.errors import Refusal
from mailserver.queue import schedule
from mailserver.queue.carrying import LEASE_SECONDS, Carrying, fault_wait
from mailserver.queue.grouping import consignments
from mailserver.queue.lateness import Lateness
from mailserver.queue.seams import Carrier, Notices
from mailserver.store import queue_claim, queue_watch
from mailserver.store.database import Rx
from mailserver.store.events import Event, ForeignCommit, QueueChanged
from mailserver.store.store import Store

LONGEST_SLEEP = 900.0  # then the clock is looked at: it may have jumped
MAX_CLAIM = 100  # transactions in one claim
JUMP_SECONDS = 30.0  # a clock that goes back by more has jumped

_log = structlog.get_logger("queue")


@dataclass(frozen=True, slots=True)
class Agenda:
    """When something is to be done, in epoch milliseconds; past or future."""

    delivery: int | None
    warning: int | None
    expiry: int | None


class Dispatcher:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        carrier: Carrier,
        notices: Notices,
        config: QueueConfig,
        random: Callable[[int], bytes],
        worker: str,
    ) -> None:
        """`worker`: a name no other claimer has, in any process or earlier run."""
        self._store = store
        self._clock = clock
        self._config = config
        self._worker = worker
        self._wake = asyncio.Event()
        self._carrying = Carrying(store, clock, carrier, notices, config, random, worker, self._wake.set)
        self._lateness = Lateness(store, notices, config, worker)
        self._task: asyncio.Task[None] | None = None
        self._asleep = False
        self._is_unsure = False  # a claim may be written that nobody heard of

    async def start(self) -> None:
        """Return what a crash left, then send whatever is due, and whatever comes. Raises Refusal."""
        lost = await self._store.write(queue_claim.lose, self._worker, alone=True)
        if lost:
            _log.warning("deliveries in doubt", count=len(lost), queue_ids=[entry.id for entry in lost[:20]])
        await self._bring_forward()
        self._wall, self._monotonic = self._clock.now(), self._clock.monotonic()
        self._unsubscribe = self._store.subscribe(self._hear)
        self._task = asyncio.create_task(self._run(), name="dispatcher")

    async def stop(self, seconds: float) -> None:
        """Claim nothing more; what is being sent may end in time, the rest is given back, in doubt."""
        if self._task is None:
            return
        task, self._task = self._task, None
        self._unsubscribe()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        try:
            await self._unclaim()
        except Refusal as fault:  # the next start finds the rows in doubt
            _log.error("queue not put in order", error=fault.text)
        if self._carrying:
            await self._carrying.end(seconds)

    def reconfigure(self, config: QueueConfig) -> None:
        self._config = config
        self._carrying.reconfigure(config)
        self._lateness.reconfigure(config)
        self._wake.set()

    @property
    def under_way(self) -> int:
        """Consignments that are being carried, or whose results are being written."""
        return len(self._carrying)

    @property
    def is_idle(self) -> bool:
        """Nothing is under way and nothing is to be done before the next moment it sleeps for."""
        return self._asleep and not self._carrying and not self._wake.is_set()

    # ---- the loop ----

    def _hear(self, event: Event) -> None:
        if isinstance(event, QueueChanged | ForeignCommit):
            self._wake.set()

    async def _run(self) -> None:
        faults = 0
        while True:
            self._wake.clear()
            try:
                wait = await self._turn()
                faults = 0
            except Refusal as fault:  # a full or failing disk now may be well the next time
                wait, faults, self._is_unsure = fault_wait(faults), faults + 1, True
                _log.error("queue put off", error=fault.text)
            except Exception:  # the root of a task that nobody would start again
                wait, faults, self._is_unsure = fault_wait(faults), faults + 1, True
                _log.exception("queue turn failed")
            if faults:
                await self._clock.sleep(wait)
            elif wait > 0:
                await self._sleep(wait)

    async def _sleep(self, seconds: float) -> None:
        """Until something happens, or so long."""
        woken = asyncio.create_task(self._wake.wait())
        late = asyncio.create_task(self._clock.sleep(seconds))
        self._asleep = True
        try:
            await asyncio.wait({woken, late}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._asleep = False
            woken.cancel()
            late.cancel()

    async def _turn(self) -> float:
        """Do what is to be done now; returns for how many seconds there is nothing more."""
        await self._watch_clock()
        if self._is_unsure:
            await self._unclaim()
        await self._carrying.renew()
        if not self._config.deliver:
            return self._until_renewal()
        agenda = await self._claim()
        now_ms = self._now_ms()
        if _is_due(agenda.warning, now_ms):
            await self._lateness.warn(now_ms)
            return 0.0
        if _is_due(agenda.expiry, now_ms):
            await self._lateness.expire(now_ms)
            return 0.0
        has_room = len(self._carrying) < self._config.max_connections
        moments = [agenda.warning, agenda.expiry, agenda.delivery if has_room else None]
        waits = [(moment - now_ms) / 1000 for moment in moments if moment is not None]
        return max(0.0, min([*waits, *self._carrying.occupancy.until_open(), self._until_renewal()]))

    def _agenda(self, rx: Rx) -> Agenda:
        return Agenda(
            queue_watch.next_due(rx, self._full()), self._lateness.next_warning(rx), self._lateness.next_expiry(rx)
        )

    def _until_renewal(self) -> float:
        wait = self._carrying.until_renewal()
        return LONGEST_SLEEP if wait is None else wait

    # ---- claiming ----

    async def _claim(self) -> Agenda:
        """Lease and start whatever is due, as far as there is room; returns what is to be done next."""
        while True:
            agenda = await self._store.read(self._agenda)
            room = self._config.max_connections - len(self._carrying)
            if room <= 0 or not _is_due(agenda.delivery, self._now_ms()):
                return agenda
            limit, each = min(room, MAX_CLAIM), self._config.max_connections_per_destination
            busy = self._carrying.occupancy.counts(each)
            entries = await self._store.write(
                queue_claim.claim, self._worker, limit, int(LEASE_SECONDS * 1000), busy, each
            )
            if not entries:
                return agenda
            for consignment in consignments(entries):
                self._carrying.start(consignment)

    async def _unclaim(self) -> None:
        """A claim that was cut short, or whose commit failed nobody knows how far, may have leased rows that no task
        has: due again as they were. Until the next start nobody else would return them."""
        await self._store.write(queue_claim.unclaim, self._worker, self._carrying.ids())
        self._is_unsure = False

    def _full(self) -> list[str]:
        return self._carrying.occupancy.full(self._config.max_connections_per_destination)

    # ---- time ----

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)

    async def _watch_clock(self) -> None:
        """A clock that went back must not hold up what is due."""
        wall, monotonic = self._clock.now(), self._clock.monotonic()
        gone = (wall - self._wall).total_seconds() - (monotonic - self._monotonic)
        self._wall, self._monotonic = wall, monotonic
        if gone < -JUMP_SECONDS:
            _log.warning("the clock went back", seconds=round(-gone))
            await self._bring_forward()

    async def _bring_forward(self) -> None:
        """No row waits for longer than the one interval it has."""
        now_ms = self._now_ms()
        longest = {
            (entry_id, now_ms + schedule.longest(self._config.schedule, max(attempts, 1)))
            for entry_id, attempts, _ in await self._store.read(queue_watch.list_put_off, now_ms)
        }
        if longest:
            await self._store.write(queue_watch.bring_forward, longest)


def _is_due(moment: int | None, now_ms: int) -> bool:
    return moment is not None and moment <= now_ms
