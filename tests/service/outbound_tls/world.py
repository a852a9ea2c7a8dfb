"""A domain of strangers for the tests here: its DNS, its policy host, and what we make of it."""

import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from mailserver.config.tree import DnsConfig
from mailserver.dns.resolver import DnsResolver
from mailserver.fetching.fetcher import Fetcher
from mailserver.outbound_tls.sts_policies import StsCache
from mailserver.store.store import Store
from tests.authority import Authority
from tests.sites import Site, answer
from tests.zone import Zone

DOMAIN = "example.net"
POLICY_HOST = f"mta-sts.{DOMAIN}"
PATH = "/.well-known/mta-sts.txt"
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
DAY = 86_400
CA = Authority()


def policy(mode: str = "enforce", *mx: str, max_age: int = 7 * DAY) -> bytes:
    hosts = mx or (f"mx.{DOMAIN}",)
    return "\r\n".join(
        ["version: STSv1", f"mode: {mode}", *(f"mx: {host}" for host in hosts), f"max_age: {max_age}"]
    ).encode()


@dataclass(frozen=True, slots=True)
class World:
    zone: Zone
    site: Site
    resolver: DnsResolver
    fetcher: Fetcher
    store: Store

    def announce(self, policy_id: str, text: bytes | None = None) -> None:
        """A TXT record, and what the policy host answers; None: as before."""
        self.zone.set(f"_mta-sts.{DOMAIN}", "TXT", f'"v=STSv1; id={policy_id};"', ttl=0)
        if text is not None:
            self.site.at[PATH] = answer(200, text)

    def sts(self) -> StsCache:
        return StsCache(self.store, self.resolver, self.fetcher.get, self.site.port)


@asynccontextmanager
async def world(store: Store) -> AsyncIterator[World]:
    records = {POLICY_HOST: {"A": "127.0.0.2"}}
    async with Zone(records) as zone, Site(CA.issue(POLICY_HOST).server_context()) as site:
        resolver = DnsResolver(DnsConfig(servers=(zone.server,), timeout_seconds=2.0), store.clock)
        fetcher = Fetcher(resolver, context=CA.trusting(), allowed=LOOPBACK, ports=(443, site.port))
        try:
            yield World(zone, site, resolver, fetcher, store)
        finally:
            await resolver.close()
