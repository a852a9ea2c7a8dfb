"""What can go wrong with TLS at another server, in the names that reports have for it. RFC 8460 §4.3."""

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


class CertificateRefused(Exception):  # noqa: N818 - a verdict, not an error of ours
    """The other server's certificate does not hold for what was asked of it."""

    def __init__(self, reason: str, result_type: ResultType) -> None:
        """`reason`: words for the attempt."""
        super().__init__(reason)
        self.reason = reason
        self.result_type = result_type
