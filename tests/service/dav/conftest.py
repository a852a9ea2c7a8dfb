import pytest

from mailserver.config.tree import DavConfig
from mailserver.groupware.collections import NewCollection
from mailserver.store.collections import Family
from mailserver.store.store import Store
from tests.service.dav.house import ANN, BOB, EVE, House


@pytest.fixture
async def house(store: Store) -> House:
    """Ann, with a calendar "work" and a book "people"; Bob of the same domain; Eve of another one."""
    house = House(store, DavConfig())
    ann = await house.add_user(ANN, "Ann <Example>")
    await house.add_user(BOB, "Bob B. Beta")
    await house.add_user(EVE)
    await house.services.collections.create(
        ann.user_id, Family.CALENDARS, "work", NewCollection("Work & Play", color="#FF0000FF", position=3)
    )
    await house.services.collections.create(ann.user_id, Family.ADDRESSBOOKS, "people", NewCollection("People"))
    return house
