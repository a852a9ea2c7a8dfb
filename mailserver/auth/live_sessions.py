"""Sessions that are logged in, so that they end with what lets them be: when the account is disabled, deleted or given
another password, when the access token that was used is removed or expires."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from mailserver.errors import Refusal
from mailserver.store import tokens, users
from mailserver.store.database import Rx
from mailserver.store.events import AccountsChanged, Event, ForeignCommit
from mailserver.store.store import Store

_log = structlog.get_logger("auth")


@dataclass(slots=True, eq=False)
class _Session:
    close: Callable[[], None]
    token_id: int | None  # None: it logged in with the password
    epoch: int | None = None  # of the account's password when the session was first looked at


class LiveSessions:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._sessions: dict[int, set[_Session]] = {}
        self._dirty = False
        self._looking: asyncio.Task[None] | None = None
        self._alarm: asyncio.Task[None] | None = None  # rings when the next token in use expires
        self._unsubscribe = store.subscribe(self._hear)

    def __len__(self) -> int:
        return sum(map(len, self._sessions.values()))

    def add(self, user_id: int, close: Callable[[], None], token_id: int | None = None) -> Callable[[], None]:
        """`close` is called once, on the loop, when the account may not go on like this; it must not block.

        Returns what takes the session out again; harmless when called twice. The account is looked at once more
        right away: it may have been disabled between the login and this call. `token_id`: Account.token_id.
        """
        session = _Session(close, token_id)
        self._sessions.setdefault(user_id, set()).add(session)
        self._look()
        return lambda: self._remove(user_id, session)

    async def close(self) -> None:
        """Hear no more; sessions are ended by their listeners."""
        self._unsubscribe()
        while self._looking is not None:
            await self._looking
        self._silence()

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
                used = frozenset(s.token_id for mine in self._sessions.values() for s in mine if s.token_id)
                epochs, ends = await self._store.read(_look, looked_at, used)
                now_ms = int(self._store.clock.now().timestamp() * 1000)
                valid = frozenset(token_id for token_id, end in ends.items() if end is None or end > now_ms)
                for user_id in looked_at:
                    for session in tuple(self._sessions.get(user_id, ())):
                        if session.token_id is None or session.token_id in used:  # others came since
                            self._judge(user_id, session, epochs.get(user_id), valid)
                self._set_alarm([end - now_ms for end in ends.values() if end is not None and end > now_ms])
        except Refusal as fault:  # the store fails reads: nothing can be served anyway, the next event looks again
            _log.error("accounts could not be looked at", error=str(fault))
        finally:
            self._looking = None

    def _judge(self, user_id: int, session: _Session, epoch: int | None, valid: frozenset[int]) -> None:
        if session.epoch is None:
            session.epoch = epoch
        if session.token_id is not None:  # a new password does not end what has a token of its own
            if epoch is not None and session.token_id in valid:
                return
        elif epoch is not None and session.epoch == epoch:
            return
        self._remove(user_id, session)
        _log.info("session ended: account or token disabled, removed or changed", user_id=user_id)
        try:
            session.close()
        except Exception:  # one session's fault must not keep the others open
            _log.exception("session could not be closed", user_id=user_id)

    def _set_alarm(self, milliseconds: list[int]) -> None:
        self._silence()
        if milliseconds:
            self._alarm = asyncio.create_task(self._ring(min(milliseconds) / 1000), name="token-expires")

    def _silence(self) -> None:
        alarm, self._alarm = self._alarm, None
        if alarm is not None:
            alarm.cancel()

    async def _ring(self, seconds: float) -> None:
        await self._store.clock.sleep(seconds)
        self._alarm = None
        self._look()

    def _remove(self, user_id: int, session: _Session) -> None:
        mine = self._sessions.get(user_id, set())
        mine.discard(session)
        if not mine:
            self._sessions.pop(user_id, None)


def _look(rx: Rx, users_: frozenset[int], used: frozenset[int]) -> tuple[dict[int, int], dict[int, int | None]]:
    """Password epochs of who may be logged in, ends of the tokens that are there."""
    return users.list_epochs(rx, users_), tokens.list_ends(rx, used) if used else {}
