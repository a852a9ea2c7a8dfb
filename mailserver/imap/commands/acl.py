"""SETACL, DELETEACL, GETACL, LISTRIGHTS, MYRIGHTS: sharing mailboxes. RFC 4314 §3."""

from dataclasses import dataclass

from mailserver.imap.row import Row
from mailserver.imap.session import Session
from mailserver.imap.states import AUTHENTICATED
from mailserver.imap.wire import writer
from mailserver.imap.wire.reader import BadSyntax, Reader
from mailserver.mail import rights
from mailserver.mail.rights import VIRTUAL, Rights
from mailserver.mailboxes.sharing import Change

CAPABILITY = b"ACL"


@dataclass(frozen=True, slots=True)
class Identified:
    name: str  # of the mailbox
    identifier: str  # an address of this server or "anyone", behind "-" for rights that are taken away


@dataclass(frozen=True, slots=True)
class SetAcl:
    of: Identified
    change: Change
    rights: Rights


def parse_name(r: Reader) -> str:
    """getacl = "GETACL" SP mailbox; myrights the same"""
    r.sp()
    name = r.mailbox()
    r.end()
    return name


def parse_identified(r: Reader) -> Identified:
    """deleteacl = "DELETEACL" SP mailbox SP identifier; listrights the same"""
    of = _identified(r)
    r.end()
    return of


def parse_set(r: Reader) -> SetAcl:
    """setacl = "SETACL" SP mailbox SP identifier SP mod-rights"""
    of = _identified(r)
    r.sp()
    change, given = _modification(r.astring())
    r.end()
    return SetAcl(of, change, given)


def _identified(r: Reader) -> Identified:
    r.sp()
    name = r.mailbox()
    r.sp()
    try:
        identifier = r.astring().decode("utf-8")
    except UnicodeDecodeError:
        raise BadSyntax("An identifier is UTF-8") from None
    if not identifier.removeprefix("-") or not identifier.isprintable():
        raise BadSyntax("Identifier expected")
    return Identified(name, identifier)


def _modification(octets: bytes) -> tuple[Change, Rights]:
    change = Change(octets[:1].decode("latin-1")) if octets[:1] in (b"+", b"-") else Change.REPLACE
    try:
        return change, rights.parse(octets[len(change.value) :].decode("latin-1"))
    except ValueError as fault:
        raise BadSyntax(str(fault)) from None


async def set_acl(s: Session, c: SetAcl) -> bytes:
    await s.mailboxes.sharing.set(s.user_id, c.of.name, c.of.identifier, c.change, c.rights)
    return b"SETACL completed"


async def delete_acl(s: Session, c: Identified) -> bytes:
    await s.mailboxes.sharing.remove(s.user_id, c.name, c.identifier)
    return b"DELETEACL completed"


async def get_acl(s: Session, name: str) -> bytes:
    lines = await s.mailboxes.sharing.list(s.user_id, name)
    told = b"".join(b" %b %b" % (_astring(identifier), _rights(given)) for identifier, given in lines)
    s.untagged(b"ACL %b%b" % (s.name(name), told))
    return b"GETACL completed"


async def list_rights(s: Session, c: Identified) -> bytes:
    """Each right can be given alone; the identifier comes back as it was sent, RFC 4314 §3.4."""
    found = await s.mailboxes.sharing.grantable(s.user_id, c.name, c.identifier)
    optional = [letter for letter in rights.LETTERS if letter in found.optional] + [*VIRTUAL]
    told = " ".join(optional).encode("ascii")
    required = _rights(found.required)
    s.untagged(b"LISTRIGHTS %b %b %b %b" % (s.name(c.name), _astring(c.identifier), required, told))
    return b"LISTRIGHTS completed"


async def my_rights(s: Session, name: str) -> bytes:
    s.untagged(myrights(s, name, await s.mailboxes.sharing.mine(s.user_id, name)))
    return b"MYRIGHTS completed"


def myrights(s: Session, name: str, mine: Rights) -> bytes:
    """The response, for LIST-MYRIGHTS too."""
    return b"MYRIGHTS %b %b" % (s.name(name), _rights(mine))


def _rights(given: Rights) -> bytes:
    return writer.astring(rights.text(given).encode("ascii"))


def _astring(text: str) -> bytes:
    return writer.astring(text.encode("utf-8"))


ROWS = {
    "SETACL": Row(parse_set, set_acl, AUTHENTICATED, capability=CAPABILITY),
    "DELETEACL": Row(parse_identified, delete_acl, AUTHENTICATED, capability=CAPABILITY),
    "GETACL": Row(parse_name, get_acl, AUTHENTICATED, capability=CAPABILITY),
    "LISTRIGHTS": Row(parse_identified, list_rights, AUTHENTICATED, capability=CAPABILITY),
    "MYRIGHTS": Row(parse_name, my_rights, AUTHENTICATED, capability=CAPABILITY),
}
