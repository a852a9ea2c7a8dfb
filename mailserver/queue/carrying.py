"""Consignments on their way: one task each, until what became of their rows is written.

A commit that fails is repeated from memory; the rows stay leased and are not sent again meanwhile. What another server
took is written while the consignment's other recipients still wait: a crash then sends it nobody twice.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import structlog

from mailserver.clock import Clock
from mailserver.config.tree import QueueConfig
from mailserver.errors import Refusal
from mailserver.queue import outcome
from mailserver.queue.carried import Carried
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
        self._running: dict[asyncio.Task[None], Carried] = {}
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
        carried = Carried(consignment)
        task = asyncio.create_task(self._deliver(carried), name=f"delivery {carried.first}")
        self._running[task] = carried
        task.add_done_callback(self._ended)

    def ids(self) -> list[int]:
        """Of the rows that are on their way."""
        return [entry.id for carried in self._running.values() for entry in carried.consignment.entries]

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
        left = [carried for task, carried in self._running.items() if not task.done()]
        for task in (late, everything, *tasks):
            task.cancel()
        await asyncio.gather(late, everything, *tasks, return_exceptions=True)
        for carried in left:
            await self._give_back(carried)

    # ---- one consignment ----

    async def _deliver(self, carried: Carried) -> None:
        try:
            results = await self._carry(carried)
            self._close(carried.consignment.destination, results)
            await self._settle(carried, self._settled(carried.consignment, results))
            await asyncio.gather(*carried.writing)
        finally:  # a stop: _give_back writes what they did not
            await _end(carried.writing)

    async def _carry(self, carried: Carried) -> Sequence[Result]:
        consignment = carried.consignment
        try:
            return await self._carrier.carry(consignment, partial(self._take, carried))
        except CutShort as cut:  # a stop: _give_back writes it
            carried.learn(self._of_those(consignment, cut.results))
            raise
        except Exception:  # the root of a task: the rows are put off like any other that failed
            _log.exception("delivery failed", queue_id=carried.first)
            attempt = Attempt(self._now_ms(), 0, text=OUR_FAULT)
            return [Result(entry.id, Verdict.DEFERRED, attempt) for entry in consignment.entries]

    def _take(self, carried: Carried, results: Sequence[Result]) -> None:
        """Of some recipients, while the others wait."""
        writing = self._settle(carried, self._of_those(carried.consignment, results))
        carried.writing.append(asyncio.create_task(writing, name=f"result {carried.first}"))

    def _of_those(self, consignment: Consignment, results: Sequence[Result]) -> list[Settled]:
        """Of the rows that have a result, and no others."""
        sure = {result.entry_id for result in results}
        return [each for each in self._settled(consignment, results) if each.entry_id in sure]

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

    def _lost(self, carried: Carried) -> list[Settled]:
        """Rows that nobody knows anything of."""
        attempt = Attempt(self._now_ms(), 0, text=STOPPED)
        ids = (entry.id for entry in carried.consignment.entries)
        return [Settled(entry_id, Event.LOSE, attempt) for entry_id in ids if entry_id not in carried.known]

    async def _settle(self, carried: Carried, results: Sequence[Settled]) -> None:
        """Until it is written: what was sent must not be sent again because the disk was full for a while."""
        consignment, settled, faults = carried.consignment, carried.learn(results), 0
        while settled:
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
        carried.written(settled)
        for each in settled:
            _log.info("delivery " + _WORDS.get(each.event, each.event), **_facts(each, consignment))

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self.occupancy.leave(self._running.pop(task).consignment.destination)
        self._tell_ended()

    async def _give_back(self, carried: Carried) -> None:
        known = [*carried.unwritten.values()]
        settled = [*known, *self._lost(carried)]
        if not settled:
            return
        try:
            await self._notices.settle(self._worker, carried.consignment, settled)
        except Refusal as fault:  # the next start finds the rows in doubt
            _log.error("delivery not given back", queue_id=carried.first, error=fault.text)
        else:
            _log.warning("delivery given back", queue_id=carried.first, is_known=bool(known))

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)


def fault_wait(faults: int) -> float:
    """Seconds before what failed so often is tried again."""
    return FAULT_SECONDS[min(faults, len(FAULT_SECONDS) - 1)]


async def _all(tasks: Iterable["asyncio.Task[None]"]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


async def _end(tasks: Sequence["asyncio.Task[None]"]) -> None:
    for task in tasks:
        task.cancel()
    await _all(tasks)


def _facts(settled: Settled, consignment: Consignment) -> dict[str, object]:
    attempt = settled.attempt
    return {
        "queue_id": settled.entry_id,
        "destination": consignment.destination,
        "host": attempt.host if attempt else None,
        "code": attempt.code if attempt else None,
        "text": settled.text or (attempt.text if attempt else ""),
    }
