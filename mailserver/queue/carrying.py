"""Consignments on their way: one task each, until what became of their rows is written.

A commit that fails is repeated from memory; the rows stay leased and are not sent again meanwhile.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence

import structlog

from mailserver.clock import Clock
from mailserver.config.tree import QueueConfig
from mailserver.errors import Refusal
from mailserver.queue import outcome
from mailserver.queue.lateness import least_attempts
from mailserver.queue.occupancy import Occupancy
from mailserver.queue.seams import Carrier, Notices
from mailserver.remote.consignment import Consignment, CutShort, Result, Verdict
from mailserver.store import queue_claim
from mailserver.store.attempts import Attempt
from mailserver.store.queue_record import Settled
from mailserver.store.queue_states import Event
from mailserver.store.store import Store

LEASE_SECONDS = 600.0
RENEW_SECONDS = LEASE_SECONDS / 3
FAULT_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)  # between repeated writes

OUR_FAULT = "An error of this server; tried again"
STOPPED = "The server was stopped while this was being sent: it may arrive twice"

_WORDS = {
    Event.DELIVER: "done",
    Event.RELAY: "done",
    Event.DEFER: "put off",
    Event.RETURN: "not tried",
    Event.BOUNCE: "refused",
    Event.EXPIRE: "given up",
}

_log = structlog.get_logger("queue")


class Carrying:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        carrier: Carrier,
        notices: Notices,
        config: QueueConfig,
        random: Callable[[int], bytes],
        worker: str,
        ended: Callable[[], None],
    ) -> None:
        """`ended`: called whenever a consignment has left."""
        self.occupancy = Occupancy(clock)
        self._store = store
        self._clock = clock
        self._carrier = carrier
        self._notices = notices
        self._config = config
        self._random = random
        self._worker = worker
        self._tell_ended = ended
        self._running: dict[asyncio.Task[None], Consignment] = {}
        self._unwritten: dict[int, Sequence[Settled]] = {}  # first row of a consignment → what is known of all
        self._renew_at = 0.0

    def __len__(self) -> int:
        """Consignments that are being carried, or whose results are being written."""
        return len(self._running)

    def reconfigure(self, config: QueueConfig) -> None:
        self._config = config

    def start(self, consignment: Consignment) -> None:
        if not self._running:
            self._renew_at = self._clock.monotonic() + RENEW_SECONDS
        self.occupancy.enter(consignment.destination)
        task = asyncio.create_task(self._deliver(consignment), name=f"delivery {consignment.entries[0].id}")
        self._running[task] = consignment
        task.add_done_callback(self._ended)

    def ids(self) -> list[int]:
        """Of the rows that are on their way."""
        return [entry.id for consignment in self._running.values() for entry in consignment.entries]

    async def renew(self) -> None:
        """The leases, when it is time."""
        if self._running and self._clock.monotonic() >= self._renew_at:
            await self._store.write(queue_claim.renew, self._worker, self.ids(), int(LEASE_SECONDS * 1000))
            self._renew_at = self._clock.monotonic() + RENEW_SECONDS

    def until_renewal(self) -> float | None:
        """Seconds; None when there is nothing to renew."""
        return max(self._renew_at - self._clock.monotonic(), 0.0) if self._running else None

    async def end(self, seconds: float) -> None:
        """Time to end for what is under way; then what is known is written, the rest is in doubt."""
        tasks = [*self._running]
        late = asyncio.create_task(self._clock.sleep(seconds))
        everything = asyncio.create_task(_all(tasks))
        await asyncio.wait({late, everything}, return_when=asyncio.FIRST_COMPLETED)
        left = [consignment for task, consignment in self._running.items() if not task.done()]
        for task in (late, everything, *tasks):
            task.cancel()
        await asyncio.gather(late, everything, *tasks, return_exceptions=True)
        for consignment in left:
            await self._give_back(consignment)

    # ---- one consignment ----

    async def _deliver(self, consignment: Consignment) -> None:
        try:
            results = await self._carrier.carry(consignment)
        except CutShort as cut:  # a stop: _give_back writes it
            self._unwritten[consignment.entries[0].id] = self._cut_short(consignment, cut.results)
            raise
        except Exception:  # the root of a task: the rows are put off like any other that failed
            _log.exception("delivery failed", queue_id=consignment.entries[0].id)
            attempt = Attempt(self._now_ms(), 0, text=OUR_FAULT)
            results = [Result(entry.id, Verdict.DEFERRED, attempt) for entry in consignment.entries]
        self._close(consignment.destination, results)
        await self._settle(consignment, self._settled(consignment, results))

    def _close(self, destination: str, results: Sequence[Result]) -> None:
        opens = [each.retry_at for each in results if each.verdict is Verdict.NOT_TRIED and each.retry_at is not None]
        if opens:
            self.occupancy.close(destination, (min(opens) - self._now_ms()) / 1000)

    def _settled(self, consignment: Consignment, results: Sequence[Result]) -> list[Settled]:
        terms = outcome.Terms(
            self._config.schedule, least_attempts(self._config), self._now_ms(), outcome.chance(self._random)
        )
        of = {result.entry_id: result for result in results}
        return [
            outcome.settled(entry, of.get(entry.id, Result(entry.id, Verdict.NOT_TRIED, None)), terms)
            for entry in consignment.entries
        ]

    def _cut_short(self, consignment: Consignment, results: Sequence[Result]) -> list[Settled]:
        """What is known of some, and that nobody knows of the others."""
        known = {settled.entry_id: settled for settled in self._settled(consignment, results)}
        sure = {result.entry_id for result in results}
        return [known[each.entry_id] if each.entry_id in sure else each for each in self._lost(consignment)]

    def _lost(self, consignment: Consignment) -> list[Settled]:
        attempt = Attempt(self._now_ms(), 0, text=STOPPED)
        return [Settled(entry.id, Event.LOSE, attempt) for entry in consignment.entries]

    async def _settle(self, consignment: Consignment, settled: Sequence[Settled]) -> None:
        """Until it is written: what was sent must not be sent again because the disk was full for a while."""
        faults = 0
        self._unwritten[settled[0].entry_id] = settled
        while True:
            try:
                await self._notices.settle(self._worker, consignment, settled)
            except Refusal as fault:
                _log.error("result not written; tried again", queue_id=settled[0].entry_id, error=fault.text)
            except Exception:  # the root of a task: without this record the rows would be sent again
                _log.exception("result not written; tried again", queue_id=settled[0].entry_id)
            else:
                break
            await self._clock.sleep(fault_wait(faults))
            faults += 1
        del self._unwritten[settled[0].entry_id]
        for each in settled:
            _log.info("delivery " + _WORDS.get(each.event, each.event), **_facts(each, consignment))

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self.occupancy.leave(self._running.pop(task).destination)
        self._tell_ended()

    async def _give_back(self, consignment: Consignment) -> None:
        known = self._unwritten.get(consignment.entries[0].id)
        try:
            await self._notices.settle(self._worker, consignment, known or self._lost(consignment))
        except Refusal as fault:  # the next start finds the rows in doubt
            _log.error("delivery not given back", queue_id=consignment.entries[0].id, error=fault.text)
        else:
            _log.warning("delivery given back", queue_id=consignment.entries[0].id, is_known=known is not None)

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)


def fault_wait(faults: int) -> float:
    """Seconds before what failed so often is tried again."""
    return FAULT_SECONDS[min(faults, len(FAULT_SECONDS) - 1)]


async def _all(tasks: Iterable["asyncio.Task[None]"]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


def _facts(settled: Settled, consignment: Consignment) -> dict[str, object]:
    attempt = settled.attempt
    return {
        "queue_id": settled.entry_id,
        "destination": consignment.destination,
        "host": attempt.host if attempt else None,
        "code": attempt.code if attempt else None,
        "text": settled.text or (attempt.text if attempt else ""),
    }
