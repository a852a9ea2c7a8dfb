"""The whole server: feeds are fetched by the guarded client, and a secret address is read with no login."""

import asyncio
from dataclasses import replace
from pathlib import Path

import httpx2

from mailserver.config.tree import DavConfig, ListenersConfig, WebConfig
from mailserver.daemon.run import Daemon
from mailserver.groupware import homes
from mailserver.groupware.collections import NewCollection
from mailserver.groupware.feeds import links, secret_addresses
from mailserver.store import domains, feeds, users
from mailserver.store.collections import Family
from mailserver.store.database import Tx
from mailserver.store.feeds import Feed
from mailserver.store.sealing import KEY_OCTETS, SealingKey
from tests.service.test_daemon_forwarding import CLOSED, config
from tests.zone import Zone

DEADLINE = 20.0
SECRET = secret_addresses.make(SealingKey(bytes(KEY_OCTETS)), lambda octets: b"a" * octets)


async def test_a_feed_that_leads_home_is_not_fetched_and_a_link_is_read(tmp_path: Path) -> None:
    async with Zone({"feeds.example.net": {"A": "127.0.0.1"}}) as zone:
        settings = replace(
            config(tmp_path / "data", zone.port, 25),
            web=WebConfig(port=0, allow_plain_auth=True),
            listeners=ListenersConfig(*[CLOSED] * 8),
        )
        daemon = Daemon(settings)
        await daemon.start()
        try:
            calendar_id = await daemon.store.write(furnish)
            async with asyncio.timeout(DEADLINE):
                feed = await tried(daemon, calendar_id)
            assert feed.error == "feeds.example.net leads to 127.0.0.1, which is loopback"
            async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{daemon.ports['http']}") as client:
                read = await client.get(f"/dav/feeds/{SECRET.text}.ics")
                assert (read.status_code, read.content[:15]) == (200, b"BEGIN:VCALENDAR")
                assert (await client.get("/dav/feeds/other.ics")).status_code == 404
        finally:
            await daemon.stop()


async def tried(daemon: Daemon, calendar_id: int) -> Feed:
    while True:
        feed = await daemon.store.read(feeds.find, calendar_id)
        assert feed is not None
        if feed.tried_ms is not None:
            return feed
        await asyncio.sleep(0.02)


def furnish(tx: Tx) -> int:
    domains.add(tx, "example.test")
    user_id = users.add(tx, "ann@example.test", "$argon2id$unused").id
    links.create(tx, user_id, "calendar", SECRET, busy_only=False)
    new = NewCollection(source="https://feeds.example.net/a.ics")
    return homes.create(tx, user_id, Family.CALENDARS, "feed", new, DavConfig()).collection.id
