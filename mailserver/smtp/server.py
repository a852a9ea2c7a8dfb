"""Listeners for SMTP: who may connect, with which TLS, who has waited too long, and how everybody is sent home.

Connections are accepted here rather than by loop.create_server: ceilings are checked before a TLS handshake is
paid for, every handshake uses the certificate of the moment, and running out of descriptors is a pause.
"""

import asyncio
import contextlib
import errno
import socket
from dataclasses import dataclass, replace

import structlog

from mailserver.auth.admission import Admission
from mailserver.clock import Clock
from mailserver.config.tree import ListenerConfig, SmtpConfig, TlsMode
from mailserver.smtp.commands.table import COMMANDS
from mailserver.smtp.connection import HANDSHAKE_SECONDS
from mailserver.smtp.faces import Face, MxFace, SmtpRole, SubmissionFace
from mailserver.smtp.services import (
    Authenticator,
    Delivery,
    LiveSessions,
    MessageStore,
    Refusals,
    Submission,
    TlsContext,
)
from mailserver.smtp.session import Session, Surroundings

BACKLOG = 512
ACCEPT_PAUSE_SECONDS = 0.5  # after accepting failed, mostly for want of descriptors
SWEEP_SECONDS = 1.0  # between two looks at the deadlines of all sessions
CUT_OFF_SECONDS = 5.0  # for sessions to notice, after they were cut off at the end of a stop
TOO_MANY = b"421 4.7.0 Too many connections; try again later\r\n"
_NO_SUCH_FAMILY = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT})

_log = structlog.get_logger("smtp")


@dataclass(slots=True)
class Listener:
    sockets: tuple[socket.socket, ...]
    tasks: tuple["asyncio.Task[None]", ...]

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for listening in self.sockets:
            listening.close()


