"""Does a certificate hold for a name: chain, names and time, after the handshake. RFC 8461 §4.1, RFC 9525

The handshake itself verifies nothing: a certificate that is no good must not look like broken TLS, after which mail
might be tried in clear text, and one that is only judged for a report must not end the session.
"""

import ipaddress
import ssl
import warnings
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from mailserver.errors import BadValue
from mailserver.outbound_tls.results import CertificateRefused, ResultType

MAX_CHAIN = 10  # certificates looked at


class Authorities:
    """Who may vouch for certificates: the system's list, or a file of the administrator's."""

    def __init__(self, certificates: Sequence[x509.Certificate]) -> None:
        self._store = Store(list(certificates)) if certificates else None

    @classmethod
    def load(cls, file: Path | None) -> "Authorities":
        """PEM; None: what the system trusts. At the start, as it takes some milliseconds. Raises BadValue."""
        path = file or system_file()
        if path is None:
            return cls(())
        try:
            return cls(_loaded(path.read_bytes()))
        except (OSError, ValueError) as fault:
            raise BadValue(f"outbound_tls.authorities: {path}: {fault}") from fault

    def verify(self, chain: Sequence[bytes], names: Sequence[str], now: datetime) -> str:
        """The name it holds for, of those asked; `chain`: DER, the leaf first. Raises CertificateRefused."""
        leaf, others = _parsed(chain)
        _check_time(leaf, now)
        held = _held_name(leaf, names)
        if self._store is None:
            raise CertificateRefused(
                "no certificate authorities are known here; set outbound_tls.authorities",
                ResultType.CERTIFICATE_NOT_TRUSTED,
            )
        verifier = PolicyBuilder().store(self._store).time(now).build_server_verifier(x509.DNSName(held))
        try:
            verifier.verify(leaf, others)
        except (VerificationError, ValueError) as fault:
            raise CertificateRefused(_untrusted(leaf, fault), ResultType.CERTIFICATE_NOT_TRUSTED) from fault
        return held


def _loaded(pem: bytes) -> list[x509.Certificate]:
    """The system's list has authorities older than the rules for serial numbers, which is no news to anybody."""
    with warnings.catch_warnings():  # not in a thread: it changes what the whole process warns of
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        return x509.load_pem_x509_certificates(pem)


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


def matches(pattern: str, name: str) -> bool:
    """A DNS-ID of a certificate and a name; "*" alone stands for the whole first label. RFC 9525 §6.3"""
    pattern, name = pattern.lower().rstrip("."), name.lower().rstrip(".")
    first, dot, rest = name.partition(".")
    return pattern == name or (bool(first and dot and "." in rest) and pattern == f"*.{rest}")


def _parsed(chain: Sequence[bytes]) -> tuple[x509.Certificate, list[x509.Certificate]]:
    try:
        certificates = [x509.load_der_x509_certificate(der) for der in chain[:MAX_CHAIN]]
    except ValueError as fault:
        raise CertificateRefused(f"the certificate can not be read: {fault}", ResultType.VALIDATION_FAILURE) from fault
    if not certificates:
        raise CertificateRefused("the server showed no certificate", ResultType.VALIDATION_FAILURE)
    return certificates[0], certificates[1:]


def _check_time(leaf: x509.Certificate, now: datetime) -> None:
    if now > leaf.not_valid_after_utc:
        ended = f"{leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
        raise CertificateRefused(f"the certificate expired on {ended}", ResultType.CERTIFICATE_EXPIRED)
    if now < leaf.not_valid_before_utc:
        begins = f"{leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        raise CertificateRefused(f"the certificate is good from {begins} only", ResultType.VALIDATION_FAILURE)


def alternative_names(leaf: x509.Certificate) -> list[str]:
    """The host names in subjectAltName, as they stand there. Raises CertificateRefused."""
    try:
        extension = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return extension.value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        return []
    except ValueError as fault:
        raise CertificateRefused(f"the certificate can not be read: {fault}", ResultType.VALIDATION_FAILURE) from fault


def _held_name(leaf: x509.Certificate, names: Sequence[str]) -> str:
    """Only subjectAltName counts, never the common name. RFC 8461 §4.1"""
    patterns = alternative_names(leaf)
    for name in names:
        if any(matches(pattern, name) for pattern in patterns) and not _is_address(name):
            return name
    shown = ", ".join(patterns[:5]) or "no host at all"
    raise CertificateRefused(
        f"the certificate is for {shown[:300]}, not for {' or '.join(names)}", ResultType.CERTIFICATE_HOST_MISMATCH
    )


def _untrusted(leaf: x509.Certificate, fault: Exception) -> str:
    if leaf.issuer == leaf.subject:
        return "the certificate is self-signed"
    return f"the certificate is of no authority known here ({leaf.issuer.rfc4514_string()[:200]}): {str(fault)[:200]}"


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
