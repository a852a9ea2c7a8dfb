"""Cards of an address book that pass a filter. RFC 6352 §8.6.

The search text in the database leaves out most of those that can not pass; the others are read in pieces, and each is
judged by what is written in it.
"""

from collections.abc import AsyncIterator, Sequence

from mailserver.groupware import access
from mailserver.groupware.access import Seen
from mailserver.store import contacts, members
from mailserver.store.collections import Collection, Family
from mailserver.store.database import Rx
from mailserver.store.members import PIECE, Member
from mailserver.store.store import Store
from mailserver.vcard.filters import Filter, passes
from mailserver.vcard.lines import BadCard, read
from mailserver.vcard.narrowing import may_hold, needles, needles_anywhere

QUERY_PIECE = 100  # cards read in one go: about 10 ms on a thread
MAX_NEEDLES = 50  # more would cost more than they save

Card = tuple[Member, bytes]


class Queries:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def begin(self, viewer: int, slug: str, wanted: Filter) -> tuple[Seen, list[str]]:
        """(the book, hrefs of those that may pass). Raises NoSuchCollection, NotPermitted."""
        return await self._store.read(_candidates, viewer, slug, wanted)

    async def passing(self, seen: Seen, hrefs: Sequence[str], wanted: Filter) -> AsyncIterator[list[Card]]:
        """Pieces of those that pass, in the order of hrefs. Who is removed meanwhile is left out."""
        size = QUERY_PIECE if wanted.properties else PIECE
        for start in range(0, len(hrefs), size):
            piece = hrefs[start : start + size]
            found = await self._store.read(_read, seen.collection, piece)
            if wanted.properties:
                found = await self._store.in_thread(_passing, found, wanted)
            yield found


def _candidates(rx: Rx, viewer: int, slug: str, wanted: Filter) -> tuple[Seen, list[str]]:
    seen = access.require(rx, viewer, Family.ADDRESSBOOKS, slug)
    narrow = needles(wanted)
    if narrow is None or len(narrow) > MAX_NEEDLES:
        return seen, [href for href, _ in members.list_etags(rx, seen.collection)]
    return seen, contacts.list_containing(rx, seen.collection.id, narrow)


def _read(rx: Rx, collection: Collection, hrefs: Sequence[str]) -> list[Card]:
    found = {member.href: (member, data) for member, data in members.list_with_data(rx, collection, hrefs)}
    return [found[href] for href in hrefs if href in found]


def _passing(cards: list[Card], wanted: Filter) -> list[Card]:
    narrow = needles_anywhere(wanted)
    likely = cards if narrow is None else [each for each in cards if may_hold(each[1], narrow)]
    return [each for each in likely if _passes(each[1], wanted)]


def _passes(data: bytes, wanted: Filter) -> bool:
    try:
        return passes(read(data), wanted)
    except BadCard:  # of another program's time: it is listed and fetched, but no filter says anything about it
        return not wanted.properties
