"""The household that delivery and submission are tried on."""

import pytest

from mailserver.store.store import Store
from tests.fakes import FakeClock
from tests.service.delivery.house import House, furnish


@pytest.fixture
async def house(store: Store, clock: FakeClock) -> House:
    return await furnish(store, clock)
