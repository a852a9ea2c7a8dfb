"""The mailbox service over a real store, and a hand that puts messages into it."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from mailserver.config.tree import StoreConfig
from mailserver.mail.flags import FlagSet
from mailserver.mailboxes.service import Mailboxes
from mailserver.mailboxes.values import SearchView
from mailserver.store.store import Store
from tests.fakes import FakeClock

Put = Callable[..., Awaitable[int]]


@pytest.fixture
async def service(store: Store, clock: FakeClock) -> AsyncIterator[Mailboxes]:
    service = Mailboxes(store, clock, StoreConfig())
    yield service
    await service.close()


@pytest.fixture
def put(store: Store, service: Mailboxes, user_id: int) -> Put:
    """Append a message; returns its UID."""

    async def put(
        octets: bytes = b"Subject: hello\r\n\r\nworld\r\n",
        name: str = "INBOX",
        flags: tuple[str, ...] = (),
        date: int | None = None,
    ) -> int:
        staged = await store.stage_bytes(octets)
        return (await service.append(user_id, name, staged, FlagSet.of(flags), date)).uid

    return put


def sees(*uids: int, recent_from: int = 1 << 32) -> SearchView:
    return SearchView(uids, lambda uid: uid >= recent_from)
