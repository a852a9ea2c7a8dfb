"""Who may do what, as properties. RFC 3744 §5, RFC 4791 §6.1."""

from mailserver.dav.facts import Facts
from mailserver.dav.names import Name, caldav, dav
from mailserver.dav.properties.property import Need, Property
from mailserver.dav.resources import Principal, Principals, href, owner
from mailserver.dav.subjects import ALL, COLLECTIONS, MEMBERS, Subject
from mailserver.dav.xml_writer import element
from mailserver.dav.xml_writer import href as href_element
from mailserver.groupware.access import Privilege

S = Subject

READ_ACL, WRITE_ACL = dav("read-acl"), dav("write-acl")
_OWN = dav("read-current-user-privilege-set")
_WRITE = (Privilege.WRITE_CONTENT, Privilege.BIND, Privilege.UNBIND, Privilege.WRITE_PROPERTIES)
_NAMES: dict[Privilege, tuple[Name, ...]] = {
    Privilege.READ: (dav("read"), _OWN),
    Privilege.READ_FREE_BUSY: (caldav("read-free-busy"),),
    Privilege.WRITE_PROPERTIES: (dav("write-properties"),),
    Privilege.WRITE_CONTENT: (dav("write-content"),),
    Privilege.BIND: (dav("bind"),),
    Privilege.UNBIND: (dav("unbind"),),
    Privilege.SHARE: (READ_ACL, WRITE_ACL),
}
_READ_ONLY = (dav("read"), _OWN)
_HOME = (*_READ_ONLY, dav("write"), dav("write-properties"), dav("write-content"), dav("bind"), dav("unbind"))
_FIXED: dict[Subject, tuple[Name, ...]] = {
    S.CALENDAR_HOME: _HOME,
    S.ADDRESSBOOK_HOME: _HOME,
    S.INBOX: (
        *_READ_ONLY,
        dav("unbind"),
        dav("write-properties"),
        *map(caldav, ("schedule-deliver", "schedule-deliver-invite", "schedule-deliver-reply")),
        caldav("schedule-query-freebusy"),
    ),
    S.OUTBOX: (
        *_READ_ONLY,
        *map(caldav, ("schedule-send", "schedule-send-invite", "schedule-send-reply", "schedule-send-freebusy")),
    ),
    S.INBOX_ITEM: (*_READ_ONLY, dav("unbind")),
}


def held(facts: Facts) -> tuple[Name, ...]:
    """Privileges of the viewer, each with those it holds."""
    if facts.seen is None:
        return _FIXED.get(facts.subject, _READ_ONLY)
    own = facts.seen.privileges
    names = [name for privilege, names in _NAMES.items() if privilege in own for name in names]
    if own.issuperset(_WRITE):
        names.append(dav("write"))
    if own.issuperset(Privilege):
        names.append(dav("all"))
    return tuple(names)


def _privileges(names: tuple[Name, ...]) -> bytes:
    return b"".join(element(dav("privilege"), element(name)) for name in names)


def _current(facts: Facts) -> bytes:
    return _privileges(held(facts))


def _tree(name: Name, words: str, *below: bytes) -> bytes:
    described = b'<D:description xml:lang="en">%b</D:description>' % words.encode("ascii")
    return element(dav("supported-privilege"), element(dav("privilege"), element(name)) + described + b"".join(below))


_SUPPORTED = _tree(
    dav("all"),
    "Anything",
    _tree(
        dav("read"),
        "Read objects and properties",
        _tree(caldav("read-free-busy"), "See when the owner is busy"),
        _tree(_OWN, "See what one may do oneself"),
    ),
    _tree(
        dav("write"),
        "Change",
        _tree(dav("write-properties"), "Change name, colour and other properties"),
        _tree(dav("write-content"), "Change objects"),
        _tree(dav("bind"), "Add objects"),
        _tree(dav("unbind"), "Remove objects"),
    ),
    _tree(READ_ACL, "See with whom it is shared"),
    _tree(WRITE_ACL, "Share it"),
)


def _supported(_facts: Facts) -> bytes:
    return _SUPPORTED


def _owner(facts: Facts) -> bytes | None:
    user = facts.seen.collection.owner if facts.seen is not None else owner(facts.resource)
    return href_element(href(Principal(user))) if user else b""


def _acl(facts: Facts) -> bytes | None:
    """For who may read it: the owner."""
    if facts.seen is None or Privilege.SHARE not in facts.seen.privileges:
        return None
    own = _ace(b"<D:property><D:owner/></D:property>", (dav("all"),), b"<D:protected/>")
    return own + b"".join(
        _ace(href_element(href(Principal(share.address))), granted(may_write=share.may_write)) for share in facts.shares
    )


def granted(*, may_write: bool) -> tuple[Name, ...]:
    """What a share gives, as an ACE words it."""
    return (dav("read"), dav("write")) if may_write else (dav("read"),)


def _ace(who: bytes, names: tuple[Name, ...], rest: bytes = b"") -> bytes:
    return b"<D:ace><D:principal>%b</D:principal><D:grant>%b</D:grant>%b</D:ace>" % (who, _privileges(names), rest)


def _restrictions(_facts: Facts) -> bytes:
    return b"<D:grant-only/><D:no-invert/>"


def _principals(_facts: Facts) -> bytes:
    return href_element(href(Principals()))


ROWS = (
    Property(dav("owner"), ALL, _owner),
    Property(dav("group"), COLLECTIONS | MEMBERS, lambda _: b""),
    Property(dav("current-user-privilege-set"), ALL, _current),
    Property(dav("supported-privilege-set"), ALL, _supported),
    Property(dav("acl"), COLLECTIONS | MEMBERS, _acl, needs=Need.SHARES),
    Property(dav("acl-restrictions"), COLLECTIONS | MEMBERS, _restrictions),
    Property(dav("inherited-acl-set"), COLLECTIONS | MEMBERS, lambda _: b""),
    Property(dav("principal-collection-set"), ALL, _principals),
)
