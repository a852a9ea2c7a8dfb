"""Does a certificate hold below a trust anchor of DANE-TA: its name, its time, every signature between. RFC 7672 §3.1.2

Public authorities' own rules (which extensions there must be, and for how long) do not count here: the domain chose its
authority. What makes an authority one does: a leaf certificate must not issue others.
"""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, Policy, PolicyBuilder, Store, VerificationError

from mailserver.outbound_tls.results import CertificateRefused, ResultType
from mailserver.outbound_tls.x509_chain import alternative_names, matches

MAX_NAMES_SHOWN = 5
MAX_WORDS = 200


def parsed(der: bytes) -> x509.Certificate:
    """Raises CertificateRefused."""
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError as fault:
        raise CertificateRefused(f"the certificate can not be read: {fault}", ResultType.VALIDATION_FAILURE) from fault


def check_time(leaf: x509.Certificate, now: datetime) -> None:
    """Raises CertificateRefused."""
    begins, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if now > ends:
        raise CertificateRefused(
            f"the certificate expired on {ends:%Y-%m-%d %H:%M} UTC", ResultType.CERTIFICATE_EXPIRED
        )
    if now < begins:
        words = f"the certificate is good from {begins:%Y-%m-%d %H:%M} UTC only"
        raise CertificateRefused(words, ResultType.VALIDATION_FAILURE)


def check_name(leaf: x509.Certificate, names: Sequence[str]) -> None:
    """DNS-IDs, or the common name where there are none: RFC 7672 §3.2.3. Raises CertificateRefused."""
    patterns = _names(leaf)
    if any(matches(pattern, name) for pattern in patterns for name in names):
        return
    shown = ", ".join(patterns[:MAX_NAMES_SHOWN])[:MAX_WORDS] or "no host at all"
    words = f"the certificate is for {shown}, not for {' or '.join(names)}"
    raise CertificateRefused(words, ResultType.CERTIFICATE_HOST_MISMATCH)


def check_issued(leaf: x509.Certificate, above: Sequence[bytes], anchors: Sequence[bytes], now: datetime) -> None:
    """By one of the anchors, through what was shown. `above`, `anchors`: DER. Raises CertificateRefused."""
    between = [certificate for certificate in map(_or_none, above) if certificate is not None]
    fault: Exception | None = None
    for anchor in map(_or_none, anchors):
        if anchor is None:
            continue
        try:
            _verifier(anchor, now).verify(leaf, between)
        except (VerificationError, ValueError) as refused:
            fault = refused
        else:
            return
    words = f"the certificate does not lead to the trust anchor in the TLSA records: {str(fault)[:MAX_WORDS]}"
    raise CertificateRefused(words, ResultType.CERTIFICATE_NOT_TRUSTED)


def _or_none(der: bytes) -> x509.Certificate | None:
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError:
        return None


def _names(leaf: x509.Certificate) -> list[str]:
    common = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return alternative_names(leaf) or [str(attribute.value) for attribute in common]


def _may_issue(policy: Policy, certificate: x509.Certificate, constraints: x509.BasicConstraints | None) -> None:
    if constraints is None or not constraints.ca:
        raise ValueError("a certificate in between may not issue others")


def _may_sign(policy: Policy, certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("a key in between may not sign certificates")


def _verifier(anchor: x509.Certificate, now: datetime) -> "x509.verification.ClientVerifier":
    """One that looks at signatures, times, path lengths and name constraints; the leaf's names are not its business."""
    any_way = Criticality.AGNOSTIC
    issuers = (
        ExtensionPolicy.permit_all()
        .require_present(x509.BasicConstraints, any_way, _may_issue)
        .may_be_present(x509.KeyUsage, any_way, _may_sign)
    )
    builder = PolicyBuilder().store(Store([anchor])).time(now)
    leaves = ExtensionPolicy.permit_all()
    return builder.extension_policies(ca_policy=issuers, ee_policy=leaves).build_client_verifier()
