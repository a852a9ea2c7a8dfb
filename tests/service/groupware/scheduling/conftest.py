import pytest

from mailserver.store.store import Store
from tests.service.groupware.scheduling.house import House, furnish


@pytest.fixture
async def house(store: Store) -> House:
    return await furnish(store)
