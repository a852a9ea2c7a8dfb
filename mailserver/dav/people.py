"""Users as principals: whom a user may know of, and what he is told. RFC 3744 §2."""

from dataclasses import replace

from mailserver.auth.account import Account
from mailserver.config.tree import PrincipalScope
from mailserver.dav.errors import NotFound
from mailserver.dav.facts import Person
from mailserver.errors import BadAddress
from mailserver.groupware.contacts import directory
from mailserver.store import aliases, members, profiles, users
from mailserver.store.database import Rx
from mailserver.store.users import User


def find(rx: Rx, viewer: Account, address: str, scope: PrincipalScope) -> Person:
    """Raises NotFound, the same for who is not there and who may not be seen."""
    try:
        user = users.find(rx, address)
    except BadAddress:
        user = None
    if user is None or not _may_see(viewer, user, scope):
        raise NotFound
    return _with_card(rx, viewer, person(rx, user))


def seen(rx: Rx, viewer: Account, scope: PrincipalScope) -> list[User]:
    """Everybody a user may find, by address; disabled accounts are left out."""
    domain = None if scope is PrincipalScope.SERVER else _domain(viewer.address)
    return [user for user in users.list(rx, domain) if user.may_log_in and _may_see(viewer, user, scope)]


def person(rx: Rx, user: User) -> Person:
    addresses = [user.address, *aliases.list_of_user(rx, user.id)]
    return Person(user.id, user.address, user.display_name or user.address, tuple(dict.fromkeys(addresses)))


def _with_card(rx: Rx, viewer: Account, person: Person) -> Person:
    """With what the profile and the directory say of the user."""
    language = profiles.get(rx, person.user_id).locale
    seen = directory.find(rx, viewer.user_id)
    if seen is None:
        return replace(person, language=language)
    card = members.find(rx, seen.collection, directory.href_of(person.address))
    return replace(person, language=language, directory=seen.slug, card=None if card is None else card.href)


def _may_see(viewer: Account, user: User, scope: PrincipalScope) -> bool:
    if user.id == viewer.user_id or scope is PrincipalScope.SERVER:
        return True
    return scope is PrincipalScope.DOMAIN and user.domain == _domain(viewer.address)


def _domain(address: str) -> str:
    return address.rpartition("@")[2]
