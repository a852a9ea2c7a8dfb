"""Whether what the resolvers say about DNSSEC can be believed, and in words why not.

The AD bit says "I have validated this" (RFC 4035 §3.2.3). Nothing protects it on the way, so it is believed from
loopback only, or where the administrator says that the way is safe (RFC 7672 §2.1.1). And it must be there at all: the
root zone is signed, so a resolver that answers for the root's SOA without AD does not validate, or does not tell.
Each resolver is asked, and again after a while, because resolvers are changed while the server runs. One that gives no
answer to this keeps the trust it had: to stop believing it would be a way to switch DANE off.
"""

from collections.abc import Awaitable, Callable

import dns.name
import dns.rdatatype

from mailserver.dns.messages import Reply, Unusable
from mailserver.dns.servers import Server

RECHECK_SECONDS = 3600.0  # a resolver that validates
RETRY_SECONDS = 60.0  # one that did not
MAX_SILENT = 3  # checks without an answer; after them it is asked only as often as one that does not validate

Probe = Callable[[Server, dns.name.Name, dns.rdatatype.RdataType], Awaitable[Reply]]


class Trust:
    def __init__(self, servers: tuple[Server, ...], trust_ad: bool, probe: Probe) -> None:
        """`probe` asks one server and may raise Unusable."""
        self._servers, self._probe = servers, probe
        self._far = () if trust_ad else tuple(server for server in servers if not server.is_loopback)
        self._next_at = 0.0
        self._silent = MAX_SILENT  # may still be
        self.why_not = _too_far(self._far) if self._far else "the resolver has not been asked yet"

    @property
    def holds(self) -> bool:
        return not self.why_not

    def is_due(self, now: float) -> bool:
        """`now`: seconds of a monotonic clock."""
        return not self._far and now >= self._next_at

    async def check(self, now: float) -> None:
        """Ask every resolver for something that is signed."""
        if self._far:
            return
        try:
            self.why_not = await self._fault()
            self._silent = MAX_SILENT
            self._next_at = now + (RECHECK_SECONDS if self.holds else RETRY_SECONDS)
        except Unusable as fault:
            self._silent = max(self._silent - 1, 0)
            self._next_at = now if self._silent else now + RETRY_SECONDS
            if not self.holds:
                self.why_not = f"whether the resolver validates DNSSEC is not known: {fault}"

    async def _fault(self) -> str:
        for server in self._servers:
            reply = await self._probe(server, dns.name.root, dns.rdatatype.SOA)
            if not reply.is_authentic:
                return _strips(server)
        return ""


def _too_far(far: tuple[Server, ...]) -> str:
    names = ", ".join(map(str, far))
    return (
        f"the resolver {names} is not on this machine, and what it says about DNSSEC could be changed on the way; "
        'run one here and set servers = ["127.0.0.1"] in [dns], or trust_ad = true if the way to it is safe'
    )


def _strips(server: Server) -> str:
    if server.is_systemd_stub:
        return (
            f"the resolver {server} is systemd-resolved, which does not tell whether it validated; "
            'install unbound and set servers = ["127.0.0.1"] in [dns]'
        )
    return f"the resolver {server} does not validate DNSSEC: its answer for the root zone lacks the AD bit"
