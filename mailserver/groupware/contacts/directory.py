"""The directory: an address book of the server's accounts that everybody sees and only the server writes.

It is a book like any other (so that syncing, searching and fetching are the same), owned by one of those it is
for and shared read-only with the others: one for each domain, or one for all. `settle` makes it what the
accounts say; it is called at the start and whenever accounts change, and does nothing where nothing did.
"""

from mailserver.config.tree import DirectoryScope
from mailserver.groupware import access
from mailserver.groupware.access import Seen
from mailserver.groupware.contacts.accept import accept
from mailserver.groupware.contacts.cards import Person, Picture, card, uid
from mailserver.store import collections, members, profiles, shares
from mailserver.store.collections import Collection, Draft, Family, Kind
from mailserver.store.database import Rx, Tx
from mailserver.store.profiles import Profile

SLUG = "directory"
NAME = "Directory"


def find(rx: Rx, viewer: int) -> Seen | None:
    """The directory in the viewer's home."""
    seen = access.list(rx, viewer, Family.ADDRESSBOOKS)
    return next((each for each in seen if each.collection.kind is Kind.DIRECTORY), None)


def href_of(address: str) -> str:
    """The segment of an account's card."""
    return f"{uid('account', address)}.vcf"


def settle(tx: Tx, scope: DirectoryScope) -> None:
    """Books, their cards and who sees them, as the accounts are now."""
    wanted = _wanted(tx, scope)
    there = collections.list_of_kind(tx, Family.ADDRESSBOOKS, Kind.DIRECTORY)
    owners = [{person.user_id for person in people} for people in wanted]
    kept = [next((book for book in there if book.user_id in ids), None) for ids in owners]
    for book in there:
        if book not in kept:  # before a new one takes its place in the homes
            collections.remove(tx, book)
    for people, ids, old in zip(wanted, owners, kept, strict=True):
        book = old or _new(tx, min(ids))
        _fill(tx, book, people)
        _show(tx, book, ids - {book.user_id})


def _new(tx: Tx, owner: int) -> Collection:
    draft = Draft(_free_slug(tx, owner), NAME, Kind.DIRECTORY)
    return collections.add(tx, Family.ADDRESSBOOKS, owner, draft)


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
        href = href_of(each.address)
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
        shares.add(tx, book, user_id, _free_slug(tx, user_id), may_write=False)
    for user_id in there.keys() - ids:
        shares.remove(tx, there[user_id].id)


def _free_slug(tx: Tx, user_id: int) -> str:
    slug, number = SLUG, 1
    while not collections.is_free(tx, Family.ADDRESSBOOKS, user_id, slug):
        number += 1
        slug = f"{SLUG}-{number}"
    return slug
