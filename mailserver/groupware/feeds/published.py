"""A calendar as one file for whoever has its address: pieces are made while the reader takes them.

What is not for everybody (CLASS other than PUBLIC) shows its times alone, and so does everything behind a link that
was made for that. Alarms stay at home.
"""

import hashlib
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass

from mailserver.errors import InvalidCalendarData, NoSuchLink
from mailserver.groupware.feeds.secret_addresses import hash_of
from mailserver.ical import feed, join
from mailserver.store import calendar_links, members
from mailserver.store.calendar_links import USED_EVERY_MS, Link
from mailserver.store.collections import Collection, Kind
from mailserver.store.database import Rx
from mailserver.store.store import Store

PIECE = 200  # objects of one piece
FORM = "2"  # of what is written here: another one makes other octets of the same calendar
UID_OCTETS = 16


@dataclass(frozen=True, slots=True)
class Published:
    """A calendar behind a link, as it is now."""

    link: Link
    collection: Collection

    @property
    def etag(self) -> str:
        state = f"{FORM} {self.link.id} {self.collection.id} {self.collection.modseq}"
        return hashlib.blake2b(state.encode(), digest_size=16).hexdigest()


class PublishedCalendars:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def find(self, secret: str) -> Published:
        """Raises NoSuchLink."""
        found = await self._store.read(calendar_links.find, hash_of(secret))
        if found is None:
            raise NoSuchLink
        return Published(*found)

    async def note_use(self, published: Published) -> None:
        """Once an hour at most. Raises Refusal where the disk is full."""
        now_ms = int(self._store.clock.now().timestamp() * 1000)
        used_ms = published.link.used_ms
        if used_ms is None or used_ms <= now_ms - USED_EVERY_MS:
            await self._store.write(calendar_links.note_use, published.link.id)

    async def give_out(self, published: Published) -> AsyncIterator[bytes]:
        """One VCALENDAR, as programs that subscribe expect; each time zone stands in it once."""
        collection = published.collection
        yield feed.begin(collection.name, collection.timezone_id)
        zones: dict[bytes, bytes] = {}
        ids = await self._store.read(_ids, collection)
        for start in range(0, len(ids), PIECE):
            piece = ids[start : start + PIECE]
            found = await self._store.read(members.list_by_id_with_data, collection, piece)
            by_id = {member.id: (member.uid, data) for member, data in found}
            objects = [by_id[each] for each in piece if each in by_id]
            yield await self._store.in_thread(_joined, published, objects, zones)
        yield b"END:VCALENDAR\r\n"


def _ids(rx: Rx, collection: Collection) -> list[int]:
    return [member_id for member_id, _ in members.list_ids(rx, collection)]


def _joined(published: Published, objects: Iterable[tuple[str, bytes]], zones: dict[bytes, bytes]) -> bytes:
    return b"".join(_shown(published, objects, zones))


def _shown(published: Published, objects: Iterable[tuple[str, bytes]], zones: dict[bytes, bytes]) -> Iterator[bytes]:
    is_open = published.collection.kind is Kind.BIRTHDAYS  # the server marks them as private, for other users
    for uid, data in objects:
        if published.link.busy_only or (not is_open and feed.is_private(data)):
            yield join.added(_busy(published.link, uid, data), zones)
        else:
            yield feed.without_alarms(join.added(data, zones))


def _busy(link: Link, uid: str, data: bytes) -> bytes:
    """The UID is another one behind each link, so that nobody finds out whose events these are."""
    digest = hashlib.blake2b(uid.encode(), key=link.secret_hash, digest_size=UID_OCTETS).hexdigest()
    try:
        return feed.busy(data, digest)
    except InvalidCalendarData:  # what an older version stored and this one can not read
        return b""
