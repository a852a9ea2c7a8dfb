"""What is made from other things is kept in step with them: calendars of birthdays, the directory.

Both are settled once at the start, and again after each change that can matter: of an address book (its owner's
birthdays), of accounts or by another process (everything). Changes that come while it works are taken together.
What a crash leaves undone is done at the next start.
"""

import asyncio
from collections.abc import Callable

import structlog

from mailserver.config.tree import ContactsConfig
from mailserver.errors import Refusal
from mailserver.groupware.accepted import Accept
from mailserver.groupware.contacts import birthdays, directory
from mailserver.store import profiles
from mailserver.store.collections import Family
from mailserver.store.database import Rx
from mailserver.store.events import AccountsChanged, CollectionChanged, Event, ForeignCommit
from mailserver.store.store import Store

_log = structlog.get_logger("contacts")


class Keeping:
    def __init__(self, store: Store, config: ContactsConfig, accept_event: Accept) -> None:
        self._store = store
        self._config = config
        self._accept = accept_event
        self._users = set[int]()  # whose birthdays may have changed
        self._everything = True
        self._settling = asyncio.Lock()
        self._wanted = asyncio.Event()
        self._wanted.set()
        self._task: asyncio.Task[None] | None = None
        self._unsubscribe: Callable[[], None] | None = None

    async def start(self) -> None:
        self._unsubscribe = self._store.subscribe(self._hear)
        self._task = asyncio.create_task(self._keep(), name="contacts")

    async def stop(self) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def reconfigure(self, config: ContactsConfig) -> None:
        self._config, self._everything = config, True
        self._wanted.set()

    async def settle(self) -> None:
        """All that is wanted now; returns when it is written."""
        async with self._settling:
            everything, self._everything = self._everything, False
            users, self._users = self._users, set[int]()
            if everything:
                await self._store.write(directory.settle, self._config.directory)
                users |= set(await self._store.read(_everybody))
            for user_id in sorted(users):
                await self._store.write(birthdays.settle, user_id, self._accept, by_default=self._config.birthdays)

    async def _keep(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                await self.settle()
            except Refusal as fault:  # a full or failing disk: the next change or start does it
                self._everything = True
                _log.warning("birthdays and directory put off", error=fault.text)
            except Exception:  # of one card or account: must not end it for the others while the server runs
                _log.exception("birthdays and directory failed")

    def _hear(self, event: Event) -> None:
        match event:
            case CollectionChanged(user_id, Family.ADDRESSBOOKS, _, _):
                self._users.add(user_id)
            case AccountsChanged() | ForeignCommit():
                self._everything = True
            case _:
                return
        self._wanted.set()


def _everybody(rx: Rx) -> list[int]:
    return [each.user_id for each in profiles.list_active(rx)]
