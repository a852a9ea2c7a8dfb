"""When a user is busy, as one VFREEBUSY for those he lets know. RFC 5545 §3.6.4, RFC 5546 §3.3.1.

Who may not know hears the same as of a user that does not exist.
"""

from mailserver.errors import BadValue, NoSuchLink
from mailserver.groupware.calendars import free_busy
from mailserver.groupware.feeds.secret_addresses import hash_of
from mailserver.ical import busy, write
from mailserver.ical.filters import TimeRange
from mailserver.store import free_busy_settings, scheduling_copies, users
from mailserver.store.database import Rx
from mailserver.store.free_busy_settings import Scope
from mailserver.store.store import Store
from mailserver.store.users import User

MAX_DAYS = 370  # of one question
MAX_ALIASES = 200  # of a user that are looked for among attendees


class FreeBusyPages:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def by_secret(self, address: str, secret: str, window: TimeRange) -> bytes:
        """Raises NoSuchLink."""
        return await self._page(await self._store.read(_of_secret, address, hash_of(secret)), window)

    async def by_user(self, viewer: int, address: str, window: TimeRange) -> bytes:
        """Raises NoSuchLink."""
        return await self._page(await self._store.read(_of_viewer, viewer, address), window)

    async def _page(self, user: User, window: TimeRange) -> bytes:
        aliases = await self._store.read(scheduling_copies.own_aliases, user.id, MAX_ALIASES)
        own = frozenset(each.lower() for each in (user.address, *aliases))
        found = await free_busy.of_user(self._store, user.id, window, own=own)
        lines = [write.line("UID", f"free-busy-{user.address}"), write.line("ORGANIZER", f"mailto:{user.address}")]
        return busy.calendar(found, window, self._store.clock.now(), lines, "PUBLISH")


def _of_secret(rx: Rx, address: str, secret_hash: bytes) -> User:
    user_id = free_busy_settings.find_user(rx, secret_hash)
    user = users.find_by_id(rx, user_id) if user_id is not None else None
    if user is None or not user.may_log_in or user.address != address:
        raise NoSuchLink
    return user


def _of_viewer(rx: Rx, viewer: int, address: str) -> User:
    try:
        user = users.find(rx, address)
    except BadValue:
        user = None
    if user is None or not user.may_log_in:
        raise NoSuchLink
    if user.id == viewer:
        return user
    scope = free_busy_settings.get(rx, user.id).scope
    if scope is Scope.OFF or users.get_by_id(rx, viewer).domain_id != user.domain_id:
        raise NoSuchLink
    return user
