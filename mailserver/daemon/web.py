"""The web listener as a part of the daemon: opened before the store stands, so that a long start can be watched.

Faces that need the store are mounted when it stands, and taken out before it closes.
"""

import os
from pathlib import Path

import structlog

from mailserver.clock import Clock
from mailserver.config.tree import ListenerConfig, TlsMode, WebConfig
from mailserver.errors import BadValue
from mailserver.metrics import Metrics
from mailserver.web.app import application
from mailserver.web.health import Condition
from mailserver.web.mounts import Mounts
from mailserver.web.server import WebServer

MIN_TOKEN = 16  # characters; what is shorter can be guessed
MAX_TOKEN_OCTETS = 4096

_log = structlog.get_logger("web")


class Web:
    def __init__(
        self, config: WebConfig, names: tuple[str, ...], condition: Condition, metrics: Metrics, clock: Clock
    ) -> None:
        """`names`: of the mounts to come. Raises BadValue where the token can not be used."""
        self._config = config
        self._token = read_token(config.metrics_token_file)
        self.mounts = Mounts(names, application(condition, metrics, lambda: self._token))
        self._server = WebServer(self.mounts, config, clock, metrics)

    async def start(self) -> int:
        """The port it accepts on. Raises OSError."""
        config = self._config
        [listener] = await self._server.start(ListenerConfig(config.port, TlsMode.NONE, True, config.addresses))
        return int(listener.sockets[0].getsockname()[1])

    async def stop(self, seconds: float) -> None:
        await self._server.stop(seconds)

    def reconfigure(self, config: WebConfig) -> None:
        """The token, read again; an unusable one leaves the old one in force."""
        self._server.reconfigure(config)
        try:
            self._token = read_token(config.metrics_token_file)
        except BadValue as fault:
            _log.error("token for metrics not read; the old one stays", error=fault.text)


def read_token(file: Path | None) -> str | None:
    """Raises BadValue."""
    if file is None:
        return None
    try:
        with open(file, "rb") as opened:
            token = opened.read(MAX_TOKEN_OCTETS).decode().strip()
    except OSError as fault:
        raise BadValue(f"web.metrics_token_file: {file}: {os.strerror(fault.errno or 0).lower()}") from None
    except UnicodeDecodeError:
        raise BadValue(f"web.metrics_token_file: {file}: not text") from None
    if len(token) < MIN_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise BadValue(f"web.metrics_token_file: {file}: at least {MIN_TOKEN} ASCII characters without spaces")
    return token
