"""Calendars over a real store, with objects as clients write them."""

import pytest

from mailserver.groupware.calendars.accept import accept
from mailserver.groupware.members import Members
from mailserver.store import collections
from mailserver.store.collections import Draft, Family
from mailserver.store.store import Store


@pytest.fixture
async def members(store: Store, user_id: int) -> Members:
    """The user has an empty calendar "work"."""
    await store.write(collections.add, Family.CALENDARS, user_id, Draft("work", "Work"))
    return Members(store, {Family.CALENDARS: accept})
