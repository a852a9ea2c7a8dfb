"""The directory: an address book of the server's accounts that everybody sees and only the server writes.

It is a book like any other (so that syncing, searching and fetching are the same), owned by one of those it is
for and shared read-only with the others: one for each domain, or one for all. `settle` makes it what the
accounts say; it is called at the start and whenever accounts change, and does nothing where nothing did.
"""

from mailserver.config.tree import DirectoryScope
from mailserver.groupware.contacts.accept import accept
from mailserver.groupware.contacts.cards import Person, Picture, card, uid
from mailserver.store import collections, members, profiles, shares
from mailserver.store.collections import Collection, Draft, Family, Kind
from mailserver.store.database import Tx
from mailserver.store.profiles import Profile

SLUG = "directory"
NAME = "Directory"


def settle(tx: Tx, scope: DirectoryScope) -> None:
    """Books, their cards and who sees them, as the accounts are now."""
    wanted = _wanted(tx, scope)
    there = collections.list_of_kind(tx, Family.ADDRESSBOOKS, Kind.DIRECTORY)
    kept = set[int]()
    for people in wanted:
        ids = {person.user_id for person in people}
        book = next((one for one in there if one.user_id in ids and one.id not in kept), None)
        if book is None:
            book = collections.add(tx, Family.ADDRESSBOOKS, min(ids), Draft(SLUG, NAME, Kind.DIRECTORY))
        kept.add(book.id)
        _fill(tx, book, people)
        _show(tx, book, ids - {book.user_id})
    for one in there:
        if one.id not in kept:
            collections.remove(tx, one)


def _wanted(tx: Tx, scope: DirectoryScope) -> list[list[Profile]]:
    """Who is in each book."""
    if scope is DirectoryScope.OFF:
        return []
    everybody = profiles.list_active(tx)
    if scope is DirectoryScope.SERVER:
        return [everybody] if everybody else []
    by_domain = dict[str, list[Profile]]()
    for each in everybody:
        by_domain.setdefault(each.address.rpartition("@")[2], []).append(each)
    return list(by_domain.values())


def _fill(tx: Tx, book: Collection, people: list[Profile]) -> None:
    there = {member.href: member for member in members.list(tx, book)}
    for each in people:
        data = _card(tx, each)
        draft = accept(data).draft(data)
        href = f"{draft.uid}.vcf"
        member = there.pop(href, None)
        if member is None:
            members.add(tx, book, href, draft)
        elif member.etag != draft.etag:
            members.replace(tx, book, member, draft)
    for gone in there.values():
        members.remove(tx, book, gone)


def _card(tx: Tx, profile: Profile) -> bytes:
    avatar = profiles.avatar(tx, profile.user_id) if profile.avatar_type else None
    picture = None if avatar is None else Picture(avatar.media_type, avatar.data)
    person = Person(profile.address, profile.display_name, profile.locale, profile.timezone, picture)
    return card(person, uid("account", profile.address))


def _show(tx: Tx, book: Collection, ids: set[int]) -> None:
    """Shared, to read, with these and nobody else."""
    there = {share.user_id: share for share in shares.list_of(tx, book)}
    for user_id in sorted(ids - there.keys()):
        slug = SLUG if collections.is_free(tx, Family.ADDRESSBOOKS, user_id, SLUG) else f"{SLUG}-{book.id}"
        shares.add(tx, book, user_id, slug, may_write=False)
    for user_id in there.keys() - ids:
        shares.remove(tx, there[user_id].id)
