"""What a request expects of the member it changes, judged inside the transaction that changes it.

RFC 9110 §13.1, RFC 4918 §10.4 (If), RFC 6638 §8 (If-Schedule-Tag-Match). Pure.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from mailserver.errors import Locked, PreconditionFailed
from mailserver.store.dav_locks import Lock
from mailserver.store.members import Member

ANY = "*"


@dataclass(frozen=True, slots=True)
class Term:
    """One condition in a list of If: the token or the etag, never both."""

    token: str | None = None  # URI without angle brackets
    etag: str | None = None  # without quotes
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Conditions:
    """Etags without quotes; a weak one of If-Match is left out by the caller, because it matches nothing."""

    if_match: tuple[str, ...] | None = None  # None: no such header; (ANY,): anything that is there
    if_none_match: tuple[str, ...] | None = None
    if_schedule_tag_match: str | None = None
    if_lists: tuple[tuple[Term, ...], ...] = ()  # one of them has to be true whole; those about this resource
    tokens: frozenset[str] = frozenset()  # lock tokens submitted anywhere in If
    locked_by: int | None = None  # user who asks; a lock opens for its holder's token only


NONE = Conditions()


def judge(when: Conditions, member: Member | None, locks: Iterable[Lock] = ()) -> None:
    """`member`: as it is now, `locks`: those on its path. Raises PreconditionFailed, Locked."""
    held = tuple(locks)
    require_match(when, member, held)
    require_unlocked(when, held)


def require_match(when: Conditions, member: Member | None, locks: tuple[Lock, ...] = ()) -> None:
    """All headers but lock tokens that are needed. Raises PreconditionFailed."""
    etag = member.etag if member is not None else None
    if when.if_match is not None and not _matches(when.if_match, etag):
        raise PreconditionFailed("If-Match: the object was changed or removed since you read it")
    if when.if_none_match is not None and _matches(when.if_none_match, etag):
        raise PreconditionFailed("If-None-Match: there is an object here already")
    expected = when.if_schedule_tag_match
    if expected is not None and (member is None or member.schedule_tag != expected):
        raise PreconditionFailed("If-Schedule-Tag-Match: the event was changed since you read it")
    tokens = frozenset(lock.token for lock in locks)
    if when.if_lists and not any(all(_holds(term, etag, tokens) for term in terms) for terms in when.if_lists):
        raise PreconditionFailed("If: none of the lists holds")


def require_unlocked(when: Conditions, locks: Collection[Lock]) -> None:
    """Each exclusive lock's token was submitted by its holder; of shared ones one is enough. Raises Locked.

    Several are in the way where more than one resource changes: RFC 4918 §7.4, §9.6.1.
    """
    closed = [lock for lock in locks if not (lock.token in when.tokens and lock.user_id == when.locked_by)]
    if not closed:
        return
    shared = [lock for lock in locks if not lock.is_exclusive]
    missing = next((lock for lock in closed if lock.is_exclusive or all(each in closed for each in shared)), None)
    if missing is not None:
        raise Locked(missing.href)


def _matches(tags: tuple[str, ...], etag: str | None) -> bool:
    return etag is not None and (ANY in tags or etag in tags)


def _holds(term: Term, etag: str | None, tokens: frozenset[str]) -> bool:
    found = term.token in tokens if term.token is not None else term.etag is not None and term.etag == etag
    return found != term.negated
