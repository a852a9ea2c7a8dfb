"""Which calendar or address book a command means."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mailserver.groupware.access import Seen
    from mailserver.store.collections import Family
    from mailserver.store.database import Rx

WORDS = {"calendars": "calendar", "addressbooks": "address book"}  # of each family


def find(rx: "Rx", user: str, family: "Family", name: str) -> "tuple[int, Seen]":
    """The user's id and what he sees under this slug, or else under this name. Raises NoSuchCollection."""
    from mailserver.errors import NoSuchCollection
    from mailserver.groupware import access
    from mailserver.store import users

    user_id = users.get(rx, user).id
    seen = access.find(rx, user_id, family, name)
    named = [each for each in access.list(rx, user_id, family) if each.name == name] if seen is None else [seen]
    if len(named) != 1:
        several = f"{user} has several of that name: " + ", ".join(each.slug for each in named)
        raise NoSuchCollection(several if named else f"{user} has no {WORDS[family]} {name!r}")
    return user_id, named[0]
