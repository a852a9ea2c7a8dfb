"""The service of calendars and contacts over a real store, with a family that takes lines of "name: value"."""

from collections.abc import Awaitable, Callable

import pytest

from mailserver.config.tree import DavConfig
from mailserver.groupware.collections import Collections
from mailserver.groupware.members import Members
from mailserver.groupware.sharing import Sharing
from mailserver.groupware.sync import Sync
from mailserver.store import users
from mailserver.store.collections import Family
from mailserver.store.store import Store
from tests.service.groupware.plain import ACCEPT

SMALL = DavConfig(max_object_octets=1000, max_octets=5000, max_members=12, max_collections=6, max_sharees=2)

AddUser = Callable[[str], Awaitable[int]]


@pytest.fixture
def calendars(store: Store) -> Collections:
    return Collections(store, SMALL)


@pytest.fixture
def members(store: Store) -> Members:
    return Members(store, ACCEPT, config=SMALL)


@pytest.fixture
def sharing(store: Store) -> Sharing:
    return Sharing(store, SMALL)


@pytest.fixture
def sync(store: Store) -> Sync:
    return Sync(store)


@pytest.fixture
def ann(user_id: int) -> int:
    return user_id


@pytest.fixture
async def bob(store: Store, ann: int) -> int:
    assert ann
    return (await store.write(users.add, "bob@example.test", "$argon2id$unused")).id


@pytest.fixture(params=Family)
def family(request: pytest.FixtureRequest) -> Family:
    assert isinstance(request.param, Family)
    return request.param
