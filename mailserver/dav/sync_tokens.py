"""How sync tokens are worded: a URI with the collection and the point its client knows. RFC 6578 §3.2."""

import re

from mailserver.errors import BadSyncToken
from mailserver.groupware import sync
from mailserver.groupware.sync import SyncPoint
from mailserver.store.collections import Collection

_TOKEN = re.compile(r"sync:([a-z]{1,20}):([0-9]{1,19}):([0-9-]{1,40})")


def word(collection: Collection, point: SyncPoint) -> str:
    return f"sync:{collection.family}:{collection.id}:{point.text}"


def of_collection(collection: Collection) -> str:
    """Of a client that knows everything in it."""
    return word(collection, sync.complete(collection))


def read(token: str, collection: Collection) -> SyncPoint:
    """Raises BadSyncToken, also for another collection's."""
    found = _TOKEN.fullmatch(token)
    if found is None or found[1] != collection.family or int(found[2]) != collection.id:
        raise BadSyncToken
    return SyncPoint.parse(found[3])
