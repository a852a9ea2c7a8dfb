"""What mail for a domain would ask of its hosts now, for people who want to know why."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from mailserver.dns.answers import DnsFailure, Resolver
from mailserver.dns.route import Host, Route, mail_hosts
from mailserver.errors import DnsUnavailable
from mailserver.outbound_tls.policy import DomainPolicy, NotAllowed, TlsPolicies
from mailserver.store import sts_policies
from mailserver.store.store import Store
from mailserver.store.sts_policies import StoredPolicy


@dataclass(frozen=True, slots=True)
class HostLook:
    host: str
    preference: int
    required: str  # "authenticated"; "refused" where no mail would go there
    reason: str
    is_allowed: bool


@dataclass(frozen=True, slots=True)
class DomainLook:
    domain: str
    dnssec: str
    sts: str
    hosts: tuple[HostLook, ...]
    why_none: str  # "" where there are hosts


async def look(
    store: Store,
    resolver: Resolver,
    policies: TlsPolicies,
    domain: str,
    random: Callable[[int], bytes],
    *,
    require_tls: bool = False,
) -> DomainLook:
    """Asks DNS, and the policy host, as a delivery would. Raises DnsUnavailable."""
    try:
        route = await mail_hosts(resolver, domain, random)
    except DnsFailure as failed:
        raise DnsUnavailable(f"The hosts of {domain} could not be looked up: {failed}") from failed
    found = await policies.for_domain(domain)
    hosts = tuple([await _host(policies, found, host, require_tls) for host in route.hosts])
    kept = await store.read(sts_policies.find, domain)
    return DomainLook(domain, _dnssec(resolver, route.is_secure), _sts(found, kept), hosts, _why_none(route))


async def _host(policies: TlsPolicies, domain: DomainPolicy, host: Host, require_tls: bool) -> HostLook:
    try:
        policy = await policies.for_host(domain, host, require_tls=require_tls)
    except NotAllowed as refused:
        return HostLook(host.name, host.preference, "refused", refused.reason, is_allowed=False)
    return HostLook(host.name, host.preference, policy.level.name.lower(), policy.reason, is_allowed=True)


def _why_none(route: Route) -> str:
    if route.hosts:
        return ""
    if not route.exists:
        return "No such domain"
    return "The domain takes no mail (null MX)" if route.is_null else "The domain has no MX and no address"


def _dnssec(resolver: Resolver, is_secure: bool) -> str:
    if not resolver.validates:
        return f"not known: {resolver.why_not}"
    return "the MX records are secure" if is_secure else "the domain is not signed"


def _sts(found: DomainPolicy, kept: StoredPolicy | None) -> str:
    if found.sts is not None:
        until = ""
        if kept is not None and kept.expires_at is not None:
            until = f", known until {datetime.fromtimestamp(kept.expires_at / 1000, UTC):%Y-%m-%d %H:%M} UTC"
        return f"{found.sts.mode}: {' '.join(found.sts.mx)}{until}"
    return f"announced, but not to be had: {found.fault.reason}" if found.fault else "none"