class SmtpServer:
    def __init__(
        self,
        role: SmtpRole,
        config: SmtpConfig,
        hostname: str,
        store: MessageStore,
        service: Delivery | Submission,
        authenticator: Authenticator,
        live: LiveSessions,
        refusals: Refusals,
        clock: Clock,
        tls: TlsContext,
        admission: Admission | None = None,
    ) -> None:
        """`service`: a Delivery for the role MX, a Submission for SUBMISSION. `admission`: where servers share one."""
        face: Face = MxFace(service) if role is SmtpRole.MX else SubmissionFace(service)  # type: ignore[arg-type]
        self._around = Surroundings(config, hostname, face, store, authenticator, live, refusals, clock, tls, COMMANDS)
        self._admission = admission or Admission(config)
        self._listeners: list[Listener] = []
        self._serving: dict[asyncio.Task[None], Session | None] = {}  # None: still in its handshake
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self, config: ListenerConfig) -> list[Listener]:
        """Listen on all addresses; port 0 takes one free port for all of them. Raises OSError."""
        sockets = _bind(config)
        tasks = tuple(
            asyncio.create_task(self._accept(listening, config.tls), name="smtp-accept") for listening in sockets
        )
        listener = Listener(sockets, tasks)
        self._listeners.append(listener)
        if self._sweeper is None:
            self._sweeper = asyncio.create_task(self._sweep(), name="smtp-sweep")
        return [listener]

    async def stop(self, seconds: float) -> None:
        """Stop accepting, let running transactions end, say 421; who is not done after `seconds` is cut off.

        A message that is being stored at that moment is stored; only its 250 may not arrive.
        """
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            await listener.close()
        for task, session in list(self._serving.items()):
            if session is None:
                task.cancel()
            else:
                session.stop()
        await self._wait(seconds)
        for session in self._serving.values():
            if session is not None and session.transport is not None:
                session.transport.abort()
        await self._wait(CUT_OFF_SECONDS)
        for task in self._serving:
            task.cancel()
        await self._wait(CUT_OFF_SECONDS)
        await self._end_sweep()

    def reconfigure(self, config: SmtpConfig) -> None:
        """Ceilings hold at once; sessions keep to what they began with."""
        self._around = replace(self._around, config=config)
        self._admission.limits = config

    @property
    def connections(self) -> int:
        return len(self._serving)

    # ---- inside ----

    async def _wait(self, seconds: float) -> None:
        if self._serving:
            await asyncio.wait(set(self._serving), timeout=seconds)

    async def _end_sweep(self) -> None:
        sweeper, self._sweeper = self._sweeper, None
        if sweeper is not None:
            sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sweeper

    async def _sweep(self) -> None:
        """One timer for all sessions; setting a deadline is then an assignment."""
        clock = self._around.clock
        while True:
            await clock.sleep(SWEEP_SECONDS)
            now = clock.monotonic()
            for session in list(self._serving.values()):
                if session is not None and session.deadline < now:
                    session.expire()

    async def _accept(self, listening: socket.socket, mode: TlsMode) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, address = await loop.sock_accept(listening)
            except OSError as fault:
                if fault.errno != errno.ECONNABORTED:  # that one: the peer changed its mind
                    _log.warning("could not accept", error=str(fault))  # EMFILE, ENFILE: the connection waits
                    await self._around.clock.sleep(ACCEPT_PAUSE_SECONDS)
                continue
            self._admit(accepted, str(address[0]), mode)

    def _admit(self, accepted: socket.socket, peer: str, mode: TlsMode) -> None:
        limit = self._admission.refusal(peer, self._around.clock.monotonic())
        if limit is not None:
            _log.warning("connection refused", peer=peer, reason=limit)
            if mode is not TlsMode.IMPLICIT:
                _say(accepted, TOO_MANY)
            accepted.close()
            return
        self._admission.enter(peer)
        task = asyncio.create_task(self._serve(accepted, mode), name="smtp-connection")
        self._serving[task] = None
        task.add_done_callback(lambda done: self._gone(done, peer))

    def _gone(self, task: "asyncio.Task[None]", peer: str) -> None:
        del self._serving[task]
        self._admission.leave(peer)
        if not task.cancelled() and (fault := task.exception()) is not None:
            _log.error("connection ended by a fault", peer=peer, exc_info=fault)

    async def _serve(self, accepted: socket.socket, mode: TlsMode) -> None:
        try:
            session = await self._connect(accepted, mode)
        except OSError as fault:  # ssl.SSLError too; a failed handshake is everyday life
            accepted.close()
            _log.debug("no handshake", error=str(fault))
            return
        task = asyncio.current_task()
        if task is not None:
            self._serving[task] = session
        await session.serve()

    async def _connect(self, accepted: socket.socket, mode: TlsMode) -> Session:
        loop = asyncio.get_running_loop()
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        implicit = mode is TlsMode.IMPLICIT
        context = self._around.tls() if implicit else None
        if implicit and context is None:
            raise OSError("no certificate")
        session = Session(self._around, mode is TlsMode.STARTTLS, loop)
        await loop.connect_accepted_socket(  # its own answer is not always the session: uvloop gives the TLS layer
            lambda: session,
            accepted,
            ssl=context,
            ssl_handshake_timeout=HANDSHAKE_SECONDS if implicit else None,
        )
        return session


def _bind(config: ListenerConfig) -> tuple[socket.socket, ...]:
    sockets: list[socket.socket] = []
    port, fault = config.port, OSError(errno.EADDRNOTAVAIL, "no address to listen on")
    for address in config.addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            listening = socket.create_server((address, port), family=family, backlog=BACKLOG)
        except OSError as error:
            fault = error
            if error.errno in _NO_SUCH_FAMILY and len(config.addresses) > 1:
                continue  # "::" on a machine without IPv6
            for bound in sockets:
                bound.close()
            raise
        listening.setblocking(False)
        port = listening.getsockname()[1]
        sockets.append(listening)
    if not sockets:
        raise fault
    return tuple(sockets)


def _say(accepted: socket.socket, line: bytes) -> None:
    """A last word to a connection that nobody will serve; never waits."""
    accepted.setblocking(False)
    try:
        accepted.send(line)
    except OSError as fault:
        _log.debug("refused peer did not listen", error=str(fault))
