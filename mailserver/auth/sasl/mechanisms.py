"""The SASL mechanisms of the server, the same for every protocol. A further one is a function and a line here."""

from collections.abc import Mapping
from types import MappingProxyType

from mailserver.auth.sasl.exchange import Mechanism, Verifier
from mailserver.auth.sasl.plain import login, plain

MECHANISMS: Mapping[str, Mechanism] = MappingProxyType({"PLAIN": plain, "LOGIN": login})


def offered(verifier: Verifier, bindings: Mapping[str, bytes]) -> tuple[str, ...]:
    """What a client is told that may log in; a mechanism it names without being told works all the same."""
    return tuple(MECHANISMS)
