"""The demo's configuration: everything on loopback, every port a fixed way from the base."""

from dataclasses import replace
from pathlib import Path

from mailserver.config.tree import (
    Config,
    DkimConfig,
    ImapConfig,
    ListenerConfig,
    ListenersConfig,
    Pop3Config,
    ServerConfig,
    SmtpConfig,
    TlsConfig,
    TlsMode,
    WebConfig,
)
from mailserver.tls.self_signed import SelfSigned

HOST = "127.0.0.1"
HOSTNAME = "mail.example.test"
DEFAULT_BASE = 2500
OFFSETS = {
    "smtp": 25,
    "submission": 87,
    "submissions": 65,
    "imap": 43,
    "imaps": 93,
    "pop3": 10,
    "pop3s": 95,
    "sieve": 90,
    "http": 80,
    "https": 44,
}
LAST_BASE = 65_535 - max(OFFSETS.values())
UNLIMITED = 1_000_000  # for load tests: more than anything reaches
LARGEST = 104_857_600  # octets of a message: the most that a configuration allows


def settings(data: Path, base: int, files: SelfSigned, *, relaxed: bool, plain_auth: bool) -> Config:
    config = Config(
        server=ServerConfig(HOSTNAME, data),
        tls=TlsConfig(files.certificate, files.key),
        listeners=ListenersConfig(
            smtp=_listener(base, "smtp", TlsMode.STARTTLS),
            submission=_listener(base, "submission", TlsMode.STARTTLS),
            submissions=_listener(base, "submissions", TlsMode.IMPLICIT),
            imap=_listener(base, "imap", TlsMode.STARTTLS),
            imaps=_listener(base, "imaps", TlsMode.IMPLICIT),
            pop3=_listener(base, "pop3", TlsMode.STARTTLS),
            pop3s=_listener(base, "pop3s", TlsMode.IMPLICIT),
            https=_listener(base, "https", TlsMode.IMPLICIT),
        ),
        smtp=SmtpConfig(allow_plain_auth=plain_auth),
        imap=ImapConfig(allow_plain_auth=plain_auth),
        pop3=Pop3Config(allow_plain_auth=plain_auth),
        dkim=DkimConfig(rotate_days=0),  # nobody would publish its keys
        web=WebConfig(port=base + OFFSETS["http"], addresses=(HOST,), allow_plain_auth=plain_auth),
    )
    return relax(config) if relaxed else config


def relax(config: Config) -> Config:
    """No limit by address, none by account that a load test would reach, and the largest messages."""
    return replace(
        config,
        smtp=replace(
            config.smtp,
            max_message_octets=LARGEST,
            max_connections=UNLIMITED,
            max_connections_per_address=UNLIMITED,
            max_connection_rate=UNLIMITED,
            max_messages=UNLIMITED,
            submission_per_hour=UNLIMITED,
            tarpit_seconds=0.0,
        ),
        imap=replace(
            config.imap,
            max_connections=UNLIMITED,
            max_connections_per_address=UNLIMITED,
            max_connection_rate=UNLIMITED,
        ),
        pop3=replace(
            config.pop3,
            max_connections=UNLIMITED,
            max_connections_per_address=UNLIMITED,
            max_connection_rate=UNLIMITED,
        ),
        web=replace(
            config.web,
            max_connections=UNLIMITED // 10,
            max_connections_per_address=UNLIMITED // 10,
            max_connection_rate=UNLIMITED,
        ),
        auth=replace(config.auth, failures_per_address=UNLIMITED, failures_per_account=UNLIMITED),
    )


def _listener(base: int, name: str, tls: TlsMode) -> ListenerConfig:
    return ListenerConfig(base + OFFSETS[name], tls, addresses=(HOST,))
