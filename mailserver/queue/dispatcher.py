"""What sends: claims due rows, has them carried away, writes down what became of them. Never polls.

    asleep    until the next row is due, a sender is to be told, a row is to be given up, or the queue changes
    turn      late rows are told of or given up → due rows are leased, as many as lanes take → one task for each
              consignment (a message, its sender, one destination)
    task      carried → settled in one transaction with the notices → the next turn

Crash points: queue.py of the store. A commit that fails is repeated from memory; the rows stay leased and are not sent
again meanwhile. At the start, and only there, rows of other workers are returned in doubt: this process holds the data
folder's lock, so that they are gone.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import structlog

from mailserver.clock import Clock
from mailserver.config.tree import QueueConfig
from mailserver.errors import Refusal
from mailserver.queue import outcome, schedule
from mailserver.queue.seams import Carrier, Notices
from mailserver.remote.consignment import Consignment, CutShort, Result, Verdict
from mailserver.store import queue_claim, queue_watch
from mailserver.store.attempts import Attempt
from mailserver.store.database import Rx
from mailserver.store.events import Event, ForeignCommit, QueueChanged
from mailserver.store.queue import Entry
from mailserver.store.queue_record import Settled
from mailserver.store.queue_states import Event as RowEvent
from mailserver.store.store import Store

LEASE_SECONDS = 600.0
RENEW_SECONDS = LEASE_SECONDS / 3
LONGEST_SLEEP = 900.0  # then the clock is looked at: it may have jumped
MAX_CLAIM = 100  # transactions in one claim
MAX_RECIPIENTS = 100  # of one transaction: what every server must take, RFC 5321 §4.5.3.1.8
MAX_CLOSED = 10_000  # destinations remembered as closed
LATE_BATCH = 100  # rows told of or given up in one go
JUMP_SECONDS = 30.0  # a clock that goes back by more has jumped
FAULT_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)  # between repeated writes
HOUR_MS, DAY_MS = 3_600_000, 86_400_000

OUR_FAULT = "An error of this server; tried again"
STOPPED = "The server was stopped while this was being sent: it may arrive twice"

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
        self._carrier = carrier
        self._notices = notices
        self._config = config
        self._random = random
        self._worker = worker
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._running: dict[asyncio.Task[None], Consignment] = {}
        self._busy: Counter[str] = Counter()  # destination → transactions under way
        self._unwritten: dict[int, Sequence[Settled]] = {}  # first row of a consignment → what is known of all
        self._closed: dict[str, float] = {}  # destination → monotonic time when its gates open
        self._renew_at = 0.0
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
        if self._running:
            await self._end_running(seconds)

    def reconfigure(self, config: QueueConfig) -> None:
        self._config = config
        self._wake.set()

    @property
    def under_way(self) -> int:
        """Consignments that are being carried, or whose results are being written."""
        return len(self._running)

    @property
    def is_idle(self) -> bool:
        """Nothing is under way and nothing is to be done before the next moment it sleeps for."""
        return self._asleep and not self._running and not self._wake.is_set()

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
                wait, faults, self._is_unsure = _fault_wait(faults), faults + 1, True
                _log.error("queue put off", error=fault.text)
            except Exception:  # the root of a task that nobody would start again
                wait, faults, self._is_unsure = _fault_wait(faults), faults + 1, True
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
        await self._renew()
        if not self._config.deliver:
            return self._until_renewal()
        await self._claim()
        agenda = await self._store.read(self._agenda)
        now_ms = self._now_ms()
        if _is_due(agenda.warning, now_ms):
            await self._warn(now_ms)
            return 0.0
        if _is_due(agenda.expiry, now_ms):
            await self._expire(now_ms)
            return 0.0
        has_room = len(self._running) < self._config.max_connections
        moments = [agenda.warning, agenda.expiry, agenda.delivery if has_room else None]
        waits = [(moment - now_ms) / 1000 for moment in moments if moment is not None]
        return max(0.0, min([*waits, *self._until_open(), self._until_renewal()]))

    def _agenda(self, rx: Rx) -> Agenda:
        warn_ms = self._config.warn_hours * HOUR_MS
        untold = queue_watch.oldest_untold(rx) if warn_ms else None
        return Agenda(
            queue_watch.next_due(rx, self._full()),
            None if untold is None else untold + int(warn_ms),
            queue_watch.next_expiry(rx, self._least_attempts()),
        )

    # ---- claiming and carrying ----

    async def _claim(self) -> None:
        """Lease and start whatever is due, as far as there is room."""
        while (room := self._config.max_connections - len(self._running)) > 0:
            due = await self._store.read(queue_watch.next_due, self._full())
            if not _is_due(due, self._now_ms()):
                return
            limit, each = min(room, MAX_CLAIM), self._config.max_connections_per_destination
            entries = await self._store.write(
                queue_claim.claim, self._worker, limit, int(LEASE_SECONDS * 1000), self._occupied(), each
            )
            if not entries:
                return
            for consignment in consignments(entries):
                self._start(consignment)

    async def _unclaim(self) -> None:
        """A claim that was cut short, or whose commit failed nobody knows how far, may have leased rows that no task
        has: due again as they were. Until the next start nobody else would return them."""
        await self._store.write(queue_claim.unclaim, self._worker, self._carried())
        self._is_unsure = False

    def _carried(self) -> list[int]:
        return [entry.id for consignment in self._running.values() for entry in consignment.entries]

    def _start(self, consignment: Consignment) -> None:
        if not self._running:
            self._renew_at = self._clock.monotonic() + RENEW_SECONDS
        self._busy[consignment.destination] += 1
        task = asyncio.create_task(self._deliver(consignment), name=f"delivery {consignment.entries[0].id}")
        self._running[task] = consignment
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        consignment = self._running.pop(task)
        self._busy[consignment.destination] -= 1
        if not self._busy[consignment.destination]:
            del self._busy[consignment.destination]
        self._wake.set()

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

    def _settled(self, consignment: Consignment, results: Sequence[Result]) -> list[Settled]:
        terms = outcome.Terms(
            self._config.schedule, self._least_attempts(), self._now_ms(), outcome.chance(self._random)
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
        return [Settled(entry.id, RowEvent.LOSE, attempt) for entry in consignment.entries]

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
            await self._clock.sleep(_fault_wait(faults))
            faults += 1
        del self._unwritten[settled[0].entry_id]
        for each in settled:
            _log.info("delivery " + _WORDS.get(each.event, each.event), **_facts(each, consignment))

    # ---- destinations that take nothing now ----

    def _close(self, destination: str, results: Sequence[Result]) -> None:
        """Where gates were closed, others need not come to see it."""
        opens = [each.retry_at for each in results if each.verdict is Verdict.NOT_TRIED and each.retry_at is not None]
        if opens and len(self._closed) < MAX_CLOSED:
            self._closed[destination] = self._clock.monotonic() + max(0.0, (min(opens) - self._now_ms()) / 1000)

    def _full(self) -> list[str]:
        return queue_claim.full(self._occupied(), self._config.max_connections_per_destination)

    def _occupied(self) -> dict[str, int]:
        """Destination → transactions under way; closed ones have as many as they may."""
        now = self._clock.monotonic()
        for name in [name for name, opens in self._closed.items() if opens <= now]:
            del self._closed[name]
        return {**self._busy, **dict.fromkeys(self._closed, self._config.max_connections_per_destination)}

    def _until_open(self) -> list[float]:
        now = self._clock.monotonic()
        return [opens - now for opens in self._closed.values()]

    # ---- what is late ----

    async def _warn(self, now_ms: int) -> None:
        since = now_ms - int(self._config.warn_hours * HOUR_MS)
        late = await self._store.read(queue_watch.due_for_warning, since, LATE_BATCH)
        for consignment in consignments(late):
            settled = [Settled(entry.id, RowEvent.WARN) for entry in consignment.entries]
            await self._notices.settle(self._worker, consignment, settled)

    async def _expire(self, now_ms: int) -> None:
        old = await self._store.read(queue_watch.due_for_expiry, now_ms, self._least_attempts(), LATE_BATCH)
        for consignment in consignments(old):
            settled = [
                Settled(entry.id, RowEvent.EXPIRE, text=outcome.expired(entry, None, now_ms))
                for entry in consignment.entries
            ]
            await self._notices.settle(self._worker, consignment, settled)

    def _least_attempts(self) -> int:
        return schedule.least_attempts(self._config.schedule, self._config.expire_days)

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

    async def _renew(self) -> None:
        if self._running and self._clock.monotonic() >= self._renew_at:
            await self._store.write(queue_claim.renew, self._worker, self._carried(), int(LEASE_SECONDS * 1000))
            self._renew_at = self._clock.monotonic() + RENEW_SECONDS

    def _until_renewal(self) -> float:
        return max(self._renew_at - self._clock.monotonic(), 0.0) if self._running else LONGEST_SLEEP

    # ---- the end ----

    async def _end_running(self, seconds: float) -> None:
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

    async def _give_back(self, consignment: Consignment) -> None:
        known = self._unwritten.get(consignment.entries[0].id)
        try:
            await self._notices.settle(self._worker, consignment, known or self._lost(consignment))
        except Refusal as fault:  # the next start finds the rows in doubt
            _log.error("delivery not given back", queue_id=consignment.entries[0].id, error=fault.text)
        else:
            _log.warning("delivery given back", queue_id=consignment.entries[0].id, is_known=known is not None)


def consignments(entries: Iterable[Entry]) -> list[Consignment]:
    """Rows that go in one transaction, in the order of their first."""
    groups: dict[tuple[object, ...], list[Entry]] = {}
    for entry in entries:
        groups.setdefault(_options(entry), []).append(entry)
    return [
        Consignment(tuple(piece), group[0].destination)
        for group in groups.values()
        for piece in _pieces(group, MAX_RECIPIENTS)
    ]


def _options(entry: Entry) -> tuple[object, ...]:
    """What rows of one transaction have in common."""
    return (
        entry.message_path, entry.sender, entry.destination, entry.transaction_id, entry.user_id, entry.domain_id,
        entry.envid, entry.ret, entry.body, entry.smtputf8, entry.require_tls, entry.tls_optional,
    )  # fmt: skip


def _pieces(entries: Iterable[Entry], size: int) -> Iterable[list[Entry]]:
    rest = iter(entries)
    while piece := [*islice(rest, size)]:
        yield piece


async def _all(tasks: Iterable["asyncio.Task[None]"]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


def _is_due(moment: int | None, now_ms: int) -> bool:
    return moment is not None and moment <= now_ms


def _fault_wait(faults: int) -> float:
    return FAULT_SECONDS[min(faults, len(FAULT_SECONDS) - 1)]


_WORDS = {
    RowEvent.DELIVER: "done",
    RowEvent.RELAY: "done",
    RowEvent.DEFER: "put off",
    RowEvent.RETURN: "not tried",
    RowEvent.BOUNCE: "refused",
    RowEvent.EXPIRE: "given up",
}


def _facts(settled: Settled, consignment: Consignment) -> dict[str, object]:
    attempt = settled.attempt
    return {
        "queue_id": settled.entry_id,
        "destination": consignment.destination,
        "host": attempt.host if attempt else None,
        "code": attempt.code if attempt else None,
        "text": settled.text or (attempt.text if attempt else ""),
    }
