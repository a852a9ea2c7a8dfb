"""Who may vouch for certificates: the system's list, or a file of the administrator's. RFC 8461 §4.1, RFC 9525

The handshake itself verifies nothing: a certificate that is no good must not look like broken TLS, after which mail
might be tried in clear text, and one that is only judged for a report must not end the session.
"""

import ssl
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mailserver.errors import BadValue

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.x509.verification import Store


class Authorities:
    """Most mail needs none of them: the system's list is read for the first certificate that is judged by it."""

    def __init__(
        self, certificates: "Sequence[x509.Certificate]" = (), read: "Callable[[], Store | None] | None" = None
    ) -> None:
        """`read`: for those that are needed later, instead."""
        self._store: Store | None = None
        self._read = read or (lambda: _store_of(certificates))
        self._is_read = False

    @classmethod
    def load(cls, file: Path | None) -> "Authorities":
        """PEM; None: what the system trusts. A file is read at the start, as it may be wrong: raises BadValue."""
        if file is None:
            return cls(read=_store_of_system)
        store = _store_in(file)
        return cls(read=lambda: store)

    def verify(self, chain: Sequence[bytes], names: Sequence[str], now: datetime) -> str:
        """The name it holds for, of those asked; `chain`: DER, the leaf first. Raises CertificateRefused."""
        from mailserver.outbound_tls import x509_chain

        if not self._is_read:
            self._store, self._is_read = self._read(), True
        return x509_chain.verify(self._store, chain, names, now)


def _store_of(certificates: "Sequence[x509.Certificate]") -> "Store | None":
    from mailserver.outbound_tls import x509_chain

    return x509_chain.store_of(certificates)


def _store_of_system() -> "Store | None":
    path = system_file()
    return _store_in(path) if path is not None else None


def _store_in(file: Path) -> "Store | None":
    from mailserver.outbound_tls import x509_chain

    try:
        return x509_chain.store_of(x509_chain.loaded(file.read_bytes()))
    except (OSError, ValueError) as fault:
        raise BadValue(f"outbound_tls.authorities: {file}: {fault}") from fault


def client_context(file: Path | None) -> ssl.SSLContext:
    """For HTTPS, where the handshake itself verifies. In a thread. Raises BadValue."""
    path = file or system_file()
    try:
        return ssl.create_default_context(cafile=path)
    except (OSError, ValueError) as fault:
        raise BadValue(f"outbound_tls.authorities: {path}: {fault}") from fault


def system_file() -> Path | None:
    """The system's list in one file, as OpenSSL would find it."""
    paths = ssl.get_default_verify_paths()
    found = (Path(name) for name in (paths.cafile, paths.openssl_cafile, "/etc/ssl/certs/ca-certificates.crt") if name)
    return next((path for path in found if path.is_file()), None)
