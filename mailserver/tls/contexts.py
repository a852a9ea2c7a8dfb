"""Server TLS contexts: TLS 1.2 and later, forward secrecy, AEAD ciphers, no renegotiation, no compression.

A context belongs to the connections made with it: reload() swaps the one for new connections, and where the new files
are bad the old one stays.
"""

import ssl
import stat
from pathlib import Path

import structlog

from mailserver.config.tree import TlsConfig
from mailserver.errors import BadValue
from mailserver.tls.channel_bindings import ServerContext, end_point

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"  # of TLS 1.2; all of TLS 1.3 are AEAD
OPTIONS = (
    ssl.OP_NO_RENEGOTIATION  # not set by default in Python's server contexts
    | ssl.OP_NO_COMPRESSION
    | ssl.OP_CIPHER_SERVER_PREFERENCE
    | ssl.OP_SINGLE_ECDH_USE
)

_log = structlog.get_logger("tls")


class TlsContexts:
    """Call it for the context of the moment; None where no certificate is configured."""

    def __init__(self, config: TlsConfig) -> None:
        """Raises BadValue with the reason."""
        self._config = config
        self._current = _load(config)

    def __call__(self) -> ssl.SSLContext | None:
        return self._current

    def reload(self, config: TlsConfig | None = None) -> None:
        """Read certificate and key again, also from other places. Raises BadValue and keeps the old ones."""
        config = config or self._config
        self._current = _load(config)
        self._config = config
        _log.info("certificate loaded", certificate=str(config.certificate))


def server_context(certificate: Path, key: Path, minimum_version: str = "1.2") -> ssl.SSLContext:
    """Raises BadValue, naming the setting and what is wrong with it."""
    context = ServerContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _version(minimum_version)
    context.set_ciphers(CIPHERS)
    context.options |= OPTIONS
    _check_readable("tls.certificate", certificate)
    _check_readable("tls.key", key)
    try:
        # Without an answer ready OpenSSL asks for an encrypted key's password on the terminal, and waits.
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except ssl.SSLError as fault:
        raise BadValue(f"tls.certificate, tls.key: {_explain(fault)} ({certificate}, {key})") from None
    except (OSError, ValueError) as fault:
        raise BadValue(f"tls.certificate, tls.key: {fault} ({certificate}, {key})") from None
    context.end_point = end_point(certificate)
    return context


def _load(config: TlsConfig) -> ssl.SSLContext | None:
    if config.certificate is None and config.key is None:
        return None
    if config.certificate is None or config.key is None:
        raise BadValue("tls.certificate and tls.key belong together: set both or none")
    context = server_context(config.certificate, config.key, config.minimum_version)
    if config.key.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO) & ~stat.S_IRGRP:
        _log.warning("the TLS key is open to others: chmod 0600 or 0640", key=str(config.key))
    return context


def _version(name: str) -> ssl.TLSVersion:
    try:
        return VERSIONS[name]
    except KeyError:
        raise BadValue(f"tls.minimum_version: {name!r} is none of {', '.join(VERSIONS)}") from None


def _check_readable(setting: str, path: Path) -> None:
    try:
        with path.open("rb"):
            pass
    except OSError as fault:
        raise BadValue(f"{setting}: {path}: {fault.strerror}") from None


def _explain(fault: ssl.SSLError) -> str:
    reasons = {
        "KEY_VALUES_MISMATCH": "the key does not belong to the certificate",
        "NO_START_LINE": "not a PEM file",
        "BAD_DECRYPT": "the key is encrypted; store it without a password, mode 0600",
        "PEM_LIB": "not PEM, or not a certificate and a key",
    }
    return reasons.get(fault.reason or "", str(fault.reason or fault))
