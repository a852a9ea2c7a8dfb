"""Calendars that show feeds of other servers, in transactions: made, pointed elsewhere, fetched sooner."""

from datetime import timedelta

from mailserver.config.tree import DavConfig
from mailserver.errors import BadValue, NotASubscription, NotPermitted, TooManyCollections
from mailserver.groupware import access
from mailserver.groupware.access import Privilege
from mailserver.groupware.feeds.addresses import checked
from mailserver.store import feeds
from mailserver.store.collections import Collection, Family, Kind
from mailserver.store.database import Rx, Tx
from mailserver.store.feeds import Feed

USUAL = timedelta(hours=1)
LEAST, MOST = timedelta(minutes=15), timedelta(days=30)


def attach(tx: Tx, collection: Collection, url: str, every: timedelta, config: DavConfig) -> None:
    """To a calendar that was just made for it. Raises BadValue, LimitReached, NotPermitted."""
    if not config.subscriptions:
        raise NotPermitted("This server does not fetch calendars of other servers")
    if collection.family is not Family.CALENDARS:
        raise NotPermitted("An address book shows no feed")
    if not LEAST <= every <= MOST:
        raise BadValue("A feed is fetched every 15 minutes at most, and every 30 days at least")
    if feeds.count(tx, collection.user_id) >= config.max_subscriptions:
        raise TooManyCollections(f"A user has at most {config.max_subscriptions} calendars of other servers")
    feeds.add(tx, collection.id, checked(url), int(every / timedelta(milliseconds=1)))


def point(tx: Tx, collection: Collection, url: str | None) -> None:
    """At another feed; what is there stays until that one was fetched. Raises BadValue, NotASubscription."""
    if collection.kind is not Kind.SUBSCRIPTION:
        if url is None:  # it has none
            return
        raise NotASubscription("An ordinary calendar can not become one of another server: make a new one")
    if url is None:
        raise BadValue("A calendar of another server needs its address: remove the calendar instead")
    feeds.set_url(tx, collection.id, checked(url))


def require(rx: Rx, viewer: int, slug: str) -> Feed:
    """Of one of the viewer's own. Raises NoSuchCollection, NotPermitted, NotASubscription."""
    seen = access.require(rx, viewer, Family.CALENDARS, slug, Privilege.SHARE)
    found = feeds.find(rx, seen.collection.id)
    if found is None:
        raise NotASubscription
    return found


def refresh(tx: Tx, viewer: int, slug: str) -> None:
    """As soon as the server comes to it. Raises as `require`."""
    feeds.make_due(tx, require(tx, viewer, slug).calendar_id)
