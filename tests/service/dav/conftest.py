import pytest

from mailserver.store.store import Store
from tests.service.dav.house import House


@pytest.fixture
async def house(store: Store) -> House:
    return await House.furnished(store)
