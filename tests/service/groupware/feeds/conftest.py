"""A server with one account, and another server that publishes calendars."""

import ipaddress
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from mailserver.config.tree import DavConfig, DnsConfig
from mailserver.dns.resolver import DnsResolver
from mailserver.fetching.fetcher import Bounds, Fetched, Fetcher
from mailserver.groupware import access, homes
from mailserver.groupware.calendars.accept import accept
from mailserver.groupware.collections import NewCollection
from mailserver.groupware.feeds import sources
from mailserver.groupware.feeds.fetching import Get
from mailserver.groupware.feeds.refreshing import Refreshing
from mailserver.groupware.members import Members
from mailserver.store import feeds, members
from mailserver.store.collections import Collection, Family
from mailserver.store.database import Rx
from mailserver.store.feeds import Feed
from mailserver.store.store import Store
from tests.authority import Authority
from tests.fakes import FakeClock
from tests.service.groupware.feeds.samples import HOST
from tests.sites import Site
from tests.zone import Zone

LOOPBACK = (ipaddress.ip_network("127.0.0.2/32"),)
SMALL = DavConfig(max_feed_octets=100_000, max_feed_objects=20, max_subscriptions=2, max_object_octets=10_000)


def at_port(fetcher: Fetcher, port: int) -> Get:
    """Every server's https is at this port."""

    async def get(url: str, bounds: Bounds, headers: Mapping[str, str]) -> Fetched:
        parts = urlsplit(url)
        assert parts.port is None
        return await fetcher.get(parts._replace(netloc=f"{parts.netloc}:{port}").geturl(), bounds, headers)

    return get


@dataclass(frozen=True)
class House:
    store: Store
    clock: FakeClock
    ann: int
    site: Site
    refreshing: Refreshing
    members: Members

    async def subscribe(
        self, path: str = "/feed.ics", host: str = HOST, every: timedelta = sources.USUAL
    ) -> Collection:
        """A calendar "holidays" that shows what the site has there."""
        new = NewCollection("Holidays", source=f"https://{host}{path}", every=every)
        made = await self.store.write(homes.create, self.ann, Family.CALENDARS, "holidays", new, SMALL)
        return made.collection

    async def refresh(self) -> Feed:
        """Whatever is due; then how it went."""
        await self.refreshing.refresh_due()
        return await self.feed()

    async def later(self, seconds: float = 3600) -> Feed:
        await self.clock.advance(seconds)
        return await self.refresh()

    async def feed(self) -> Feed:
        return await self.store.read(_feed, self.ann)

    async def modseq(self) -> int:
        return (await self.store.read(access.require, self.ann, Family.CALENDARS, "holidays")).collection.modseq

    async def objects(self) -> dict[str, bytes]:
        """By UID."""
        return await self.store.read(_objects, self.ann)


def _feed(rx: Rx, user_id: int) -> Feed:
    found = feeds.find(rx, access.require(rx, user_id, Family.CALENDARS, "holidays").collection.id)
    assert found is not None
    return found


def _objects(rx: Rx, user_id: int) -> dict[str, bytes]:
    collection = access.require(rx, user_id, Family.CALENDARS, "holidays").collection
    return {each.uid: members.data(rx, Family.CALENDARS, each.id) for each in members.list(rx, collection)}


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture
async def house(store: Store, clock: FakeClock, user_id: int, authority: Authority) -> AsyncIterator[House]:
    """Feeds name port 443; the fetcher is told to dial the site's instead."""
    async with (
        Zone({HOST: {"A": "127.0.0.2"}, "inside.example.net": {"A": "10.0.0.1"}}) as zone,
        Site(authority.issue(HOST).server_context()) as site,
    ):
        resolver = DnsResolver(DnsConfig(servers=(zone.server,), timeout_seconds=1.0), clock)
        fetcher = Fetcher(resolver, context=authority.trusting(), allowed=LOOPBACK, ports=(site.port,))
        refreshing = Refreshing(store, at_port(fetcher, site.port), accept, SMALL)
        yield House(store, clock, user_id, site, refreshing, Members(store, {Family.CALENDARS: accept}))
        await resolver.close()
