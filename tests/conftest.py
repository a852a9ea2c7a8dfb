"""Fixtures that most tests need: a moved clock and a real store in a folder of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import hypothesis
import pytest

from mailserver.config.tree import StoreConfig
from mailserver.store import domains, users
from mailserver.store.store import Store
from tests.fakes import FakeClock
from tests.schema import migrated

# How long an example takes says more of what else the machine does than of the code: time is asserted nowhere.
hypothesis.settings.register_profile("tests", deadline=None)
hypothesis.settings.load_profile("tests")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def store(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Store]:
    async with await Store.open(migrated(tmp_path / "data"), clock, config=StoreConfig(min_free_bytes=0)) as store:
        yield store


@pytest.fixture
async def user_id(store: Store) -> int:
    """ann@example.test with the default mailboxes."""
    await store.write(domains.add, "example.test")
    user = await store.write(users.add, "ann@example.test", "$argon2id$unused")
    return user.id
