"""A text index over a real store, two mailbox services (with it and without), and a hand that puts messages in."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from mailserver.config.tree import StoreConfig
from mailserver.mail.flags import FlagSet
from mailserver.mail.search import SearchKey
from mailserver.mailboxes.service import Mailboxes
from mailserver.mailboxes.values import SearchView
from mailserver.search.text_index import TextIndex
from mailserver.store.store import Store
from tests.fakes import FakeClock

Put = Callable[..., Awaitable[int]]
Find = Callable[..., Awaitable[list[int]]]


@pytest.fixture
async def texts(store: Store, clock: FakeClock) -> AsyncIterator[TextIndex]:
    """Follows nothing by itself: `await texts.indexer.settle()`."""
    texts = await TextIndex.open(store, clock, follow=False)
    yield texts
    await texts.close()


@pytest.fixture
async def service(store: Store, clock: FakeClock, texts: TextIndex) -> AsyncIterator[Mailboxes]:
    service = Mailboxes(store, clock, StoreConfig(), texts)
    yield service
    await service.close()


@pytest.fixture
async def reading(store: Store, clock: FakeClock) -> AsyncIterator[Mailboxes]:
    """Without an index: the truth."""
    service = Mailboxes(store, clock, StoreConfig())
    yield service
    await service.close()


@pytest.fixture
def put(store: Store, service: Mailboxes, user_id: int) -> Put:
    """Append a message; returns its UID."""

    async def put(octets: bytes, name: str = "INBOX", flags: tuple[str, ...] = ()) -> int:
        staged = await store.stage_bytes(octets)
        return (await service.append(user_id, name, staged, FlagSet.of(flags), None)).uid

    return put


@pytest.fixture
def find(service: Mailboxes, user_id: int) -> Find:
    """UIDs of a mailbox that match."""

    async def find(key: SearchKey, name: str = "INBOX", by: Mailboxes = service) -> list[int]:
        index, _ = await by.select(user_id, name, claim_recent=False)
        try:
            return await by.search(index, key, SearchView([*index.uids], lambda _: False))
        finally:
            by.release(index)

    return find
