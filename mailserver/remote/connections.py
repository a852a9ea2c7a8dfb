"""Connections that are kept for a moment after a message: a hundred messages to one host need few of them.

Kept per host, address, policy, source and login, and only when nothing is owed on them. Whether the server is still
there the next message shows: nothing is lost where it is not, and another connection takes its place.
"""

import asyncio
from collections import defaultdict

from mailserver.remote.deadlines import Deadlines
from mailserver.remote.session import Judge, Refused, Session, TalksToItself, TlsFailed, open_session
from mailserver.remote.target import Target
from mailserver.remote.transcript import Listener, nobody
from mailserver.remote.wire import WireFailed

IDLE_SECONDS = 5.0  # a server's own patience is counted in minutes; ours costs it a connection
MAX_IDLE = 50  # of all hosts together; the one that idles longest makes room
MAX_MESSAGES = 100  # over one connection
MAX_OVERRUN = 1000  # hosts that are remembered as not up to PIPELINING


class Connections:
    def __init__(
        self,
        judge: Judge,
        helo: str,
        deadlines: Deadlines,
        idle_seconds: float = IDLE_SECONDS,
        max_idle: int = MAX_IDLE,
    ) -> None:
        self._judge = judge
        self._helo = helo
        self._deadlines = deadlines
        self._idle_seconds = idle_seconds
        self._max_idle = max_idle
        self._idle: defaultdict[tuple[object, ...], list[Session]] = defaultdict(list)
        self._timers: dict[Session, asyncio.TimerHandle] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._overrun: dict[str, None] = {}  # hosts that promise PIPELINING and lose their way in it, in order
        self._closed = False

    def reuse(self, target: Target, listener: Listener = nobody) -> Session | None:
        """One that was kept and is open as far as is known here, the one used last."""
        while kept := self._idle.get(target.shared_by):
            session = kept.pop()
            self._forget(session)
            if session.wire.is_fresh:
                session.target = target
                session.is_unproven = True
                session.wire.listener = listener
                session.wire.note(f"Going on with the connection to {target}")
                return session
            session.wire.close()
        return None

    async def open(self, target: Target, listener: Listener = nobody) -> Session:
        """A new one. Raises what session.open_session does."""
        session = await open_session(target, self._judge, self._helo, self._deadlines, listener)
        session.pipelines = session.offered.offers("PIPELINING") and target.host not in self._overrun
        return session

    async def probe(self, target: Target, listener: Listener) -> str:
        """Up to where MAIL would come, and QUIT; "" or what went wrong."""
        try:
            session = await self.open(target, listener)
        except (WireFailed, Refused, TlsFailed, TalksToItself) as fault:
            return f"{target}: {fault}"
        await session.end()
        return ""

    def give_back(self, session: Session) -> None:
        """After its last answer: kept for the next message where that is possible, else ended."""
        session.wire.listener = nobody
        most = min(MAX_MESSAGES, session.offered.max_messages or MAX_MESSAGES)
        if self._closed or not session.wire.is_fresh or session.messages >= most:
            self._end(session)
            return
        if len(self._timers) >= self._max_idle:
            self._expire(next(iter(self._timers)))
        self._idle[session.target.shared_by].append(session)
        loop = asyncio.get_running_loop()
        self._timers[session] = loop.call_later(self._idle_seconds, self._expire, session)

    def drop(self, session: Session) -> None:
        """After a failure. A host that lost its way in PIPELINING hears one command at a time from now on."""
        if session.was_overrun:
            self._overrun[session.target.host] = None
            if len(self._overrun) > MAX_OVERRUN:
                del self._overrun[next(iter(self._overrun))]
        session.wire.abort()

    async def close(self) -> None:
        """End what is kept; nothing is kept any more."""
        self._closed = True
        for session in list(self._timers):
            self._expire(session)
        await asyncio.gather(*self._leaving)

    def _expire(self, session: Session) -> None:
        self._idle[session.target.shared_by].remove(session)
        self._forget(session)
        self._end(session)

    def _forget(self, session: Session) -> None:
        self._timers.pop(session).cancel()
        if not self._idle[session.target.shared_by]:
            del self._idle[session.target.shared_by]

    def _end(self, session: Session) -> None:
        """QUIT waits for nobody."""
        task = asyncio.get_running_loop().create_task(session.end(), name="quit")
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
