"""Which hosts take mail for a domain, and in which order they are tried. RFC 5321 §5.1, RFC 7505."""

from collections.abc import Callable
from dataclasses import dataclass

from mailserver.dns.answers import Answer, Mx, Resolver

MAX_HOSTS = 10  # tried in one attempt; a domain with more has made a mistake, or wants our time
SHUFFLE_OCTETS = 8


@dataclass(frozen=True, slots=True)
class Host:
    name: str  # A-labels, lower case; an MX that is an alias stays as it was written
    preference: int
    is_secure: bool  # the answer that named it was validated


@dataclass(frozen=True, slots=True)
class Route:
    domain: str  # as it was asked for
    name: str  # after CNAMEs
    hosts: tuple[Host, ...]  # in the order of trying
    exists: bool  # False: no such domain
    is_null: bool = False  # the domain says that it takes no mail, RFC 7505
    is_secure: bool = False
    is_implicit: bool = False  # no MX: the domain's own addresses, RFC 5321 §5.1


async def mail_hosts(resolver: Resolver, domain: str, random: Callable[[int], bytes]) -> Route:
    """Hosts by preference, equal ones in random order, MAX_HOSTS at most; () where there is nobody to ask.

    Raises DnsFailure.
    """
    answer = await resolver.mx(domain)
    if not answer.exists:
        return Route(domain, answer.name, (), exists=False, is_secure=answer.is_secure)
    if not answer.records:
        return await _implicit(resolver, domain, answer)
    named = [mx for mx in answer.records if mx.host]
    hosts = tuple(Host(mx.host, mx.preference, answer.is_secure) for mx in _ordered(named, random))
    # A root among real hosts breaks RFC 7505 §3 and is no host either way.
    return Route(domain, answer.name, hosts, exists=True, is_null=not named, is_secure=answer.is_secure)


async def _implicit(resolver: Resolver, domain: str, answer: Answer[Mx]) -> Route:
    addresses = await resolver.addresses(domain)
    hosts = (Host(answer.name, 0, answer.is_secure),) if addresses.records else ()
    return Route(domain, answer.name, hosts, exists=True, is_secure=answer.is_secure, is_implicit=True)


def _ordered(records: list[Mx], random: Callable[[int], bytes]) -> list[Mx]:
    """Each host once, where it is preferred most."""
    best: dict[str, Mx] = {}
    for mx in sorted(records, key=lambda mx: (mx.preference, mx.host)):
        best.setdefault(mx.host, mx)
    if len(best) <= 1:
        return [*best.values()]
    shuffled = sorted(best.values(), key=lambda mx: (mx.preference, random(SHUFFLE_OCTETS)))
    return shuffled[:MAX_HOSTS]
