"""One event in the calendars of one user, wherever it lies."""

from mailserver.store import collections, members
from mailserver.store.collections import Collection, Family, Kind
from mailserver.store.database import Rx
from mailserver.store.members import Member


def list_by_uid(rx: Rx, user_id: int, uid: str) -> list[tuple[Collection, Member]]:
    """In the user's own ordinary calendars, the first stored first."""
    rows = rx.all(
        """SELECT e.id, e.calendar_id FROM calendar_events e JOIN calendars c ON c.id = e.calendar_id
           WHERE e.uid = ? AND c.user_id = ? AND c.kind = ? AND e.href IS NOT NULL ORDER BY e.id""",
        uid,
        user_id,
        Kind.ORDINARY,
    )
    found = []
    for member_id, calendar_id in rows:
        collection = collections.find_by_id(rx, Family.CALENDARS, calendar_id)
        member = members.find_by_id(rx, Family.CALENDARS, member_id)
        if collection is not None and member is not None:
            found.append((collection, member))
    return found


def own_aliases(rx: Rx, user_id: int, limit: int) -> list[str]:
    """Active aliases that name this user and nobody else, by name; not the one that takes everything."""
    rows = rx.all(
        """SELECT a.source_address || '@' || d.name FROM aliases a JOIN domains d ON d.id = a.domain_id
           WHERE a.is_active IS TRUE AND d.is_active IS TRUE AND d.deleted_at IS NULL AND a.source_address <> '*'
               AND (a.destination_user_id = ?1 OR EXISTS
                    (SELECT 1 FROM alias_targets t WHERE t.alias_id = a.id AND t.user_id = ?1))
           ORDER BY 1 LIMIT ?2""",
        user_id,
        limit,
    )
    return [address for (address,) in rows]
