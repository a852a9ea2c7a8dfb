"""The IMAP server: its sessions and what they share."""

import itertools
import ssl
from collections.abc import Callable
from dataclasses import replace

from mailserver.auth.authenticator import Authenticator
from mailserver.auth.live_sessions import LiveSessions
from mailserver.clock import Clock
from mailserver.config.tree import ImapConfig
from mailserver.imap.commands.table import COMMANDS
from mailserver.imap.session import Session, Surroundings
from mailserver.mailboxes.service import Mailboxes
from mailserver.metrics import Metrics
from mailserver.serving.connection import Connection
from mailserver.serving.server import Server
from mailserver.store.store import Store

TOO_MANY = b"* BYE [UNAVAILABLE] Too many connections\r\n"


class ImapServer(Server):
    def __init__(
        self,
        config: ImapConfig,
        hostname: str,
        store: Store,
        mailboxes: Mailboxes,
        authenticator: Authenticator,
        live: LiveSessions,
        clock: Clock,
        tls: Callable[[], ssl.SSLContext | None],
        metrics: Metrics | None = None,
    ) -> None:
        metrics = metrics or Metrics()
        super().__init__("imap", config, clock, tls, TOO_MANY, metrics)
        self._around = Surroundings(
            config, hostname, store, mailboxes, authenticator, live, clock, tls, COMMANDS, itertools.count(1), metrics
        )

    def open_session(self, connection: Connection, *, offers_tls: bool) -> Session:
        return Session(connection, self._around, offers_tls=offers_tls)

    def reconfigure(self, config: ImapConfig) -> None:
        """Ceilings hold at once; sessions keep to what they began with."""
        self.limit(config)
        self._around = replace(self._around, config=config)
