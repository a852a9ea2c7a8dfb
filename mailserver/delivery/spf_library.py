"""spftrace with our resolver. Imported with the first question: it takes a tenth of the time to start."""

import ipaddress

import dns.exception
import dns.name
import dns.reversename
from spftrace import BaseResolver, Evaluator

from mailserver.dns.answers import DnsFailure, Resolver

__all__ = ["Asking", "Evaluator"]


class Asking(BaseResolver):
    """spftrace's questions in the words of our resolver."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    async def _lookup(self, name: str, rtype: str) -> tuple[str, list[str]]:
        try:
            exists, records = await self._ask(name, rtype)
        except DnsFailure:
            return "SERVFAIL", []
        return "NOERROR" if exists else "NXDOMAIN", records

    async def _ask(self, name: str, rtype: str) -> tuple[bool, list[str]]:
        match rtype:
            case "TXT":
                texts = await self._resolver.txt(name)
                return texts.exists, [record.decode("utf-8", "replace") for record in texts.records]
            case "MX":
                hosts = await self._resolver.mx(name)
                return hosts.exists, [record.host for record in hosts.records]
            case "PTR":
                address = _address_in(name)
                names = await self._resolver.ptr(address)
                return names.exists, [*names.records]
            case _:
                wants_ipv4 = rtype == "A"
                found = await self._resolver.addresses(name, ipv4=wants_ipv4, ipv6=not wants_ipv4)
                return found.exists, [*found.records]


def _address_in(reverse_name: str) -> str:
    """The address that a name below in-addr.arpa or ip6.arpa stands for."""
    try:
        address = dns.reversename.to_address(dns.name.from_text(reverse_name))
    except (dns.exception.DNSException, ValueError) as fault:
        raise DnsFailure(f"not a reverse name: {reverse_name}") from fault
    return str(ipaddress.ip_address(address))
