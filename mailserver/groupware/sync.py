"""What changed in a collection since a client last looked: sync-collection. RFC 6578 §3.

The client's knowledge is a point: it knows every change up to `modseq`. While a first list is handed out in pieces
it knows members up to `modseq` only, and began when the collection was at `base`: removals before that do not
concern it, and those after it must not be forgotten. Else both are the same number.
"""

import re
from dataclasses import dataclass

from mailserver.errors import BadSyncToken
from mailserver.groupware import access
from mailserver.groupware.access import Seen
from mailserver.store import members, removed
from mailserver.store.change_numbers import MAX_MODSEQ
from mailserver.store.collections import Collection, Family
from mailserver.store.database import Rx
from mailserver.store.members import Member
from mailserver.store.removed import Removed
from mailserver.store.store import Store

MAX_CHANGES = 10_000  # of one answer; a client goes on from its point

_POINT = re.compile(r"([0-9]{1,19})(?:-([0-9]{1,19}))?")


@dataclass(frozen=True, slots=True)
class SyncPoint:
    modseq: int
    base: int

    @property
    def text(self) -> str:
        """For the end of a sync token: "17", or "17-40" within a first list."""
        return f"{self.modseq}" if self.base == self.modseq else f"{self.modseq}-{self.base}"

    @staticmethod
    def parse(text: str) -> "SyncPoint":
        """Raises BadSyncToken."""
        found = _POINT.fullmatch(text)
        if found is None:
            raise BadSyncToken
        modseq, base = int(found[1]), int(found[2] or found[1])
        if not modseq <= base <= MAX_MODSEQ:
            raise BadSyncToken
        return SyncPoint(modseq, base)


def complete(collection: Collection) -> SyncPoint:
    """Of a client that knows everything: DAV:sync-token of the collection."""
    return SyncPoint(collection.modseq, collection.modseq)


@dataclass(frozen=True, slots=True)
class Changes:
    seen: Seen
    members: list[Member]  # added or changed, by number
    removed: list[str]  # hrefs, by number
    point: SyncPoint  # what the client knows when it has heard all this
    truncated: bool  # there is more: ask again from `point`


class Sync:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def changes(
        self, viewer: int, family: Family, slug: str, since: SyncPoint | None, limit: int | None = None
    ) -> Changes:
        """`since` None: everything that is there. At most `limit` of members and removals together.

        That the token is of this collection is the caller's to see. Raises NoSuchCollection, BadSyncToken.
        """
        return await self._store.read(changes, viewer, family, slug, since, limit)


def changes(
    rx: Rx, viewer: int, family: Family, slug: str, since: SyncPoint | None, limit: int | None = None
) -> Changes:
    """As Sync.changes."""
    seen = access.require(rx, viewer, family, slug)
    collection = seen.collection
    point = since or SyncPoint(0, collection.modseq)
    if not collection.floor - 1 <= point.base <= collection.modseq:
        raise BadSyncToken
    room = max(1, min(limit or MAX_CHANGES, MAX_CHANGES))
    changed = members.list_changed(rx, collection, point.modseq, room + 1)
    gone = removed.list(rx, collection, point.base, room + 1)
    numbers = sorted([each.modseq for each in changed] + [each.modseq for each in gone])
    if len(numbers) <= room:
        return Changes(seen, changed, [each.href for each in gone], complete(collection), truncated=False)
    last, following = numbers[room - 1], numbers[room]
    if last == following:
        last = next((number for number in reversed(numbers) if number < following), following)
    if last == following:  # more than fit share the first number: other programs' rows may. None is left out
        changed = members.list_numbered(rx, collection, last)
    return _cut(seen, changed, gone, last, point.base)


def _cut(seen: Seen, changed: list[Member], gone: list[Removed], last: int, base: int) -> Changes:
    """Up to this number and no further."""
    return Changes(
        seen,
        [each for each in changed if each.modseq <= last],
        [each.href for each in gone if each.modseq <= last],
        SyncPoint(last, max(base, last)),
        truncated=True,
    )
