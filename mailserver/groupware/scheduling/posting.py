"""Messages for people elsewhere become mail: a row waits from the commit that made it until its mail is in the queue.

crash before the mail is queued    the row is there: the next start goes on
crash after it                     the row went in the same transaction: nobody is invited twice
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Protocol

import structlog

from mailserver.clock import Clock
from mailserver.errors import Refusal
from mailserver.groupware.scheduling.letters import Letter, compose
from mailserver.store import scheduling_mail
from mailserver.store.database import Tx
from mailserver.store.events import Event, ForeignCommit, SchedulingMailAdded
from mailserver.store.scheduling_mail import Waiting
from mailserver.store.store import Store

BATCH = 50  # rows read at once
RETRY_SECONDS = 300.0  # after a refusal that may pass: a full disk, too much mail within the hour
MESSAGE_ID_OCTETS = 16

_log = structlog.get_logger("scheduling")


class Gone(Exception):  # noqa: N818 - the row was sent by somebody else: nothing is to be done
    pass


class Post(Protocol):
    async def send(self, waiting: Waiting, letter: Letter, check: Callable[[Tx], None]) -> None:
        """Into the outbound queue and the mailboxes here; `check` runs in that transaction.

        Raises Refusal: a permanent one (5xx) where this mail can never be sent.
        """
        ...


class Posting:
    def __init__(self, store: Store, clock: Clock, hostname: str, post: Post, random: Callable[[int], bytes]) -> None:
        self._store = store
        self._clock = clock
        self._hostname = hostname
        self._post = post
        self._random = random
        self._wake = asyncio.Event()
        self._wake.set()  # what a crash left
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._unsubscribe = self._store.subscribe(self._hear)
        self._task = asyncio.create_task(self._run(), name="scheduling-mail")

    async def stop(self) -> None:
        if self._task is not None:
            task, self._task = self._task, None
            self._unsubscribe()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def post_all(self) -> bool:
        """False where some have to wait."""
        after, is_clear = 0, True
        while batch := await self._store.read(scheduling_mail.list, after, BATCH):
            for waiting in batch:
                is_clear = await self._post_one(waiting) and is_clear
                after = waiting.id
        return is_clear

    # ---- inside ----

    def _hear(self, event: Event) -> None:
        if isinstance(event, SchedulingMailAdded | ForeignCommit):
            self._wake.set()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                is_clear = await self.post_all()
            except Refusal as fault:  # the database itself
                _log.error("scheduling mail waits", error=fault.text)
                is_clear = False
            if not is_clear:
                await self._clock.sleep(RETRY_SECONDS)
                self._wake.set()

    async def _post_one(self, waiting: Waiting) -> bool:
        try:
            message_id = f"{self._random(MESSAGE_ID_OCTETS).hex()}@{self._hostname}"
            letter = await self._store.in_thread(compose, waiting, message_id, self._clock.now())
            await self._post.send(waiting, letter, partial(_done, waiting_id=waiting.id))
        except Gone:
            return True
        except Refusal as fault:
            is_final = fault.smtp.startswith("5")
            _log.warning(
                "scheduling message not sent", recipient=waiting.recipient, error=fault.text, waits=not is_final
            )
            if is_final:
                await self._store.write(scheduling_mail.remove, waiting.id)
            return is_final
        _log.info("scheduling message sent", method=waiting.method, recipient=waiting.recipient)
        return True


def _done(tx: Tx, waiting_id: int) -> None:
    if not scheduling_mail.remove(tx, waiting_id):
        raise Gone
