"""The POP3 server: its sessions and what they share."""

import itertools
import socket
import ssl
from collections.abc import Callable
from dataclasses import replace

from mailserver.auth.authenticator import Authenticator
from mailserver.auth.live_sessions import LiveSessions
from mailserver.clock import Clock
from mailserver.config.tree import Pop3Config
from mailserver.mailboxes.service import Mailboxes
from mailserver.metrics import Metrics
from mailserver.pop3.commands.table import COMMANDS
from mailserver.pop3.maildrops import Maildrops
from mailserver.pop3.session import Session, Surroundings
from mailserver.pop3.wire import replies
from mailserver.serving.connection import Connection
from mailserver.serving.server import Server

TOO_MANY = replies.err("Too many connections; try again later", "SYS/TEMP")


class Pop3Server(Server):
    # A client that vanished keeps its maildrop locked until we notice: after two minutes instead of `idle_seconds`.
    socket_options = (
        *Server.socket_options,
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 20),
        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    )

    def __init__(
        self,
        config: Pop3Config,
        mailboxes: Mailboxes,
        authenticator: Authenticator,
        live: LiveSessions,
        clock: Clock,
        tls: Callable[[], ssl.SSLContext | None],
        metrics: Metrics | None = None,
    ) -> None:
        super().__init__("pop3", config, clock, tls, TOO_MANY, metrics or Metrics())
        self._around = Surroundings(
            config, Maildrops(mailboxes), authenticator, live, tls, COMMANDS, itertools.count(1)
        )

    def open_session(self, connection: Connection, *, offers_tls: bool) -> Session:
        return Session(connection, self._around, offers_tls=offers_tls)

    def reconfigure(self, config: Pop3Config) -> None:
        """Ceilings hold at once; sessions keep to what they began with."""
        self.limit(config)
        self._around = replace(self._around, config=config)
