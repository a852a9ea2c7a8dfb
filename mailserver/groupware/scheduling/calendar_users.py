"""Whose a calendar user address is: a user of this server by any of his addresses, somebody elsewhere, or nobody's."""

from collections.abc import Iterable
from enum import Enum

from mailserver.errors import Refusal
from mailserver.ical.itip_parties import address, components, is_mail
from mailserver.ical.itip_tree import Part
from mailserver.store import recipients, scheduling_copies, users
from mailserver.store.database import Rx, Tx

MAX_ADDRESSES = 200  # of one user that his principal lists


class Where(Enum):
    ELSEWHERE = "elsewhere"  # reached by mail: other servers, and addresses here that stand for several people
    NOBODY = "nobody"


class CalendarUsers:
    def __init__(self, hostname: str, max_alias_depth: int) -> None:
        self._hostname = hostname
        self._last: tuple[Tx, dict[str, int | Where]] | None = None
        self.configure(max_alias_depth)

    def configure(self, max_alias_depth: int) -> None:
        self.max_depth = max_alias_depth

    def whose(self, rx: Rx, calendar_user: str) -> int | Where:
        """The id of the one user that mail for the address reaches; looked up once in a transaction."""
        if not isinstance(rx, Tx):
            return self._whose(rx, calendar_user)
        if self._last is None or self._last[0] is not rx:
            self._last = rx, {}
        known = self._last[1]
        if calendar_user not in known:
            known[calendar_user] = self._whose(rx, calendar_user)
        return known[calendar_user]

    def _whose(self, rx: Rx, calendar_user: str) -> int | Where:
        if not is_mail(calendar_user):
            return Where.NOBODY
        try:
            found = recipients.resolve(rx, calendar_user, self._hostname, self.max_depth)
        except Refusal:
            return Where.NOBODY
        if found is None or found.remote or len(found.local) != 1:
            return Where.ELSEWHERE
        return found.local[0].user_id

    def own(self, rx: Rx, user_id: int, calendars: Iterable[Part | None]) -> frozenset[str]:
        """The addresses in these objects by which the user takes part."""
        named = {
            address(line)
            for calendar in calendars
            if calendar is not None
            for component in components(calendar)
            for name in ("ORGANIZER", "ATTENDEE")
            for line in component.lines(name)
        }
        return frozenset(each for each in named if each and self.whose(rx, each) == user_id)

    def addresses(self, rx: Rx, user_id: int) -> list[str]:
        """For calendar-user-address-set, the account's own first. RFC 6638 §2.4.1"""
        own = users.get_by_id(rx, user_id).address
        aliases = scheduling_copies.own_aliases(rx, user_id, MAX_ADDRESSES)
        return [own, *(each for each in aliases if each != own and self.whose(rx, each) == user_id)]
