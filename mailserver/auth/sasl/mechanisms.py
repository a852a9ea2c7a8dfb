"""The SASL mechanisms of the server, the same for every protocol. A further one is a function and a line here.

SCRAM is told of only when every account that may log in has keys for it (see ScramGate): mutt and mbsync choose it
by themselves, and somebody without keys would be locked out.

-PLUS is told of only where the connection has the binding that RFC 5802 §6.1 and RFC 9266 §3 make the default of its
TLS version, because that is what clients use which choose -PLUS by themselves: tls-unique up to TLS 1.2. For TLS 1.3
that is tls-exporter, which Python 3.11's ssl does not give. Whoever asks for -PLUS with tls-server-end-point gets it
on any TLS connection.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from mailserver.auth.sasl.bearer import oauthbearer, xoauth2
from mailserver.auth.sasl.exchange import Mechanism, Verifier
from mailserver.auth.sasl.plain import login, plain
from mailserver.auth.sasl.scram_exchange import SCRAM, SCRAM_PLUS, bound, unbound

MECHANISMS: Mapping[str, Mechanism] = MappingProxyType(
    {
        "PLAIN": plain,
        "LOGIN": login,
        SCRAM: unbound,
        SCRAM_PLUS: bound,
        "OAUTHBEARER": oauthbearer,
        "XOAUTH2": xoauth2,
    }
)
DEFAULT_BINDINGS = frozenset({"tls-unique", "tls-exporter"})  # each of the TLS versions it is defined for


def offered(verifier: Verifier, bindings: Mapping[str, bytes]) -> tuple[str, ...]:
    """What a client is told that may log in; a mechanism it names without being told works all the same."""
    hidden = frozenset(_hidden(verifier, bindings))
    return tuple(name for name in MECHANISMS if name not in hidden)


def _hidden(verifier: Verifier, bindings: Mapping[str, bytes]) -> Iterator[str]:
    if not verifier.offers_scram:
        yield SCRAM
    if not verifier.offers_scram or DEFAULT_BINDINGS.isdisjoint(bindings):
        yield SCRAM_PLUS
