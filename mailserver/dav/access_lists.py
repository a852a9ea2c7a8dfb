"""An ACL that a client sends, as the shares it stands for; anything else is refused by its name in RFC 3744 §8.1.1.

A collection is its owner's, and others have it to read or to read and write: every ACE says one of the two for one
user. What the server put there itself (the owner's) may come back unchanged.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar

from mailserver.dav.errors import BadXml, DavRefusal
from mailserver.dav.names import Name, caldav, dav
from mailserver.dav.resources import Principal, Resource
from mailserver.dav.xml_reader import Element

MAX_ACES = 1_000

_ALL = dav("all")
_READS = frozenset({dav("read"), dav("read-current-user-privilege-set"), caldav("read-free-busy")})
_WRITES = frozenset(map(dav, ("write-content", "bind", "unbind", "write-properties")))
_KNOWN = _READS | _WRITES | {dav("write")}

Find = Callable[[str], Resource | None]
"""The resource of an href."""


class AclRefused(DavRefusal):
    http: ClassVar[int] = 403


class GrantOnly(AclRefused):
    text, precondition = "A privilege can be granted, and not denied", dav("grant-only")


class NoInvert(AclRefused):
    text, precondition = "A privilege is granted to named users, not to all but those", dav("no-invert")


class ProtectedAce(AclRefused):
    text, precondition = "The owner has every privilege, and keeps it", dav("no-protected-ace-conflict")


class InheritedAce(AclRefused):
    text, precondition = "There are no inherited ACEs here", dav("no-inherited-ace-conflict")


class UnsupportedPrivilege(AclRefused):
    precondition = dav("not-supported-privilege")
    text = "A collection is shared to read (DAV:read) or to read and write (DAV:read, DAV:write)"


class UnknownPrincipal(AclRefused):
    text, precondition = "Collections are shared with users of this server", dav("recognized-principal")


class ForbiddenPrincipal(AclRefused):
    text, precondition = "Collections are shared with single users, not with everybody", dav("allowed-principal")


class TooManyAces(AclRefused):
    text, precondition = "The list has more users than a collection is shared with", dav("limited-number-of-aces")


def shares(acl: Element, owner: str, find: Find) -> dict[str, bool]:
    """Address → may write, of everybody but the owner. Raises BadXml, AclRefused."""
    if acl.name != dav("acl"):
        raise BadXml("The body of ACL is DAV:acl")
    aces = list(acl.all(dav("ace")))
    if len(aces) > MAX_ACES:
        raise TooManyAces
    given: dict[str, set[Name]] = {}
    for ace in aces:
        address = _address(ace, owner, find)
        privileges = _privileges(ace)
        if address == owner:
            _require_unchanged(ace, privileges)
        else:
            given.setdefault(address, set()).update(privileges)
    return {address: _may_write(privileges) for address, privileges in given.items()}


def _address(ace: Element, owner: str, find: Find) -> str:
    """Raises BadXml, AclRefused."""
    if ace.find(dav("invert")) is not None:
        raise NoInvert
    if ace.find(dav("inherited")) is not None:
        raise InheritedAce
    principal = ace.find(dav("principal"))
    if principal is None or len(principal.children) != 1:
        raise BadXml("An ACE has one DAV:principal with one element")
    [named] = principal.children
    if named.name == dav("property") and named.find(dav("owner")) is not None:
        return owner
    if named.name != dav("href"):
        raise ForbiddenPrincipal
    resource = find(named.text)
    if not isinstance(resource, Principal):
        raise UnknownPrincipal
    return resource.user


def _privileges(ace: Element) -> frozenset[Name]:
    """Raises BadXml, AclRefused."""
    if ace.find(dav("deny")) is not None:
        raise GrantOnly
    grant = ace.find(dav("grant"))
    if grant is None:
        raise BadXml("An ACE has DAV:grant")
    return frozenset(_inside(grant.all(dav("privilege"))))


def _inside(privileges: Iterable[Element]) -> Iterator[Name]:
    return (child.name for privilege in privileges for child in privilege.children)


def _require_unchanged(ace: Element, privileges: frozenset[Name]) -> None:
    """Raises ProtectedAce."""
    if ace.find(dav("protected")) is None and _ALL not in privileges:
        raise ProtectedAce


def _may_write(privileges: set[Name]) -> bool:
    """Raises UnsupportedPrivilege for what is neither reading nor reading and writing."""
    if dav("read") not in privileges or not privileges <= _KNOWN:
        raise UnsupportedPrivilege
    wished = privileges & _WRITES
    if dav("write") in privileges or wished >= _WRITES - {dav("write-properties")}:
        return True
    if wished - {dav("write-properties")}:  # a sharee's properties are his own: he may always set them
        raise UnsupportedPrivilege
    return False
