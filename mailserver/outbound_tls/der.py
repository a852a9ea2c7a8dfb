"""The public key of a certificate, octet for octet as it stands there (pure).

DANE compares these octets and must not care for anything else in the certificate: not for its version, nor for a kind
of key that no library here knows. RFC 5280 §4.1, RFC 7671 §5.1
"""

SEQUENCE, VERSION = 0x30, 0xA0
BEFORE_KEY = 5  # serialNumber, signature, issuer, validity, subject
LONG, INDEFINITE, MAX_LENGTH_OCTETS = 0x80, 0x80, 3


class BadDer(ValueError):  # noqa: N818 - a claim
    """Not the outline of a certificate."""


def public_key(certificate: bytes) -> bytes:
    """subjectPublicKeyInfo with its tag and length, out of a DER certificate. Raises BadDer."""
    tag, at, _ = _element(certificate, 0)
    inner, at, end = _element(certificate, at)
    if tag != SEQUENCE or inner != SEQUENCE:
        raise BadDer("not a certificate")
    fields = 0
    while at < end:
        tag, _, after = _element(certificate, at)
        if fields == BEFORE_KEY and tag == SEQUENCE and after <= end:
            return certificate[at:after]
        fields += tag != VERSION
        at = after
    raise BadDer("a certificate without a key")


def is_certificate(octets: bytes) -> bool:
    """In outline."""
    try:
        return bool(public_key(octets))
    except BadDer:
        return False


def is_sequence(octets: bytes) -> bool:
    """One SEQUENCE and nothing after it, as a subjectPublicKeyInfo is."""
    try:
        tag, _, end = _element(octets, 0)
    except BadDer:
        return False
    return tag == SEQUENCE and end == len(octets)


def _element(octets: bytes, at: int) -> tuple[int, int, int]:
    """Tag, where the content starts and where it ends."""
    if at + 2 > len(octets):
        raise BadDer("cut off")
    tag, length, start = octets[at], octets[at + 1], at + 2
    if length >= LONG:
        count = length & ~LONG
        if length == INDEFINITE or count > MAX_LENGTH_OCTETS or start + count > len(octets):
            raise BadDer("not a DER length")
        length, start = int.from_bytes(octets[start : start + count], "big"), start + count
    if start + length > len(octets):
        raise BadDer("cut off")
    return tag, start, start + length
