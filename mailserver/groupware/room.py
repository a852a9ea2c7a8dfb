"""How much room calendars and address books have. RFC 4331; mail has a quota of its own and they do not share one."""

from mailserver.config.tree import DavConfig
from mailserver.store import collections
from mailserver.store.collections import Family
from mailserver.store.database import Rx
from mailserver.store.quota import Quota


def of(rx: Rx, family: Family, user_id: int, config: DavConfig) -> Quota:
    """Of all the user's own of this family together: what storing.require_room goes by. `messages` are objects."""
    there = collections.list(rx, family, user_id)
    return Quota(sum(each.octets for each in there), config.max_octets, sum(each.members for each in there))
