"""The login log, written behind the logins: in order, in batches, bounded, nothing left when it closes."""

import asyncio

import structlog

from mailserver.errors import Refusal
from mailserver.store import auth_log
from mailserver.store.auth_log import Attempt
from mailserver.store.store import Store

MAX_UNWRITTEN = 2000  # attempts; beyond it logins wait for the log

_log = structlog.get_logger("auth")


class Attempts:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._unwritten: list[Attempt] = []
        self._writing: asyncio.Task[None] | None = None

    async def add(self, attempt: Attempt) -> None:
        """Returns at once unless the log is far behind."""
        self._unwritten.append(attempt)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(), name="auth-log")
        if len(self._unwritten) >= MAX_UNWRITTEN:
            await asyncio.shield(self._writing)

    async def close(self) -> None:
        while self._writing is not None:
            await self._writing

    async def _write(self) -> None:
        try:
            while self._unwritten:
                batch, self._unwritten = self._unwritten, []
                try:
                    await self._store.write(auth_log.add, batch)
                except Refusal as fault:  # a full disk must not stop logins: reading and deleting still work
                    _log.error("login attempts not logged", count=len(batch), error=str(fault))
        finally:
            self._writing = None
