"""TLS as a client of other mail servers. The handshake verifies nothing: certificates.py and dane.py do, after it."""

import ssl
from collections.abc import Sequence
from typing import Protocol, cast

from mailserver.outbound_tls.decision import Level

# Where nobody vouches for the other side, old TLS is better than none; with a policy it is TLS 1.2 or nothing.
ANY_CIPHERS = "DEFAULT:!aNULL:!eNULL:@SECLEVEL=0"
GOOD_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:!aNULL"
DER = 2  # _ssl.ENCODING_DER


class _Certificate(Protocol):
    def public_bytes(self, encoding: int) -> bytes: ...


class _Chained(Protocol):
    def get_unverified_chain(self) -> Sequence[_Certificate] | None: ...


def lenient() -> ssl.SSLContext:
    """All that OpenSSL still speaks."""
    context = _unverified()
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers(ANY_CIPHERS)
    return context


def strict() -> ssl.SSLContext:
    """For hosts that a policy vouches for. RFC 7672 §3, RFC 8461 §4"""
    context = _unverified()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(GOOD_CIPHERS)
    return context


def for_level(level: Level) -> ssl.SSLContext:
    return strict() if level >= Level.AUTHENTICATED else lenient()


def chain(tls: ssl.SSLObject | ssl.SSLSocket) -> list[bytes]:
    """What the other side showed, DER, the leaf first.

    Python 3.13 has a public name for it; before, the object underneath does.
    """
    shown = cast(_Chained, tls._sslobj).get_unverified_chain()  # type: ignore[union-attr]
    return [certificate.public_bytes(DER) for certificate in shown or ()]


def spoken(tls: ssl.SSLObject | ssl.SSLSocket) -> str:
    """ "TLSv1.3 TLS_AES_256_GCM_SHA384" """
    cipher = tls.cipher()
    return f"{tls.version() or 'TLS'} {cipher[0] if cipher else 'unknown cipher'}"


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    return context
