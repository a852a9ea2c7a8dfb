"""Secret addresses of calendars: whoever has one reads the calendar, and nothing else. Only its owner makes them."""

import builtins

from mailserver.errors import LimitReached, NoSuchLink
from mailserver.groupware import access
from mailserver.groupware.access import Privilege, Seen
from mailserver.groupware.feeds.secret_addresses import Secret
from mailserver.store import calendar_links
from mailserver.store.calendar_links import Link
from mailserver.store.collections import Family
from mailserver.store.database import Rx, Tx

MAX_LINKS = 20  # of one calendar


def create(tx: Tx, viewer: int, slug: str, secret: Secret, *, busy_only: bool) -> Link:
    """Raises NoSuchCollection, NotPermitted, LimitReached."""
    collection = access.require(tx, viewer, Family.CALENDARS, slug, Privilege.SHARE).collection
    if len(calendar_links.list(tx, collection)) >= MAX_LINKS:
        raise LimitReached(f"A calendar has at most {MAX_LINKS} links: remove some first")
    return calendar_links.add(tx, collection, secret.hash, secret.sealed, busy_only=busy_only)


def list(rx: Rx, viewer: int) -> builtins.list[tuple[Seen, Link]]:
    """Of all calendars that are the viewer's own."""
    own = (seen for seen in access.list(rx, viewer, Family.CALENDARS) if not seen.is_shared_in)
    return [(seen, link) for seen in own for link in calendar_links.list(rx, seen.collection)]


def remove(tx: Tx, viewer: int, link_id: int) -> None:
    """Nobody reads by it from now on. Raises NoSuchLink."""
    if not calendar_links.remove(tx, viewer, link_id):
        raise NoSuchLink(f"There is no link number {link_id}")
