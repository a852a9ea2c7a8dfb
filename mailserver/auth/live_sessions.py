"""Sessions that are logged in, so that they end when their account may not be logged in any more."""

import asyncio
from collections.abc import Callable

import structlog

from mailserver.errors import Refusal
from mailserver.store import users
from mailserver.store.events import AccountsChanged, Event, ForeignCommit
from mailserver.store.store import Store

_log = structlog.get_logger("auth")


class LiveSessions:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._sessions: dict[int, dict[object, Callable[[], None]]] = {}
        self._dirty = False
        self._looking: asyncio.Task[None] | None = None
        self._unsubscribe = store.subscribe(self._hear)

    def __len__(self) -> int:
        return sum(map(len, self._sessions.values()))

    def add(self, user_id: int, close: Callable[[], None]) -> Callable[[], None]:
        """`close` is called once, on the loop, when the account is disabled or deleted; it must not block.

        Returns what takes the session out again; harmless when called twice. The account is looked at once more
        right away: it may have been disabled between the login and this call.
        """
        token = object()
        self._sessions.setdefault(user_id, {})[token] = close
        self._look()

        def remove() -> None:
            mine = self._sessions.get(user_id, {})
            mine.pop(token, None)
            if not mine:
                self._sessions.pop(user_id, None)

        return remove

    async def close(self) -> None:
        """Hear no more; sessions are ended by their listeners."""
        self._unsubscribe()
        while self._looking is not None:
            await self._looking

    def _hear(self, event: Event) -> None:
        if isinstance(event, AccountsChanged | ForeignCommit) and self._sessions:
            self._look()

    def _look(self) -> None:
        self._dirty = True
        if self._looking is None:
            self._looking = asyncio.create_task(self._close_barred(), name="live-sessions")

    async def _close_barred(self) -> None:
        try:
            while self._dirty:
                self._dirty = False
                barred = await self._store.read(users.list_barred, frozenset(self._sessions))
                for user_id in barred:
                    self._end(user_id)
        except Refusal as fault:  # the store fails reads: nothing can be served anyway, the next event looks again
            _log.error("accounts could not be looked at", error=str(fault))
        finally:
            self._looking = None

    def _end(self, user_id: int) -> None:
        for close in self._sessions.pop(user_id, {}).values():
            _log.info("session ended: account disabled or deleted", user_id=user_id)
            try:
                close()
            except Exception:  # one session's fault must not keep the others open
                _log.exception("session could not be closed", user_id=user_id)
