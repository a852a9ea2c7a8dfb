"""A running server looks after its keys: a domain gets them, they sign when they are published."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mailserver.config.tree import Config, DkimConfig, DnsConfig, ServerConfig
from mailserver.daemon.signing import FIRST_LOOK_SECONDS, Signing
from mailserver.dkim.keyring import record_of
from mailserver.dkim.rotation import INTERVAL_SECONDS
from mailserver.dns.resolver import DnsResolver
from mailserver.store import dkim_keys, domains
from mailserver.store.store import Store
from tests.fakes import FakeClock
from tests.service.dkim.test_sign import BODY, HEADER, selectors
from tests.zone import Zone


@pytest.fixture
async def zone() -> AsyncIterator[Zone]:
    async with Zone() as zone:
        yield zone


def configured(zone: Zone, *algorithms: str) -> Config:
    dkim = DkimConfig(algorithms=algorithms)
    return Config(ServerConfig("mail.example.test", Path("/")), dns=DnsConfig(servers=(zone.server,)), dkim=dkim)


async def test_a_domain_gets_keys_that_sign_when_the_dns_has_them(store: Store, clock: FakeClock, zone: Zone) -> None:
    await store.write(domains.add, "example.test")
    config = configured(zone, "Ed25519")
    resolver = DnsResolver(config.dns, clock)
    signing = Signing(store, clock, resolver, config)

    async def until(count: int, state: str, step: float) -> None:
        async with asyncio.timeout(30):
            while [str(key.state) for key in await store.read(dkim_keys.list)] != [state] * count:
                await clock.advance(step)
                await asyncio.sleep(0.01)

    try:
        await until(1, "pending", FIRST_LOOK_SECONDS)
        assert await signing.signer.sign("example.test", HEADER, [BODY]) == b""
        [key] = await store.read(dkim_keys.list)
        zone.set(record_of(key).name, "TXT", f'"{record_of(key).value}"')
        await until(1, "active", INTERVAL_SECONDS)
        assert selectors(await signing.signer.sign("example.test", HEADER, [BODY])) == [key.selector.encode()]
        signing.reconfigure(configured(zone, "Ed25519", "RSA-2048"))
        async with asyncio.timeout(30):
            while len(await store.read(dkim_keys.list)) != 2:
                await clock.advance(INTERVAL_SECONDS)
                await asyncio.sleep(0.01)
    finally:
        await signing.close()
        await resolver.close()


async def test_it_stops_at_any_moment(store: Store, clock: FakeClock, zone: Zone) -> None:
    for waited in (0.0, FIRST_LOOK_SECONDS):
        resolver = DnsResolver(DnsConfig(servers=(zone.server,)), clock)
        signing = Signing(store, clock, resolver, configured(zone, "Ed25519"))
        await clock.advance(waited)
        await signing.close()
        await resolver.close()
