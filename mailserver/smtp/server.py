"""Listeners for SMTP: who may connect, with which TLS, who has waited too long, and how everybody is sent home."""

import asyncio
import contextlib
import socket
from dataclasses import replace
from functools import partial

import structlog

from mailserver.auth.admission import Admission
from mailserver.auth.sasl.exchange import Verifier
from mailserver.clock import Clock
from mailserver.config.tree import ListenerConfig, SmtpConfig, TlsMode
from mailserver.listening import Listener, last_word
from mailserver.metrics import Metrics
from mailserver.smtp.commands.table import COMMANDS
from mailserver.smtp.connection import HANDSHAKE_SECONDS
from mailserver.smtp.faces import Face, MxFace, SmtpRole, SubmissionFace
from mailserver.smtp.services import (
    Delivery,
    LiveSessions,
    MessageStore,
    Refusals,
    Submission,
    TlsContext,
)
from mailserver.smtp.session import Session, Surroundings

SWEEP_SECONDS = 1.0  # between two looks at the deadlines of all sessions
CUT_OFF_SECONDS = 5.0  # for sessions to notice, after they were cut off at the end of a stop
PROTOCOLS = {SmtpRole.MX: "smtp", SmtpRole.SUBMISSION: "submission"}  # as metrics name them
TOO_MANY = b"421 4.7.0 Too many connections; try again later\r\n"

_log = structlog.get_logger("smtp")


class SmtpServer:
    def __init__(
        self,
        role: SmtpRole,
        config: SmtpConfig,
        hostname: str,
        store: MessageStore,
        service: Delivery | Submission,
        authenticator: Verifier,
        live: LiveSessions,
        refusals: Refusals,
        clock: Clock,
        tls: TlsContext,
        admission: Admission | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        """`service`: a Delivery for the role MX, a Submission for SUBMISSION. `admission`: where servers share one."""
        face: Face = MxFace(service) if role is SmtpRole.MX else SubmissionFace(service)  # type: ignore[arg-type]
        self._metrics = metrics or Metrics()
        self._protocol = PROTOCOLS[role]
        self._around = Surroundings(
            config, hostname, face, store, authenticator, live, refusals, clock, tls, COMMANDS, self._metrics
        )
        self._admission = admission or Admission(config)
        self._listeners: list[Listener] = []
        self._serving: dict[asyncio.Task[None], Session | None] = {}  # None: still in its handshake
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self, config: ListenerConfig) -> list[Listener]:
        """Listen on all addresses; port 0 takes one free port for all of them. Raises OSError."""
        listener = Listener.open(config, self._around.clock, partial(self._admit, config.tls))
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

    def _admit(self, mode: TlsMode, accepted: socket.socket, peer: str) -> None:
        limit = self._admission.refusal(peer, self._around.clock.monotonic())
        if limit is not None:
            _log.warning("connection refused", peer=peer, reason=limit)
            if mode is not TlsMode.IMPLICIT:
                last_word(accepted, TOO_MANY)
            accepted.close()
            return
        self._admission.enter(peer)
        self._metrics.entered(self._protocol)
        task = asyncio.create_task(self._serve(accepted, mode), name="smtp-connection")
        self._serving[task] = None
        task.add_done_callback(lambda done: self._gone(done, peer))

    def _gone(self, task: "asyncio.Task[None]", peer: str) -> None:
        del self._serving[task]
        self._admission.leave(peer)
        self._metrics.left(self._protocol)
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
