"""The login log, written behind the logins: in order, in batches, bounded, nothing left when it closes."""

import asyncio

import structlog

from mailserver.errors import Refusal
from mailserver.store import auth_log, tokens
from mailserver.store.auth_log import Attempt
from mailserver.store.database import Tx
from mailserver.store.store import Store

MAX_UNWRITTEN = 2000  # attempts; beyond it logins wait for the log

_log = structlog.get_logger("auth")


class Attempts:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._unwritten: list[tuple[Attempt, int | None]] = []  # with the id of the token that was used
        self._writing: asyncio.Task[None] | None = None

    async def add(self, attempt: Attempt, token_id: int | None = None) -> None:
        """Returns at once unless the log is far behind. `token_id`: its last use is noted too."""
        self._unwritten.append((attempt, token_id))
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
                    await self._store.write(_add, batch)
                except Refusal as fault:  # a full disk must not stop logins: reading and deleting still work
                    _log.error("login attempts not logged", count=len(batch), error=str(fault))
        finally:
            self._writing = None


def _add(tx: Tx, batch: list[tuple[Attempt, int | None]]) -> None:
    auth_log.add(tx, [attempt for attempt, _ in batch])
    for token_id, peer in {token_id: attempt.remote_addr for attempt, token_id in batch if token_id}.items():
        tokens.note_use(tx, token_id, peer)
