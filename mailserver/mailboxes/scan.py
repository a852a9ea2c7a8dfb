"""Changes that other programs made in a mailbox's folder: looked for at SELECT and while it is selected."""

import asyncio

import structlog

from mailserver.clock import Clock
from mailserver.errors import NoSuchMailbox, Refusal
from mailserver.mailboxes.index import MailboxIndex
from mailserver.store import folder_look, reconcile
from mailserver.store.folder_look import Look
from mailserver.store.store import Store

SELECT_WAIT_SECONDS = 0.5  # how long SELECT waits for new files to become messages; then they come as news

_log = structlog.get_logger("mailboxes")


class Scanner:
    """One reconciliation per mailbox at a time; a folder whose stamp did not change is not read."""

    def __init__(self, store: Store, clock: Clock, seconds: float) -> None:
        self._store = store
        self._clock = clock
        self._seconds = seconds
        self._stamps: dict[int, tuple[int, int]] = {}  # of watched mailboxes, when last reconciled
        self._running: dict[int, asyncio.Task[None]] = {}
        self._watchers: dict[int, asyncio.Task[None]] = {}
        self._watched: dict[int, int] = {}  # mailbox id → sessions

    async def before_select(self, look: Look) -> None:
        """Begin to reconcile where needed; wait only where files lie in new/, which nobody can see yet."""
        task = self._reconcile_if_changed(look)
        if task is not None and look.has_new:
            await asyncio.wait({task}, timeout=SELECT_WAIT_SECONDS)

    def watch(self, index: MailboxIndex) -> None:
        mailbox_id = index.mailbox.id
        self._watched[mailbox_id] = self._watched.get(mailbox_id, 0) + 1
        if mailbox_id not in self._watchers:
            self._watchers[mailbox_id] = asyncio.create_task(self._watch(mailbox_id), name=f"scan-{mailbox_id}")

    def unwatch(self, index: MailboxIndex) -> None:
        mailbox_id = index.mailbox.id
        self._watched[mailbox_id] -= 1
        if self._watched[mailbox_id] == 0:
            del self._watched[mailbox_id]
            self._stamps.pop(mailbox_id, None)
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
                self._reconcile_if_changed(
                    await self._store.read(folder_look.by_id, self._store.maildir, mailbox_id)
                )
            except NoSuchMailbox:
                return
            except Refusal as fault:
                _log.warning("scan put off", mailbox_id=mailbox_id, error=str(fault))

    def _reconcile_if_changed(self, look: Look) -> asyncio.Task[None] | None:
        mailbox_id = look.mailbox.id
        if self._stamps.get(mailbox_id) != look.stamp and mailbox_id not in self._running:
            task = asyncio.create_task(self._reconcile(look), name=f"reconcile-{mailbox_id}")
            self._running[mailbox_id] = task
        return self._running.get(mailbox_id)

    async def _reconcile(self, look: Look) -> None:
        mailbox = look.mailbox
        try:
            done = await reconcile.reconcile(self._store, mailbox)
            self._stamps[mailbox.id] = look.stamp
            if any((done.adopted, done.removed, done.reflagged)):
                _log.info("outside changes", mailbox_id=mailbox.id, adopted=done.adopted, removed=done.removed)
        except (Refusal, OSError) as fault:  # the next look tries again
            _log.warning("scan put off", mailbox_id=mailbox.id, error=str(fault))
        finally:
            del self._running[mailbox.id]
