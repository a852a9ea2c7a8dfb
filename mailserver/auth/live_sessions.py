"""Sessions that are logged in, so that they end when their account is disabled, deleted or given another password."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from mailserver.errors import Refusal
from mailserver.store import users
from mailserver.store.events import AccountsChanged, Event, ForeignCommit
from mailserver.store.store import Store

_log = structlog.get_logger("auth")


@dataclass(slots=True, eq=False)
class _Session:
    close: Callable[[], None]
    epoch: int | None = None  # of the account's password when the session was first looked at


class LiveSessions:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._sessions: dict[int, set[_Session]] = {}
        self._dirty = False
        self._looking: asyncio.Task[None] | None = None
        self._unsubscribe = store.subscribe(self._hear)

    def __len__(self) -> int:
        return sum(map(len, self._sessions.values()))

    def add(self, user_id: int, close: Callable[[], None]) -> Callable[[], None]:
        """`close` is called once, on the loop, when the account may not go on like this; it must not block.

        Returns what takes the session out again; harmless when called twice. The account is looked at once more
        right away: it may have been disabled between the login and this call.
        """
        session = _Session(close)
        self._sessions.setdefault(user_id, set()).add(session)
        self._look()
        return lambda: self._remove(user_id, session)

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
            self._looking = asyncio.create_task(self._look_at_all(), name="live-sessions")

    async def _look_at_all(self) -> None:
        try:
            while self._dirty:
                self._dirty = False
                looked_at = frozenset(self._sessions)
                epochs = await self._store.read(users.list_epochs, looked_at)
                for user_id in looked_at:
                    for session in tuple(self._sessions.get(user_id, ())):
                        self._judge(user_id, session, epochs.get(user_id))
        except Refusal as fault:  # the store fails reads: nothing can be served anyway, the next event looks again
            _log.error("accounts could not be looked at", error=str(fault))
        finally:
            self._looking = None

    def _judge(self, user_id: int, session: _Session, epoch: int | None) -> None:
        if session.epoch is None:
            session.epoch = epoch
        if epoch is not None and session.epoch == epoch:
            return
        self._remove(user_id, session)
        _log.info("session ended: account disabled, deleted or given another password", user_id=user_id)
        try:
            session.close()
        except Exception:  # one session's fault must not keep the others open
            _log.exception("session could not be closed", user_id=user_id)

    def _remove(self, user_id: int, session: _Session) -> None:
        mine = self._sessions.get(user_id, set())
        mine.discard(session)
        if not mine:
            self._sessions.pop(user_id, None)
