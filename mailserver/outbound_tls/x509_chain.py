"""Certificates themselves: read, their time, their names, the authority behind them. RFC 8461 §4.1, RFC 9525

Loaded when the first certificate is judged: cryptography's X.509 takes 10 MB.
"""

import ipaddress
import warnings
from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from mailserver.outbound_tls.results import CertificateRefused, ResultType

MAX_CHAIN = 10  # certificates looked at


def store_of(certificates: Sequence[x509.Certificate]) -> Store | None:
    return Store(list(certificates)) if certificates else None


def verify(store: Store | None, chain: Sequence[bytes], names: Sequence[str], now: datetime) -> str:
    """See Authorities.verify."""
    leaf, others = _parsed(chain)
    _check_time(leaf, now)
    held = _held_name(leaf, names)
    if store is None:
        raise CertificateRefused(
            "no certificate authorities are known here; set outbound_tls.authorities",
            ResultType.CERTIFICATE_NOT_TRUSTED,
        )
    verifier = PolicyBuilder().store(store).time(now).build_server_verifier(x509.DNSName(held))
    try:
        verifier.verify(leaf, others)
    except (VerificationError, ValueError) as fault:
        raise CertificateRefused(_untrusted(leaf, fault), ResultType.CERTIFICATE_NOT_TRUSTED) from fault
    return held


def loaded(pem: bytes) -> list[x509.Certificate]:
    """The system's list has authorities older than the rules for serial numbers, which is no news to anybody."""
    with warnings.catch_warnings():  # not in a thread: it changes what the whole process warns of
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        return x509.load_pem_x509_certificates(pem)


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
