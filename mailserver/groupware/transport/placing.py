"""Where the collections of an archive go in a home: to those of the same slugs, or to new ones."""

from mailserver.config.tree import DavConfig
from mailserver.groupware import homes
from mailserver.groupware.names import MAX_SLUG_OCTETS
from mailserver.groupware.transport.archive import Entry
from mailserver.store import collections
from mailserver.store.collections import Family, Kind
from mailserver.store.database import Rx, Tx


def place(tx: Tx, user_id: int, entry: Entry, config: DavConfig) -> str:
    """The slug. What is there keeps its name and colour. Raises BadValue, LimitReached."""
    there = collections.find(tx, entry.family, user_id, entry.slug)
    if there is not None and there.kind is Kind.ORDINARY:
        return entry.slug
    slug = _free(tx, entry.family, user_id, entry.slug)
    homes.create(tx, user_id, entry.family, slug, entry.as_new(), config)
    if entry.is_default:
        homes.make_default(tx, user_id, entry.family, slug)
    return slug


def _free(rx: Rx, family: Family, user_id: int, slug: str) -> str:
    """The slug, or where another user's or the server's collection has it, one like it."""
    found, number = slug, 1
    while not collections.is_free(rx, family, user_id, found):
        number += 1
        end = f"-{number}"
        found = slug.encode()[: MAX_SLUG_OCTETS - len(end)].decode(errors="ignore") + end
    return found
