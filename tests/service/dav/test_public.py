"""Guessing at secret addresses is held up, and holds up nobody who has one."""

from collections.abc import AsyncIterator, MutableMapping
from typing import Any

import pytest

from mailserver.auth.authenticator import Authenticator
from mailserver.config.tree import AuthConfig, DavConfig
from mailserver.dav.logins import Logins
from mailserver.dav.public import PublicApp
from mailserver.groupware.feeds import links, secret_addresses
from mailserver.metrics import Metrics
from mailserver.store.sealing import KEY_OCTETS, SealingKey
from mailserver.store.store import Store
from tests.fakes import FakeClock

AUTH = AuthConfig(argon2_memory_kib=128, argon2_time_cost=1, failures_per_address=3, block_seconds=60)
GUESSER, READER = "192.0.2.1", "192.0.2.2"


@pytest.fixture
async def app(store: Store, clock: FakeClock) -> AsyncIterator[PublicApp]:
    authenticator = await Authenticator.open(store, clock, AUTH, bytes(32))
    logins = Logins(store, authenticator, bytes(32), 300, allow_plain_auth=False)
    yield PublicApp(store, logins, Metrics(), AUTH, DavConfig(), lambda: 0.0)
    await logins.close()
    await authenticator.close()


async def get(app: PublicApp, path: str, peer: str, query: str = "") -> int:
    scope = {
        "type": "http",
        "method": "GET",
        "scheme": "https",
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "client": (peer, 1),
        "headers": [],
    }
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def receive() -> MutableMapping[str, Any]:
        raise AssertionError("a body was asked for")

    await app(scope, receive, send)
    return int(sent[0]["status"])


async def link(store: Store, user_id: int) -> str:
    secret = secret_addresses.make(SealingKey(bytes(KEY_OCTETS)), lambda octets: b"a" * octets)
    await store.write(links.create, user_id, "calendar", secret, busy_only=False)
    return f"/dav/feeds/{secret.text}.ics"


async def test_many_wrong_secrets_of_one_network_have_to_wait(
    app: PublicApp, store: Store, user_id: int, clock: FakeClock
) -> None:
    mine = await link(store, user_id)
    assert await get(app, mine, READER) == 200
    guesses = [await get(app, f"/dav/feeds/{number}.ics", GUESSER) for number in range(5)]
    assert guesses == [404, 404, 404, 429, 429]
    assert await get(app, mine, GUESSER) == 429
    assert await get(app, "/dav/freebusy/ann@example.test", GUESSER, "token=x") == 429
    assert await get(app, mine, READER) == 200
    await clock.advance(61)
    assert await get(app, mine, GUESSER) == 200


async def test_a_reader_that_is_known_is_let_in_whatever_others_of_its_network_try(
    app: PublicApp, store: Store, user_id: int
) -> None:
    mine = await link(store, user_id)
    assert await get(app, mine, GUESSER) == 200
    for number in range(5):
        await get(app, f"/dav/feeds/{number}.ics", GUESSER)
    assert await get(app, mine, GUESSER) == 200


async def test_a_program_that_follows_an_address_that_is_gone_counts_once(
    app: PublicApp, store: Store, user_id: int
) -> None:
    mine = await link(store, user_id)
    for _ in range(20):
        assert await get(app, "/dav/feeds/gone.ics", READER) == 404
    assert await get(app, mine, READER) == 200


@pytest.mark.parametrize("path", ["/dav/feeds", "/dav/freebusy", "/dav/feeds/", "/dav/feeds/a/b.ics"])
async def test_other_paths_are_nothing(app: PublicApp, path: str) -> None:
    assert await get(app, path, READER) == 404
