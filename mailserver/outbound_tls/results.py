"""What can go wrong with TLS at another server, in the names that reports have for it. RFC 8460 §4.3."""

from dataclasses import dataclass
from enum import StrEnum


class ResultType(StrEnum):
    """RFC 8460 §4.3; the registry "STARTTLS Validation Result Types"."""

    STARTTLS_NOT_SUPPORTED = "starttls-not-supported"
    CERTIFICATE_HOST_MISMATCH = "certificate-host-mismatch"
    CERTIFICATE_EXPIRED = "certificate-expired"
    CERTIFICATE_NOT_TRUSTED = "certificate-not-trusted"
    VALIDATION_FAILURE = "validation-failure"  # anything that no other name fits
    TLSA_INVALID = "tlsa-invalid"
    DNSSEC_INVALID = "dnssec-invalid"
    DANE_REQUIRED = "dane-required"
    STS_POLICY_FETCH_ERROR = "sts-policy-fetch-error"
    STS_POLICY_INVALID = "sts-policy-invalid"
    STS_WEBPKI_INVALID = "sts-webpki-invalid"


class CertificateRefused(Exception):  # noqa: N818 - a claim
    """The other server's certificate does not hold for what was asked of it."""

    def __init__(self, reason: str, result_type: ResultType) -> None:
        """`reason`: words for the attempt."""
        super().__init__(reason)
        self.reason = reason
        self.result_type = result_type


@dataclass(frozen=True, slots=True)
class TlsOutcome:
    """What became of TLS in one session with another server, as attempts tell it and reports count it."""

    words: str
    is_encrypted: bool
    result_type: ResultType | None = None  # None: all was there that the policy asked for
    sending_address: str = ""  # ours, of the connection

    @classmethod
    def not_offered(cls, sending_address: str = "") -> "TlsOutcome":
        """No STARTTLS in the answer to EHLO, or it was refused."""
        return cls("STARTTLS not offered", False, ResultType.STARTTLS_NOT_SUPPORTED, sending_address)

    @classmethod
    def failed(cls, reason: str, sending_address: str = "") -> "TlsOutcome":
        """The handshake broke; no TLS."""
        return cls(f"TLS failed: {reason}", False, ResultType.VALIDATION_FAILURE, sending_address)

    @classmethod
    def refused(cls, fault: CertificateRefused, sending_address: str = "") -> "TlsOutcome":
        """TLS stood, and the certificate was not good enough: the session was ended."""
        return cls(fault.reason, True, fault.result_type, sending_address)
