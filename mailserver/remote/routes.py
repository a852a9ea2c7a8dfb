"""Which servers a message goes to: a relay where one is set, else the destination's own. RFC 5321 §5, RFC 7505.

relay of the sender's domain, or the one for all        that relay
address literal                                         that address, where outbound.allow_literals says so
MX records, or the domain's own address without any     the hosts by preference, equal ones in any order
one of them is this server                              only those of lower preference numbers count, §5.1
"""

import asyncio
import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mailserver.config.tree import TlsMode
from mailserver.dns.resolver import DnsFailure, Resolver
from mailserver.dns.route import Host, mail_hosts
from mailserver.remote.target import Login
from mailserver.store.relays import Relay

Random = Callable[[int], bytes]


class NoRoute(Exception):  # noqa: N818 - a verdict
    """Nowhere to go; permanent where the code says so."""

    def __init__(self, code: int, status: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.status = status
        self.text = text


@dataclass(frozen=True, slots=True)
class Way:
    """One server of a route."""

    host: Host
    port: int
    security: TlsMode = TlsMode.STARTTLS
    is_relay: bool = False
    login: Login | None = None
    must_verify: bool = False  # of a relay: its certificate has to hold
    address: str | None = None  # of an address literal


class Routes:
    def __init__(self, resolver: Resolver, hostname: str, random: Random) -> None:
        self._resolver = resolver
        self._hostname = hostname.lower()
        self._random = random

    async def to(self, destination: str, port: int, allow_literals: bool) -> list[Way]:
        """At least one. Raises NoRoute, DnsFailure."""
        if destination.startswith("["):
            return [_literal(destination, port, allow_literals)]
        route = await mail_hosts(self._resolver, destination, self._random)
        if not route.exists:
            raise NoRoute(550, "5.1.2", f"The domain {destination} does not exist")
        if route.is_null:
            raise NoRoute(556, "5.1.10", f"The domain {destination} says that it takes no mail (null MX)")
        if not route.hosts:
            raise NoRoute(550, "5.4.4", f"The domain {destination} has no mail server: neither MX nor address records")
        hosts = await self._below_ours(route.hosts)
        if not hosts:
            text = f"The mail server of {destination} is this one, {self._hostname}, which does not know the domain"
            raise NoRoute(550, "5.4.6", text)
        return [Way(host, port) for host in hosts]

    async def addresses(self, way: Way, *, ipv6: bool) -> Sequence[str]:
        """In the resolver's order. Raises DnsFailure; NoRoute where there are none."""
        if way.address is not None:
            return (way.address,)
        host = way.host.name
        found = await self._resolver.addresses(host, ipv4=True, ipv6=ipv6)
        if found.records:
            return found.records
        if not ipv6 and found.exists and (await self._resolver.addresses(host, ipv4=False, ipv6=True)).records:
            raise NoRoute(451, "4.4.4", f"{host} has IPv6 addresses only, and outbound.ipv6 is off")
        raise NoRoute(550, "5.4.4", f"{host} has no address")

    async def _below_ours(self, hosts: Sequence[Host]) -> list[Host]:
        """RFC 5321 §5.1: mail that went to a host behind us would come back to us. We are known by our name, and by
        the addresses it stands for."""
        own = await self._known(self._hostname)
        if len(hosts) == 1:
            theirs = [await self._known(hosts[0].name)]
        else:
            theirs = await asyncio.gather(*(self._known(host.name) for host in hosts))
        ours = [
            host.preference
            for host, addresses in zip(hosts, theirs, strict=True)
            if host.name == self._hostname or not set(own).isdisjoint(addresses)
        ]
        return [host for host in hosts if host.preference < min(ours)] if ours else [*hosts]

    async def _known(self, name: str) -> Sequence[str]:
        try:
            return (await self._resolver.addresses(name)).records
        except DnsFailure:  # asked again when it is the host's turn
            return ()


def by_relay(relay: Relay, login: Login | None) -> Way:
    return Way(
        Host(relay.host, 0, is_secure=False),
        relay.port,
        relay.tls,
        is_relay=True,
        login=login,
        must_verify=relay.must_verify,
        address=_address_in(relay.host),
    )


def _address_in(host: str) -> str | None:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None


def _literal(destination: str, port: int, allowed: bool) -> Way:
    """RFC 5321 §4.1.3"""
    if not allowed:
        raise NoRoute(550, "5.1.2", f"Mail to address literals such as {destination} is not sent from here")
    text = destination.strip("[]")
    try:
        address = str(ipaddress.ip_address(text[5:] if text.lower().startswith("ipv6:") else text))
    except ValueError:
        raise NoRoute(550, "5.1.2", f"{destination} is not an IP address") from None
    return Way(Host(address, 0, False), port, address=address)
