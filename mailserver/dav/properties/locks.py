"""Locks as properties. RFC 4918 §15.8, §15.10."""

from mailserver.dav.facts import Facts
from mailserver.dav.resources import CollectionRef, MemberRef, href
from mailserver.dav.xml_writer import escape
from mailserver.store.dav_locks import Lock

_WRITE = b"<D:locktype><D:write/></D:locktype>"
_SUPPORTED = b"".join(
    b"<D:lockentry><D:lockscope><D:%b/></D:lockscope>%b</D:lockentry>" % (scope, _WRITE)
    for scope in (b"exclusive", b"shared")
)


def supported(_facts: Facts) -> bytes:
    return _SUPPORTED


def discovery(facts: Facts) -> bytes:
    """Those on the resource itself and those of the collection that reach into it."""
    wanted = facts.resource.href if isinstance(facts.resource, MemberRef) else None
    return b"".join(
        active_lock(lock, root(facts.resource, lock), facts.now_ms)
        for lock in facts.locks
        if lock.href == wanted or (lock.href is None and lock.is_deep)
    )


def root(resource: object, lock: Lock) -> str:
    """The path that was locked, as this viewer has it."""
    if not isinstance(resource, (CollectionRef, MemberRef)):
        raise TypeError(f"{resource} has no locks")
    folder = CollectionRef(resource.family, resource.user, resource.slug)
    return href(folder if lock.href is None else MemberRef(folder.family, folder.user, folder.slug, lock.href))


def active_lock(lock: Lock, root: str, now_ms: int) -> bytes:
    """One DAV:activelock, §14.1. `root`: percent-encoded path of what was locked."""
    return b"".join(
        (
            b"<D:activelock>%b<D:lockscope><D:%b/></D:lockscope>"
            % (_WRITE, b"exclusive" if lock.is_exclusive else b"shared"),
            b"<D:depth>%b</D:depth>" % (b"infinity" if lock.is_deep else b"0"),
            b"<D:owner>%b</D:owner>" % lock.owner if lock.owner else b"",
            b"<D:timeout>Second-%d</D:timeout>" % max(0, (lock.expires_ms - now_ms) // 1000),
            b"<D:locktoken><D:href>%b</D:href></D:locktoken>" % escape(lock.token),
            b"<D:lockroot><D:href>%b</D:href></D:lockroot></D:activelock>" % escape(root),
        )
    )
