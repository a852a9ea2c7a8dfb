"""The scheduling inbox as clients see it: messages listed, read, removed. What they say is in the calendar already."""

import builtins
from dataclasses import dataclass

from mailserver.errors import NoSuchMember
from mailserver.groupware import conditions
from mailserver.groupware.conditions import Conditions
from mailserver.store import scheduling_inbox
from mailserver.store.database import Rx, Tx
from mailserver.store.members import Member
from mailserver.store.scheduling_inbox import InboxItem
from mailserver.store.store import Store


@dataclass(frozen=True, slots=True)
class Listed:
    items: list[Member]  # the oldest first
    tag: str  # another one whenever something came or went


class Inbox:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def list(self, user_id: int) -> Listed:
        return await self._store.read(_list, user_id)

    async def get(self, user_id: int, href: str) -> tuple[Member, bytes]:
        """Raises NoSuchMember."""
        return await self._store.read(get, user_id, href)

    async def multiget(self, user_id: int, hrefs: builtins.list[str]) -> dict[str, tuple[Member, bytes]]:
        return await self._store.read(_multiget, user_id, hrefs)

    async def remove(self, user_id: int, href: str, when: Conditions = conditions.NONE) -> None:
        """Raises NoSuchMember, PreconditionFailed."""
        await self._store.write(_remove, user_id, href, when)


def get(rx: Rx, user_id: int, href: str) -> tuple[Member, bytes]:
    found = scheduling_inbox.find(rx, user_id, href)
    if found is None:
        raise NoSuchMember("No such message in the scheduling inbox")
    return _member(found[0]), found[1]


def _member(item: InboxItem) -> Member:
    """So that properties and conditions of members hold for it too; it is in no collection of the tables."""
    return Member(
        item.id,
        0,
        item.href,
        item.uid,
        item.etag,
        item.modseq,
        item.size,
        item.component,
        None,
        item.created_ms,
        item.created_ms,
    )


def listed(rx: Rx, user_id: int) -> list[Member]:
    """The oldest first."""
    return [*map(_member, scheduling_inbox.list(rx, user_id))]


def _list(rx: Rx, user_id: int) -> Listed:
    return Listed(listed(rx, user_id), scheduling_inbox.tag(rx, user_id))


def _multiget(rx: Rx, user_id: int, hrefs: list[str]) -> dict[str, tuple[Member, bytes]]:
    found = ((href, scheduling_inbox.find(rx, user_id, href)) for href in hrefs)
    return {href: (_member(each[0]), each[1]) for href, each in found if each is not None}


def _remove(tx: Tx, user_id: int, href: str, when: Conditions) -> None:
    item, _ = get(tx, user_id, href)
    conditions.require_match(when, item)
    scheduling_inbox.remove(tx, user_id, item.id)
