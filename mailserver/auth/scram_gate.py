"""Whether SCRAM may be offered: only while every account that may log in has keys for it.

Clients choose SCRAM by themselves as soon as it is offered and do not fall back, so that an account without keys
would be locked out. Keys are made whenever a password is set, and for accounts from before at their next login with
PLAIN or LOGIN; until the last of them has come by, nobody is offered SCRAM, and the log says who is waited for.
"""

import asyncio

import structlog

from mailserver.errors import Refusal
from mailserver.store import scram_keys
from mailserver.store.events import AccountsChanged, Event, ForeignCommit
from mailserver.store.store import Store

MAX_NAMED = 5  # accounts in the log line

_log = structlog.get_logger("auth")


class ScramGate:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._dirty = False
        self._looking: asyncio.Task[None] | None = None
        self._waited_for: list[str] | None = None  # accounts without keys, some of them; None: nobody looked yet
        self._unsubscribe = store.subscribe(self._hear)

    @property
    def is_open(self) -> bool:
        return self._waited_for == []

    async def look(self) -> None:
        found = await self._store.read(scram_keys.list_without, MAX_NAMED)
        was_open, self._waited_for = self.is_open, found
        if found and was_open:
            _log.warning("SCRAM is not offered any more: these accounts need a login with their password", some=found)
        elif not found and not was_open:
            _log.debug("SCRAM is offered")

    async def close(self) -> None:
        self._unsubscribe()
        while self._looking is not None:
            await self._looking

    def _hear(self, event: Event) -> None:
        if isinstance(event, AccountsChanged | ForeignCommit):
            self._dirty = True
            if self._looking is None:
                self._looking = asyncio.create_task(self._look_again(), name="scram-gate")

    async def _look_again(self) -> None:
        try:
            while self._dirty:
                self._dirty = False
                await self.look()
        except Refusal as fault:  # the store fails reads: nobody logs in anyway, the next event looks again
            _log.error("SCRAM keys could not be looked at", error=str(fault))
        finally:
            self._looking = None
