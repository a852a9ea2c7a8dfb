"""Keeps every user's outbox in step with the queue.

A change of the queue makes it look; what a message shows is compared with what is to be seen now, and only where that
differs it is made anew, with a UID of its own. A crash at any moment leaves an outbox that is behind: the next look,
at the start too, brings it up.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import structlog

from mailserver.clock import Clock
from mailserver.errors import Refusal
from mailserver.mail import outbox_fields
from mailserver.mail.outbox_fields import Recipient
from mailserver.store import outbox, spool
from mailserver.store.database import Rx, Tx, text_time
from mailserver.store.events import Event, ForeignCommit, MessagesRemoved, QueueChanged
from mailserver.store.outbox import Shown, Waiting
from mailserver.store.queue import Entry
from mailserver.store.queue_states import ENDED, State
from mailserver.store.staging import Staged
from mailserver.store.store import Store

YOUNG_SECONDS = 10.0  # mail that leaves within them was never worth showing
PAUSE_SECONDS = 1.0  # between two looks: a busy queue changes all the time

_log = structlog.get_logger("outbox")


class Outbox:
    def __init__(self, store: Store, clock: Clock, name: str) -> None:
        """`name`: of the mailbox; "" for none."""
        self._store = store
        self._clock = clock
        self._name = name
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def reconfigure(self, name: str) -> None:
        """Mailboxes that are there keep their name."""
        if name != self._name:
            self._name = name
            self._changed.set()

    async def start(self) -> None:
        self._unsubscribe = self._store.subscribe(self._hear)
        self._changed.set()
        self._task = asyncio.create_task(self._run(), name="outbox")

    async def stop(self) -> None:
        if self._task is not None:
            task, self._task = self._task, None
            self._unsubscribe()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def catch_up(self) -> float | None:
        """One look at the whole queue; the seconds until the next row is old enough to be shown. Raises Refusal."""
        if not self._name:
            await self._store.write(_remove_all)
            return None
        oldest = self._clock.now() - timedelta(seconds=YOUNG_SECONDS)
        wanted, shown, young = await self._store.read(self._look, text_time(oldest))
        for gone in shown.keys() - wanted.keys():
            await self._store.write(_hide, gone)
        for transaction_id, waiting in wanted.items():
            state = _state(waiting, self._now_ms())
            if transaction_id not in shown or shown[transaction_id].state != state:
                await self._show(waiting, state)
        return None if young is None else max(0.0, (_moment(young) - oldest).total_seconds()) + 1

    # ---- inside ----

    def _hear(self, event: Event) -> None:
        if isinstance(event, QueueChanged | ForeignCommit | MessagesRemoved):
            self._changed.set()

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            seconds: float | None = PAUSE_SECONDS
            try:
                seconds = await self.catch_up()
            except (Refusal, OSError) as fault:  # the next look is at all of it again
                _log.warning("outbox not up to date", error=str(fault))
            except Exception:  # one message that can not be shown must not end the others
                _log.exception("outbox not up to date")
                seconds = None
            await self._clock.sleep(PAUSE_SECONDS)
            await self._wait(seconds)

    async def _wait(self, seconds: float | None) -> None:
        """Until the queue changed, or so long."""
        if self._changed.is_set():
            return
        waits = [asyncio.create_task(self._heard(), name="outbox-changed")]
        if seconds is not None:
            waits.append(asyncio.create_task(_sleep(self._clock, seconds), name="outbox-sleep"))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def _heard(self) -> None:
        await self._changed.wait()

    def _look(self, rx: Rx, created_before: str) -> tuple[dict[str, Waiting], dict[str, Shown], str | None]:
        found = (outbox.find_waiting(rx, each) for each in outbox.list_waiting(rx, created_before))
        return (
            {waiting.transaction_id: waiting for waiting in found if waiting is not None},
            {shown.transaction_id: shown for shown in outbox.list_shown(rx)},
            outbox.next_created(rx, created_before),
        )

    async def _show(self, waiting: Waiting, state: str) -> None:
        try:
            staged = await self._stage(waiting)
        except FileNotFoundError:  # sent meanwhile
            return
        unused = await self._store.write(self._put, waiting, state, staged)
        if unused is not None:
            await self._store.unstage(unused)

    async def _stage(self, waiting: Waiting) -> Staged:
        """The message below its status fields."""
        expires = max((each.expires_at or 0 for each in waiting.entries if each.state not in ENDED), default=0)
        described = describe(waiting.entries, self._now_ms())
        head = outbox_fields.fields(waiting.transaction_id, described, expires // 1000 or None)
        async with self._store.incoming() as incoming:
            await incoming.write(head)
            await spool.read_into(self._store, waiting.entries[0].message_path, incoming)
            return await self._store.stage(incoming)

    def _put(self, tx: Tx, waiting: Waiting, state: str, staged: Staged) -> Staged | None:
        """Unless the queue has gone on: then the next look is right. Returns the file that was not needed."""
        now = outbox.find_waiting(tx, waiting.transaction_id)
        if now is None or _state(now, self._now_ms()) != state:
            return staged  # whatever changed was told, and is looked at next
        created = int(_moment(waiting.entries[0].created_at).timestamp())
        outbox.show(tx, waiting, state, staged, self._name, created)
        return None

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)


def describe(entries: Sequence[Entry], now_ms: int) -> list[Recipient]:
    return [_recipient(entry, now_ms) for entry in entries]


def _recipient(entry: Entry, now_ms: int) -> Recipient:
    is_due = entry.state in {State.PENDING, State.SENDING}
    due = int(_moment(entry.next_attempt).timestamp()) if is_due else None
    error = entry.last_error or ""
    return Recipient(entry.recipient, _word(entry, now_ms), entry.attempts, due, error)


def _word(entry: Entry, now_ms: int) -> str:
    """Being sent takes a moment, and is not told: the message would be another one before and after it."""
    if entry.state not in {State.PENDING, State.SENDING}:
        return entry.state.value
    if (entry.not_before or 0) > now_ms:
        return "scheduled"
    return "delayed" if entry.attempts else "waiting"


def _state(waiting: Waiting, now_ms: int) -> str:
    """What there is to be seen, short enough to be kept and compared."""
    digest = hashlib.sha256(repr(describe(waiting.entries, now_ms)).encode())
    return digest.hexdigest()[:32]


def _hide(tx: Tx, transaction_id: str) -> None:
    """Looked at again: it may have come back, such as by an operator's order."""
    if outbox.find_waiting(tx, transaction_id) is None:
        outbox.hide(tx, transaction_id)
        outbox.settle_copy(tx, transaction_id)


def _remove_all(tx: Tx) -> None:
    for mailbox in outbox.list_mailboxes(tx):
        outbox.remove_mailbox(tx, mailbox)


def _moment(text: str) -> datetime:
    """A time of the database."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


async def _sleep(clock: Clock, seconds: float) -> None:
    await clock.sleep(seconds)
