"""Changes that other programs made in a mailbox's folder: looked for at SELECT and while it is selected."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass

import structlog

from mailserver.clock import Clock
from mailserver.errors import NoSuchMailbox, Refusal
from mailserver.store import folder_look, reconcile
from mailserver.store.folder_look import Look
from mailserver.store.store import Store

SELECT_WAIT_SECONDS = 0.5  # how long SELECT waits for new files to become messages; then they come as news

MAX_REMEMBERED = 10_000  # folders whose last comparison is known; of others it is done again

_log = structlog.get_logger("mailboxes")


@dataclass(frozen=True, slots=True)
class _Compared:
    stamp: tuple[int, int]  # of the folder, before it was compared
    at: float  # monotonic


class Scanner:
    """One reconciliation per mailbox at a time; a folder whose stamp did not change is not read."""

    def __init__(self, store: Store, clock: Clock, seconds: float) -> None:
        self._store = store
        self._clock = clock
        self._seconds = seconds
        self._compared: OrderedDict[int, _Compared] = OrderedDict()  # by mailbox id, the oldest first
        self._running: dict[int, asyncio.Task[None]] = {}
        self._watchers: dict[int, asyncio.Task[None]] = {}
        self._watched: dict[int, int] = {}  # mailbox id → sessions

    async def before_select(self, look: Look) -> None:
        """Wait for files in new/, which nobody can see yet, to become messages."""
        if look.has_new and (task := self._reconcile_if_changed(look)) is not None:
            await asyncio.wait({task}, timeout=SELECT_WAIT_SECONDS)

    def watch(self, look: Look) -> None:
        """From SELECT on. Where the folder changed since it was last compared, that is done now, beside the session."""
        self._reconcile_if_changed(look)
        mailbox_id = look.mailbox.id
        self._watched[mailbox_id] = self._watched.get(mailbox_id, 0) + 1
        if mailbox_id not in self._watchers:
            self._watchers[mailbox_id] = asyncio.create_task(self._watch(mailbox_id), name=f"scan-{mailbox_id}")

    def unwatch(self, mailbox_id: int) -> None:
        self._watched[mailbox_id] -= 1
        if self._watched[mailbox_id] == 0:
            del self._watched[mailbox_id]
            self._watchers.pop(mailbox_id).cancel()

    async def close(self) -> None:
        tasks = [*self._watchers.values(), *self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, mailbox_id: int) -> None:
        while True:
            await self._clock.sleep(self._seconds)
            try:
                self._reconcile_if_changed(await self._store.read(folder_look.by_id, self._store.maildir, mailbox_id))
            except NoSuchMailbox:
                return
            except Refusal as fault:
                _log.warning("scan put off", mailbox_id=mailbox_id, error=str(fault))

    def _reconcile_if_changed(self, look: Look) -> asyncio.Task[None] | None:
        mailbox_id = look.mailbox.id
        if mailbox_id not in self._running and self._is_due(look):
            task = asyncio.create_task(self._reconcile(look), name=f"reconcile-{mailbox_id}")
            self._running[mailbox_id] = task
        return self._running.get(mailbox_id)

    def _is_due(self, look: Look) -> bool:
        """Our own deliveries change cur/ all the time: what is not in new/ can wait its turn."""
        compared = self._compared.get(look.mailbox.id)
        if compared is None:
            return True
        rested = self._clock.monotonic() - compared.at >= self._seconds
        return look.stamp != compared.stamp and (look.has_new or rested)

    async def _reconcile(self, look: Look) -> None:
        mailbox = look.mailbox
        compared = _Compared(look.stamp, self._clock.monotonic())
        try:
            done = await reconcile.reconcile(self._store, mailbox)
            self._remember(mailbox.id, compared)
            if any((done.adopted, done.removed, done.reflagged)):
                _log.info("outside changes", mailbox_id=mailbox.id, adopted=done.adopted, removed=done.removed)
        except (Refusal, OSError) as fault:  # the next look tries again
            _log.warning("scan put off", mailbox_id=mailbox.id, error=str(fault))
        finally:
            del self._running[mailbox.id]

    def _remember(self, mailbox_id: int, compared: _Compared) -> None:
        self._compared[mailbox_id] = compared
        self._compared.move_to_end(mailbox_id)
        if len(self._compared) > MAX_REMEMBERED:
            self._compared.popitem(last=False)
