"""Events with many guests: what the organizer's own write put off is delivered after it, a few copies at a time.

Each piece is one transaction, and between two of them everybody else may write:

    crash before a piece    its rows are there: the next start goes on
    crash after it          its rows went in the same transaction: nobody gets a message twice

The organizer's event says 1.1 (pending) of those who wait, and what became of it when all have their messages.
"""

import asyncio
from itertools import groupby

import structlog

from mailserver.clock import Clock
from mailserver.errors import Refusal
from mailserver.groupware.scheduling.calendar_users import Where
from mailserver.groupware.scheduling.copies import Copy
from mailserver.groupware.scheduling.deliveries import Deliveries
from mailserver.groupware.scheduling.implicit import ImplicitScheduling
from mailserver.ical import itip_tree
from mailserver.ical.itip_answers import keep_answers
from mailserver.ical.itip_messages import Message, Method, with_status
from mailserver.ical.itip_parties import Status, attendees, highest_sequence
from mailserver.ical.itip_tree import Part
from mailserver.store import scheduling_answers, scheduling_deliveries
from mailserver.store.database import Tx
from mailserver.store.events import Event, ForeignCommit, SchedulingWaits
from mailserver.store.scheduling_answers import Unshown
from mailserver.store.scheduling_deliveries import Pending
from mailserver.store.store import Store

PIECE = 5  # copies written in one transaction
RETRY_SECONDS = 60.0  # after a database that could not write

_log = structlog.get_logger("scheduling")


class Pieces:
    def __init__(self, store: Store, clock: Clock, scheduling: ImplicitScheduling) -> None:
        self._store = store
        self._clock = clock
        self._scheduling = scheduling
        self._wake = asyncio.Event()
        self._wake.set()  # what a crash left
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._unsubscribe = self._store.subscribe(self._hear)
        self._task = asyncio.create_task(self._run(), name="scheduling-pieces")

    async def stop(self) -> None:
        if self._task is not None:
            task, self._task = self._task, None
            self._unsubscribe()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def deliver_all(self) -> None:
        while await self._store.write(_piece, self._scheduling):
            pass

    def _hear(self, event: Event) -> None:
        if isinstance(event, SchedulingWaits | ForeignCommit):
            self._wake.set()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self.deliver_all()
            except Refusal as fault:  # the database itself
                _log.error("deliveries of scheduling wait", error=fault.text)
                await self._clock.sleep(RETRY_SECONDS)
                self._wake.set()


def _piece(tx: Tx, scheduling: ImplicitScheduling) -> bool:
    """False where nothing is left to do."""
    if waiting := scheduling_deliveries.list(tx, PIECE):
        for _, rows in groupby(waiting, key=lambda each: (each.user_id, each.uid)):
            _deliver(tx, scheduling, list(rows))
        return True
    unshown = scheduling_answers.find(tx)
    if unshown is None:
        return False
    _show(tx, scheduling.deliveries, unshown)
    return True


def _deliver(tx: Tx, scheduling: ImplicitScheduling, rows: list[Pending]) -> None:
    """All of them about one event."""
    first, statuses, answers = rows[0], dict[str, str](), list[Message]()
    for message_id, same in groupby(rows, key=lambda each: each.message_id):
        calendar = itip_tree.parse(scheduling_deliveries.data(tx, message_id))
        for each in same:
            statuses[each.recipient], answer = scheduling.send(tx, each.user_id, _message(each, calendar))
            answers += [] if answer is None else [answer]
            scheduling_deliveries.remove(tx, each)
    copies = scheduling.deliveries.copies
    event = copies.find(tx, first.user_id, first.uid, first.sender)
    if event is not None:  # else it was deleted meanwhile
        calendar = with_status(event.calendar, _known(tx, scheduling.deliveries, event, first, statuses))
        _write(tx, scheduling.deliveries, event, scheduling.with_answers(tx, first.user_id, calendar, answers))


def _message(pending: Pending, calendar: Part) -> Message:
    sequence = highest_sequence(calendar)
    return Message(Method(pending.method), pending.uid, pending.sender, pending.recipient, sequence, calendar)


def _known(tx: Tx, deliveries: Deliveries, event: Copy, pending: Pending, statuses: dict[str, str]) -> dict[str, str]:
    """What is written into the event now: what went wrong at once, that it arrived when all have it.

    Else an event of 500 guests would be another one a hundred times while its organizer works on it.
    """
    if scheduling_deliveries.is_any(tx, pending.user_id, pending.uid):
        return {who: status for who, status in statuses.items() if status != Status.DELIVERED}
    waited = {
        who: str(Status.DELIVERED)
        for who, line in attendees(event.calendar).items()
        if line.param("SCHEDULE-STATUS") == Status.PENDING and not isinstance(deliveries.users.whose(tx, who), Where)
    }
    return waited | statuses


def _show(tx: Tx, deliveries: Deliveries, unshown: Unshown) -> None:
    """Others' answers in the copies of the next guests."""
    event = deliveries.copies.find(tx, unshown.user_id, unshown.uid, unshown.organizer)
    guests = [] if event is None else sorted(each for each in attendees(event.calendar) if each > unshown.reached)
    if event is None or not guests:
        scheduling_answers.finish(tx, unshown)
        return
    for who in guests[:PIECE]:
        user_id = deliveries.users.whose(tx, who)
        if not isinstance(user_id, Where) and user_id != unshown.user_id:
            _show_to(tx, deliveries, user_id, event.calendar, unshown)
    scheduling_answers.set_reached(tx, unshown, guests[:PIECE][-1])


def _show_to(tx: Tx, deliveries: Deliveries, user_id: int, event: Part, unshown: Unshown) -> None:
    found = deliveries.copies.find(tx, user_id, unshown.uid, unshown.organizer)
    if found is not None:
        own = deliveries.users.own(tx, user_id, [event, found.calendar])
        _write(tx, deliveries, found, keep_answers(event, found.calendar, own, all_of_them=True))


def _write(tx: Tx, deliveries: Deliveries, found: Copy, calendar: Part) -> None:
    if calendar.render() == found.calendar.render():
        return
    try:
        deliveries.copies.write(tx, found, found.collection, calendar, found.member.schedule_tag)
    except Refusal as fault:  # a full calendar keeps nobody else from what waits
        _log.warning("answers not shown", uid=found.member.uid[:100], error=fault.text)
